"""Every codec of ours passes the suite that anyone's codec has to pass, and the suite finds what is broken."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Final

import pytest

from tests.contract.broken.codec_suite import DEFECTS, SOUND, Defect
from tests.contract.broken.run import PASSED, what_it_said
from worker.codecs.avro.codec import AvroCodec
from worker.codecs.avro.settings import AvroSettings
from worker.codecs.bytes.codec import BytesCodec
from worker.codecs.codec import DecodeLimits, Reason
from worker.codecs.json.codec import JsonCodec
from worker.codecs.json_any.codec import JsonAnyCodec
from worker.codecs.registry import CODECS
from worker.codecs.text.codec import TextCodec
from worker.testing.codecs import CodecCase, CodecConformance


def avro(limits: DecodeLimits) -> AvroCodec:
    return AvroCodec(AvroSettings(schema_file=str(Path(__file__).with_name("bomb.avsc"))), limits)


def coded(datum: str) -> str:
    return base64.b64encode(bytes.fromhex(datum)).decode()


CASES: Final = {
    "avro": CodecCase(
        make=avro,
        taken={coded("00 00 00 02 61"): {"nulls": [], "inner": None, "by_name": {}, "text": "a"}},
        refused={"": Reason.EMPTY, "hello": Reason.DECODE, coded("00 00 00"): Reason.DECODE},
        hostile={
            "twenty million nulls": coded("80b4891300 00 00 00"),
            "as many as a number says": coded("feffffffffffffffff01"),
            "the smallest number of items": coded("ffffffffffffffffff01 00 00"),
            "within itself": base64.b64encode(b"\0\x02" * 390_000).decode(),
            "names": base64.b64encode(b"\0\0" + b"\xa0\xc2\x1e" + b"\0" * 700_000).decode(),
            "nulls that pass": coded("a09c0c00 00 00 00"),
        },
    ),
    "json": CodecCase(
        make=JsonCodec,
        taken={'{"a": 1, "é": [null, "😀"]}': {"a": 1, "é": [None, "😀"]}, "{}": {}},
        refused={"[1]": Reason.SCHEMA, "{": Reason.DECODE, "": Reason.EMPTY, '{"a": NaN}': Reason.NUMBER},
    ),
    "json-any": CodecCase(
        make=JsonAnyCodec,
        taken={'{"a": [1]}': {"a": [1]}, "[1, {}]": [1, {}], '"é"': "é", "4.5": 4.5, "true": True, "null": None},
        refused={"[1": Reason.DECODE, " ": Reason.EMPTY, "NaN": Reason.NUMBER, '"\\ud800"': Reason.UNICODE},
        hostile={"32 digits": "9" * 32, "33 digits": "9" * 33, "many": "[" + "1," * 500_000 + "1]"},
    ),
    "bytes": CodecCase(
        make=BytesCodec,
        taken={"AAH/": b"\0\x01\xff", "YQ==": b"a"},
        refused={"": Reason.EMPTY, "YQ": Reason.DECODE, "YQ==\n": Reason.DECODE, "-_8=": Reason.DECODE},
    ),
    "text": CodecCase(
        make=TextCodec, taken={text: text for text in ("a", "é😀", " \n", "\0")}, refused={"\ud800": Reason.UNICODE}
    ),
}
TESTS = {name for name in dir(CodecConformance) if name.startswith("test_")}


@pytest.fixture(params=sorted(CASES))
def codec_case(request: pytest.FixtureRequest) -> CodecCase:
    return CASES[request.param]


class TestOurCodecs(CodecConformance):
    """The suite, for each."""


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> dict[str, list[str]]:
    folder: Path = tmp_path_factory.mktemp("codecs")
    return what_it_said("tests/contract/broken/codec_suite.py", pytestconfig.rootpath, folder)


def test_every_codec_of_ours_has_a_case() -> None:
    """A new folder of `worker/codecs` is held to the suite like the others."""
    assert {*CASES} == {*CODECS.built_in}


def test_every_test_of_the_suite_has_a_defect_that_it_finds() -> None:
    """A test that nothing can fail would be none."""
    assert {defect.test for defect in DEFECTS} == TESTS


@pytest.mark.slow
@pytest.mark.timeout(600)  # of the first one, which waits for the run of the suite
@pytest.mark.xdist_group("codecs")
def test_a_sound_codec_passes_everything(said: dict[str, list[str]]) -> None:
    """No fault is found where there is none."""
    assert {*said[f"{SOUND.kind.__name__}:"]} == {PASSED}
    assert len(said[f"{SOUND.kind.__name__}:"]) >= len(TESTS)


@pytest.mark.slow
@pytest.mark.timeout(600)  # of the first one, which waits for the run of the suite
@pytest.mark.xdist_group("codecs")
@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: f"{defect.kind.__name__}:{defect.test}")
def test_a_defect_is_found_by_the_test_that_should(defect: Defect, said: dict[str, list[str]]) -> None:
    """And the failure says what was promised and what was seen."""
    failures = [words for words in said[f"{defect.kind.__name__}:{defect.test}"] if words != PASSED]
    assert failures
    assert any(defect.words in words for words in failures), failures
