"""What the codec for bytes promises: what base64 says, and nothing that is nearly base64."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.codecs.bytes.codec import BytesCodec
from worker.codecs.codec import Reason
from worker.errors import DecodeError


@given(st.binary(min_size=1, max_size=300))
def test_bytes_come_back_as_they_were(raw: bytes) -> None:
    """Whatever they are: zeros, no UTF-8, any length."""
    assert BytesCodec().decode(base64.b64encode(raw).decode()) == raw


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("YWJj\nYWJj", Reason.DECODE),
        (" YWJj", Reason.DECODE),
        ("YWJjZA", Reason.DECODE),
        ("YQ==YQ==", Reason.DECODE),
        ("_-8=", Reason.DECODE),
        ("é", Reason.DECODE),
        ("\ud800", Reason.UNICODE),
        (" ", Reason.EMPTY),
    ],
)
def test_what_is_nearly_base64_is_refused(body: str, reason: Reason) -> None:
    """Line breaks, blanks, no padding, two texts in one, the alphabet for URLs: none is guessed at."""
    with pytest.raises(DecodeError) as caught:
        BytesCodec().decode(body)
    assert caught.value.reason == reason
    assert body.strip() == "" or body not in caught.value.detail
