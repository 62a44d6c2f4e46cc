"""What the JSON codec promises about the bodies it takes."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from worker.codecs.codec import DecodeLimits, Reason
from worker.codecs.json.codec import JsonCodec
from worker.codecs.precheck import JsonBounds
from worker.errors import DecodeError

INTEGERS = st.integers(min_value=-(10**32) + 1, max_value=10**32 - 1)
VALUES = st.recursive(
    st.none() | st.booleans() | INTEGERS | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=30,
)


def depth_of(value: object) -> int:
    """Levels of containers in *value*."""
    if isinstance(value, dict):
        return 1 + max((depth_of(v) for v in value.values()), default=0)
    if isinstance(value, list):
        return 1 + max((depth_of(v) for v in value), default=0)
    return 0


def nodes_of(value: object) -> int:
    """Values in *value*, itself included."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + sum(nodes_of(v) for v in inner)


def keys_of(value: object) -> int:
    """Members of all objects in *value*."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return (len(value) if isinstance(value, dict) else 0) + sum(keys_of(v) for v in inner)


@given(st.dictionaries(st.text(), VALUES, max_size=5), st.booleans())
def test_what_the_standard_library_writes_is_read_back_exactly(value: dict[str, object], ascii_only: bool) -> None:  # noqa: FBT001 - drawn
    """No value changes on the way: wide integers keep their digits and their type, text its characters."""
    decoded = JsonCodec().decode(json.dumps(value, ensure_ascii=ascii_only))
    assert decoded == value
    assert repr(decoded) == repr(value)


@given(
    st.dictionaries(st.text('a{[:,"\\', max_size=6), VALUES, min_size=1, max_size=4),
    st.integers(1, 8),
    st.integers(1, 20),
    st.integers(1, 30),
)
@example({"": [""]}, 2, 1, 2)
def test_the_bounds_measure_what_the_decoder_would_build(
    value: dict[str, object], max_depth: int, max_keys: int, max_nodes: int
) -> None:
    """A body is refused exactly when its decoded value is over a bound, whatever its strings look like."""
    limits = DecodeLimits(max_depth=max_depth, max_keys=max_keys, max_nodes=max_nodes)
    over = depth_of(value) > max_depth or keys_of(value) > max_keys or nodes_of(value) > max_nodes
    refused = False
    try:
        JsonBounds(limits).check(json.dumps(value, separators=(",", ":")).encode())
    except DecodeError:
        refused = True
    assert refused == over


@pytest.mark.parametrize("number", [2**63 - 1, 2**63, 2**64 - 1, 2**64, -(2**63), -(2**63) - 1, 10**31])
def test_integers_around_64_bits_keep_every_digit(number: int) -> None:
    """No integer is turned into a float, on either side of the widths that orjson knows."""
    decoded = JsonCodec().decode(f'{{"n": {number}, "s": "{number}"}}')
    assert decoded == {"n": number, "s": str(number)}
    assert type(decoded["n"]) is int


def test_the_last_of_duplicate_keys_wins() -> None:
    """One behaviour for duplicate keys, also when a wide integer sends the body to the other decoder."""
    assert JsonCodec().decode('{"a": 1, "a": 2}') == {"a": 2}
    assert JsonCodec().decode('{"a": 1, "a": 123456789012345678901}') == {"a": 123456789012345678901}


def test_a_lower_limit_of_digits_is_held() -> None:
    """The limit of digits counts below 64 bits, too, and spares fractions."""
    codec = JsonCodec(DecodeLimits(max_digits=5))
    assert codec.decode('{"a": 12345, "b": 0.1234567}') == {"a": 12345, "b": 0.1234567}
    with pytest.raises(DecodeError) as caught:
        codec.decode('{"a": 123456}')
    assert caught.value.reason == Reason.NUMBER


def test_floats_are_the_nearest_double() -> None:
    """A fraction of more digits than a double holds is rounded as the standard library rounds it."""
    text = "0.1000000000000000055511151231257827021181583404541015625"
    assert JsonCodec().decode(f'{{"a": {text}}}') == {"a": float(Decimal(text))}


def test_the_error_points_to_the_place_and_keeps_the_body_to_itself() -> None:
    """The dead letter says where the body is broken and never quotes it."""
    with pytest.raises(DecodeError) as caught:
        JsonCodec().decode('{"secret-token": oops}')
    assert "line 1 column 18" in caught.value.detail
    assert "secret" not in str(caught.value)
