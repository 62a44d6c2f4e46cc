"""The corpus of hostile bodies (B01-B24), each with its one outcome and never more than 250 ms of this machine."""

from __future__ import annotations

import base64
import gc
import json
import pickle
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.codecs.codec import DecodeLimits, Reason
from worker.codecs.json.codec import JsonCodec
from worker.errors import DecodeError

if TYPE_CHECKING:
    from collections.abc import Callable

MEBIBYTE = 1_048_576
STALL_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the corpus: a body, and the reason it is refused for, or None when it is taken."""

    name: str
    body: str
    reason: Reason | None


def nest(depth: int) -> str:
    """An object with arrays in it, *depth* levels in all."""
    return '{"a":' + "[" * (depth - 1) + "]" * (depth - 1) + "}"


def array(item: str, count: int) -> str:
    """An object with *count* times *item*."""
    return '{"a":[' + ",".join([item] * count) + "]}"


def padded(size: int) -> str:
    """A valid body of exactly *size* bytes."""
    return '{"a":"' + "x" * (size - len('{"a":""}')) + '"}'


CORPUS = [
    Row("B01-empty", "", Reason.EMPTY),
    Row("B01-blank", " \t\r\n ", Reason.EMPTY),
    Row("B01-a-mebibyte-of-blanks", " " * MEBIBYTE, Reason.EMPTY),
    Row("B02-a-word", "hello", Reason.DECODE),
    Row("B02-html", "<html><body>503 Service Unavailable</body></html>", Reason.DECODE),
    Row("B02-cut-short", '{"a": [1, 2', Reason.DECODE),
    Row("B02-trailing-comma", '{"a": 1,}', Reason.DECODE),
    Row("B02-two-documents", '{"a": 1}{"a": 2}', Reason.DECODE),
    Row("B02-single-quotes", "{'a': 1}", Reason.DECODE),
    Row("B02-leading-zero", '{"a": 01}', Reason.DECODE),
    Row("B03-array", '[{"a": 1}]', Reason.SCHEMA),
    Row("B03-string", '"text"', Reason.SCHEMA),
    Row("B03-number", "42", Reason.SCHEMA),
    Row("B03-true", "true", Reason.SCHEMA),
    Row("B03-null", "null", Reason.SCHEMA),
    Row("B04-nan", '{"a": NaN}', Reason.NUMBER),
    Row("B04-infinity", '{"a": Infinity}', Reason.NUMBER),
    Row("B04-minus-infinity", '{"a": -Infinity}', Reason.NUMBER),
    Row("B04-beyond-a-double", '{"a": 1e999}', Reason.NUMBER),
    Row("B04-beyond-a-double-by-many", array("-1e400", 1_000), Reason.NUMBER),
    Row("B04-nan-in-a-string", '{"a": "NaN"}', None),
    Row("B05-32-digits", '{"a": ' + "9" * 32 + "}", None),
    Row("B05-33-digits", '{"a": ' + "9" * 33 + "}", Reason.NUMBER),
    Row("B05-4300-digits", '{"a": ' + "9" * 4_300 + "}", Reason.NUMBER),
    Row("B05-5000-digits", '{"a": -' + "9" * 5_000 + "}", Reason.NUMBER),
    Row("B05-5000-digits-in-a-string", '{"a": "' + "9" * 5_000 + '"}', None),
    Row("B05-a-long-fraction", '{"a": 0.' + "3" * 700 + "}", None),
    Row("B06-a-mebibyte-of-4300-digit-integers", array("9" * 4_300, 243), Reason.NUMBER),
    Row("B06-a-mebibyte-of-32-digit-integers", array("9" * 32, 31_700), None),
    Row("B07-exponent-of-a-million", '{"a": 1e1000000}', Reason.NUMBER),
    Row("B07-exponent-of-33-digits", '{"a": 1e' + "0" * 33 + "}", Reason.NUMBER),
    Row("B08-a-mebibyte-of-1e308", array("1e308", 174_000), Reason.SIZE),
    Row("B08-as-many-1e308-as-allowed", array("1e308", 99_000), None),
    Row("B09-depth-64", nest(64), None),
    Row("B09-depth-65", nest(65), Reason.DEPTH),
    Row("B09-depth-512", nest(512), Reason.DEPTH),
    Row("B09-depth-1025", nest(1_025), Reason.DEPTH),
    Row("B09-depth-49999", nest(49_999), Reason.DEPTH),
    Row("B09-depth-100000", nest(100_000), Reason.DEPTH),
    Row("B09-open-only", "[" * 99_000, Reason.DEPTH),
    Row("B09-objects", '{"a":' * 65 + "1" + "}" * 65, Reason.DEPTH),
    Row("B09-brackets-in-a-string", '{"a": "' + "[" * 100_000 + '"}', None),
    Row("B09-brackets-behind-escapes", '{"\\\\\\"' + "[{" * 5_000 + '\\\\": "\\"' + "{" * 5_000 + '"}', None),
    Row("B09-many-combs-of-depth-64", array("[" * 62 + "]" * 62, 1_500), None),
    Row("B10-a-mebibyte-of-empty-objects", array("{}", 349_000), Reason.SIZE),
    Row("B10-a-mebibyte-of-ones", array("1", 520_000), Reason.SIZE),
    Row("B10-commas-in-a-string", '{"a": "' + "," * 500_000 + '"}', None),
    Row("B11-95000-keys", "{" + ",".join(f'"k{n}":1' for n in range(95_000)) + "}", Reason.KEYS),
    Row("B11-10001-keys", "{" + ",".join(f'"k{n}":1' for n in range(10_001)) + "}", Reason.KEYS),
    Row("B11-10000-keys", "{" + ",".join(f'"k{n}":1' for n in range(10_000)) + "}", None),
    Row("B11-colons-in-a-string", '{"a": "' + ":" * 500_000 + '"}', None),
    Row("B12-duplicate-keys", '{"a": 1, "a": 2}', None),
    Row("B13-escaped-high-surrogate", '{"a": "\\ud800"}', Reason.UNICODE),
    Row("B13-escaped-low-surrogate", '{"a": "\\udc00 "}', Reason.UNICODE),
    Row("B13-raw-surrogate", '{"a": "\ud800"}', Reason.UNICODE),
    Row("B13-a-pair", '{"a": "\\ud83d\\ude00"}', None),
    Row("B14-escaped-nul", '{"a": "x\\u0000y"}', None),
    Row("B14-raw-nul", '{"a": "\0"}', Reason.DECODE),
    Row("B15-byte-order-mark", '\ufeff{"a": 1}', Reason.UNICODE),
    Row("B15-byte-order-mark-as-latin-1", '\xef\xbb\xbf{"a": 1}', Reason.UNICODE),
    Row("B15-utf-16-as-latin-1", '{"a": 1}'.encode("utf-16").decode("latin-1"), Reason.UNICODE),
    Row("B15-utf-16-without-a-mark", '{"a": 1}'.encode("utf-16-le").decode("latin-1"), Reason.UNICODE),
    Row("B15-bad-utf-8-in-base64", base64.b64encode(b'{"a": "\xff\xfe"}').decode(), Reason.DECODE),
    Row("B16-escaped-control-characters", '{"a": "\\u001b[31m\\r\\nINFO forged"}', None),
    Row("B17-exactly-the-limit", padded(MEBIBYTE), None),
    Row("B17-one-byte-over", padded(MEBIBYTE + 1), Reason.SIZE),
    Row("B17-over-in-bytes-but-not-in-characters", '{"a": "' + "é" * 600_000 + '"}', Reason.SIZE),
    Row("B22-template-injection", '{"a": "{{7*7}} %s {0.__class__} ${jndi:ldap://x}"}', None),
    Row("B23-pickle", pickle.dumps({"a": 1}).decode("latin-1"), Reason.DECODE),
    Row("B23-pickle-in-base64", base64.b64encode(pickle.dumps({"a": 1})).decode(), Reason.DECODE),
    Row("B23-yaml-object", "!!python/object/apply:os.system ['true']", Reason.DECODE),
    Row("B24-billion-laughs", '<!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><l>&b;</l>', Reason.DECODE),
    Row("only-quotes", '"' * MEBIBYTE, Reason.DECODE),
    Row("only-escaped-quotes", '{"a":"' + '\\"' * 500_000 + '"}', None),
    Row("only-backslashes", '{"a":"' + "\\\\" * 500_000 + '"}', None),
]


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
