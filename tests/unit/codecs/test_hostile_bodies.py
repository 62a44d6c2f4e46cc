"""The corpus of hostile bodies (B01-B24), each with its one outcome and never more than 250 ms of this machine."""

from __future__ import annotations

import gc
import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.codecs.codec import DecodeLimits, Reason
from worker.codecs.json.codec import JsonCodec
from worker.errors import DecodeError
from worker.testing.bodies import HOSTILE

if TYPE_CHECKING:
    from collections.abc import Callable

STALL_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the corpus: a body, and the reason it is refused for, or None when it is taken."""

    name: str
    body: str
    reason: Reason | None


REASONS: Final[dict[str, Reason | None]] = {
    "B01-empty": Reason.EMPTY,
    "B01-blank": Reason.EMPTY,
    "B01-a-mebibyte-of-blanks": Reason.EMPTY,
    "B02-a-word": Reason.DECODE,
    "B02-html": Reason.DECODE,
    "B02-cut-short": Reason.DECODE,
    "B02-trailing-comma": Reason.DECODE,
    "B02-two-documents": Reason.DECODE,
    "B02-single-quotes": Reason.DECODE,
    "B02-leading-zero": Reason.DECODE,
    "B03-array": Reason.SCHEMA,
    "B03-string": Reason.SCHEMA,
    "B03-number": Reason.SCHEMA,
    "B03-true": Reason.SCHEMA,
    "B03-null": Reason.SCHEMA,
    "B04-nan": Reason.NUMBER,
    "B04-infinity": Reason.NUMBER,
    "B04-minus-infinity": Reason.NUMBER,
    "B04-beyond-a-double": Reason.NUMBER,
    "B04-beyond-a-double-by-many": Reason.NUMBER,
    "B04-nan-in-a-string": None,
    "B05-32-digits": None,
    "B05-33-digits": Reason.NUMBER,
    "B05-4300-digits": Reason.NUMBER,
    "B05-5000-digits": Reason.NUMBER,
    "B05-5000-digits-in-a-string": None,
    "B05-a-long-fraction": None,
    "B06-a-mebibyte-of-4300-digit-integers": Reason.NUMBER,
    "B06-a-mebibyte-of-32-digit-integers": None,
    "B07-exponent-of-a-million": Reason.NUMBER,
    "B07-exponent-of-33-digits": Reason.NUMBER,
    "B08-a-mebibyte-of-1e308": Reason.SIZE,
    "B08-as-many-1e308-as-allowed": None,
    "B09-depth-64": None,
    "B09-depth-65": Reason.DEPTH,
    "B09-depth-512": Reason.DEPTH,
    "B09-depth-1025": Reason.DEPTH,
    "B09-depth-49999": Reason.DEPTH,
    "B09-depth-100000": Reason.DEPTH,
    "B09-open-only": Reason.DEPTH,
    "B09-objects": Reason.DEPTH,
    "B09-brackets-in-a-string": None,
    "B09-brackets-behind-escapes": None,
    "B09-many-combs-of-depth-64": None,
    "B10-a-mebibyte-of-empty-objects": Reason.SIZE,
    "B10-a-mebibyte-of-ones": Reason.SIZE,
    "B10-commas-in-a-string": None,
    "B11-95000-keys": Reason.KEYS,
    "B11-10001-keys": Reason.KEYS,
    "B11-10000-keys": None,
    "B11-colons-in-a-string": None,
    "B12-duplicate-keys": None,
    "B13-escaped-high-surrogate": Reason.UNICODE,
    "B13-escaped-low-surrogate": Reason.UNICODE,
    "B13-raw-surrogate": Reason.UNICODE,
    "B13-a-pair": None,
    "B14-escaped-nul": None,
    "B14-raw-nul": Reason.DECODE,
    "B15-byte-order-mark": Reason.UNICODE,
    "B15-byte-order-mark-as-latin-1": Reason.UNICODE,
    "B15-utf-16-as-latin-1": Reason.UNICODE,
    "B15-utf-16-without-a-mark": Reason.UNICODE,
    "B15-bad-utf-8-in-base64": Reason.DECODE,
    "B16-escaped-control-characters": None,
    "B17-exactly-the-limit": None,
    "B17-one-byte-over": Reason.SIZE,
    "B17-over-in-bytes-but-not-in-characters": Reason.SIZE,
    "B22-template-injection": None,
    "B23-pickle": Reason.DECODE,
    "B23-pickle-in-base64": Reason.DECODE,
    "B23-yaml-object": Reason.DECODE,
    "B24-billion-laughs": Reason.DECODE,
    "only-quotes": Reason.DECODE,
    "only-escaped-quotes": None,
    "only-backslashes": None,
    "gzip-bomb-in-base64": Reason.DECODE,
    "yaml-aliases": Reason.DECODE,
    "nested-messagepack-in-base64": Reason.DECODE,
    "a-messagepack-array-of-four-thousand-million": Reason.DECODE,
    "nested-protobuf-in-base64": Reason.DECODE,
    "avro-block-of-many-nulls-in-base64": Reason.DECODE,
    "xml-that-reads-a-file": Reason.DECODE,
}
"""Why a body is refused for; None: it is taken."""

CORPUS = [Row(name, HOSTILE[name], reason) for name, reason in REASONS.items()]


def test_every_hostile_body_is_in_the_corpus() -> None:
    """None that comes with the package is left out here."""
    assert set(REASONS) == set(HOSTILE)


@pytest.mark.parametrize("row", CORPUS, ids=lambda row: row.name)
def test_each_hostile_body_has_its_one_outcome_without_a_stall(row: Row) -> None:
    """Every row ends as the corpus says, names a reason of the closed set, and takes less than 250 ms of CPU."""
    codec = JsonCodec()
    gc.collect()
    started = time.process_time()
    reason: str | None = None
    detail = ""
    try:
        codec.decode(row.body)
    except DecodeError as error:
        reason, detail = error.reason, error.detail
    spent = time.process_time() - started
    assert reason == row.reason
    assert spent < STALL_SECONDS
    assert len(detail) < 200
    assert len(row.body) < 40 or row.body[:40] not in detail


def ends(decode: Callable[[str], object], body: str) -> tuple[str, str]:
    """What *decode* makes of *body*, to be compared: the value with all its types, or the reason and its words."""
    try:
        return "taken", repr(decode(body))
    except DecodeError as error:
        return error.reason, error.detail


@pytest.mark.parametrize("row", CORPUS, ids=lambda row: row.name)
def test_the_quick_way_ends_as_the_careful_one(row: Row) -> None:
    """Value or reason, to the word: the quick way takes nothing that the careful one refuses, and changes nothing."""
    codec = JsonCodec()
    assert ends(codec.decode, row.body) == ends(codec._carefully, row.body)


PIECES = st.sampled_from(
    [
        *['{"', '":', "{", "}", "[", "]", ",", ":", '"', "\\", '\\"', "\\u0000", "\\ud800", "\0", "\ufeff", "\ud800"],
        *["9" * 19, "9" * 33, "1", "-", ".", "e", "1e999", "NaN", "null", "true", "a", "é", " ", "\n", "\xef\xbb\xbf"],
    ]
)
LIMITS = st.builds(
    DecodeLimits,
    max_bytes=st.integers(1, 60),
    max_depth=st.integers(0, 4),
    max_digits=st.integers(1, 40),
    max_keys=st.integers(0, 4),
    max_nodes=st.integers(0, 8),
)


@given(st.lists(PIECES, max_size=12).map("".join), LIMITS, st.booleans())
def test_the_two_ways_agree_on_whatever_is_made_of_json_s_pieces(
    inside: str,
    limits: DecodeLimits,
    whole: bool,  # noqa: FBT001 - drawn
) -> None:
    """Also where bounds are so low that every text is near one."""
    codec = JsonCodec(limits)
    body = f'{{"a":[{inside}]}}' if whole else inside
    assert ends(codec.decode, body) == ends(codec._carefully, body)


@given(
    st.dictionaries(
        st.text(max_size=4),
        st.recursive(
            st.none()
            | st.booleans()
            | st.integers(-(10**35), 10**35)
            | st.floats(allow_nan=False)
            | st.text(max_size=4),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
            max_leaves=8,
        ),
        max_size=4,
    ),
    LIMITS,
)
def test_the_two_ways_agree_on_every_object(value: dict[str, object], limits: DecodeLimits) -> None:
    """Well-formed ones, with low bounds and with the usual ones."""
    for codec in (JsonCodec(limits), JsonCodec()):
        for body in (json.dumps(value), json.dumps(value, ensure_ascii=False, separators=(",", ":"))):
            assert ends(codec.decode, body) == ends(codec._carefully, body)
