"""What the codec for any JSON value promises: what `json` takes it takes alike, and every other value too."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.codecs.codec import DecodeLimits, Reason
from worker.codecs.json.codec import JsonCodec
from worker.codecs.json_any.codec import JsonAnyCodec
from worker.errors import DecodeError
from worker.testing.bodies import HOSTILE

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**32) + 1, 10**32 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def ends(codec: JsonCodec | JsonAnyCodec, body: str) -> tuple[str, str]:
    """What *codec* makes of *body*: the value with its types, or the reason and its words."""
    try:
        return "taken", repr(codec.decode(body))
    except DecodeError as error:
        return error.reason, error.detail


@given(VALUES, st.booleans())
def test_any_value_is_read_back_exactly(value: object, ascii_only: bool) -> None:  # noqa: FBT001 - drawn
    """Whatever the standard library writes: wide integers keep their digits, at the top too."""
    assert repr(JsonAnyCodec().decode(json.dumps(value, ensure_ascii=ascii_only))) == repr(value)


@pytest.mark.parametrize("name", HOSTILE)
def test_it_refuses_what_json_refuses_but_for_the_type_at_the_top(name: str) -> None:
    """Each hostile body ends alike, but for those that `json` refuses for no object at the top: they are taken."""
    strict, loose = ends(JsonCodec(), HOSTILE[name]), ends(JsonAnyCodec(), HOSTILE[name])
    assert loose == strict if strict[0] != Reason.SCHEMA else loose[0] == "taken"


@given(VALUES, st.integers(0, 3), st.integers(0, 6), st.integers(1, 30))
def test_the_quick_way_passes_no_bound(value: object, depth: int, nodes: int, digits: int) -> None:
    """Near every bound it ends as the careful way ends alone."""
    codec = JsonAnyCodec(DecodeLimits(max_depth=depth, max_nodes=nodes, max_digits=digits))
    body = json.dumps(value)
    try:
        careful = "taken", repr(codec._strict.value(body))
    except DecodeError as error:
        careful = error.reason, error.detail
    assert ends(codec, body) == careful
