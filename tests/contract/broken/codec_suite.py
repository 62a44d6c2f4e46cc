"""The conformance suite over a sound codec and over broken ones: run by `test_codecs.py` in a process of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import pytest

from tests.contract.broken import codecs
from worker.codecs.codec import Reason
from worker.testing.codecs import CodecCase, CodecConformance


@dataclass(frozen=True, slots=True)
class Defect:
    """A broken codec, and how it is found out."""

    kind: type[codecs.Sound]
    test: str
    """Of the suite."""
    words: str
    """In the failure."""


ANY: Final = "test_any_body_is_decoded_or_refused_in_time"
OWN: Final = "test_bodies_made_against_this_format_are_decoded_or_refused_in_time"
DEFECTS: Final = (
    Defect(codecs.RoundsNumbers, "test_a_good_body_is_the_value_that_it_says", "a good body is its value"),
    Defect(codecs.SharesValues, "test_a_good_body_is_the_value_that_it_says", "a value of its own"),
    Defect(codecs.TakesAnything, "test_a_bad_body_is_refused_for_its_reason", "but seen  taken"),
    Defect(codecs.RaisesOthers, ANY, "RecursionError"),
    Defect(codecs.OwnReasons, ANY, "one of the closed set"),
    Defect(codecs.QuotesBodies, ANY, "never holds the body"),
    Defect(codecs.TakesItsTime, ANY, "s of CPU"),
    Defect(codecs.LetsSurrogatesIn, ANY, "Unicode text only"),
    Defect(codecs.FailsOnBombs, OWN, "MemoryError"),
    Defect(codecs.ReadsFiles, "test_a_body_does_nothing_but_be_decoded", "['open'"),
    Defect(codecs.KnowsNoLimit, "test_a_body_beyond_the_limit_is_refused_for_its_size", "where"),
    Defect(codecs.HasNoName, "test_it_has_a_name", "a name is a word"),
)
SOUND: Final = Defect(codecs.Sound, "", "")


@pytest.fixture(params=(SOUND, *DEFECTS), ids=lambda defect: f"{defect.kind.__name__}:{defect.test}")
def codec_case(request: pytest.FixtureRequest) -> CodecCase:
    defect: Defect = request.param
    if defect.test and request.function.__name__ != defect.test:
        pytest.skip("another defect's")
    return CodecCase(
        make=defect.kind,
        taken={'{"n": 9007199254740993}': {"n": 2**53 + 1}},
        refused={"[1]": Reason.SCHEMA, "{": Reason.DECODE},
        hostile={"bomb": '{"bomb": 1}'},
    )


class TestSuite(CodecConformance):
    """Every test of it."""
