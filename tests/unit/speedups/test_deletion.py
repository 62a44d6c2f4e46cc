"""A delete written in C is that of Python, byte by byte."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker import speedups
from worker.message import Delivery
from worker.sqs.native.queue import encoded

URL = "https://sqs.eu-west-1.amazonaws.com/1/orders-é"
HEAD = encoded({"QueueUrl": URL, "Entries": []}).removesuffix(b"]}")


def holding(handle: str) -> Delivery:
    """A delivery of which only the handle matters."""
    return Delivery("m", handle, "", 0.0, 0.0, 1, 0.0)


@given(st.lists(st.text(st.characters(max_codepoint=300)), min_size=1, max_size=10))
def test_it_is_that_of_python_or_left_to_it(handles: list[str]) -> None:
    """Whatever must be spelled otherwise in JSON is left to Python; SQS's handles never are."""
    written = speedups.deletion(HEAD, [holding(handle) for handle in handles])
    entries = [{"Id": str(i), "ReceiptHandle": handle} for i, handle in enumerate(handles)]
    plain = all(handle.isascii() and not any(c < " " or c in '"\\' for c in handle) for handle in handles)
    assert written == (encoded({"QueueUrl": URL, "Entries": entries}) if plain else None)


@pytest.mark.parametrize("some", [[], [holding("h")] * 11, (holding("h"),), [object()], None])
def test_what_is_no_batch_is_left_to_python(some: object) -> None:
    """Which knows what to say."""
    assert speedups.deletion(HEAD, some) is None  # type: ignore[arg-type] # on purpose
    assert speedups.deletion(bytearray(HEAD), [holding("h")]) is None  # type: ignore[arg-type] # as above
