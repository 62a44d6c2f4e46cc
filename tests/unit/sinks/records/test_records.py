"""Records and the calls they go into, without any service."""

from __future__ import annotations

from random import Random

import pytest

from worker.errors import SinkUnavailable
from worker.sinks.records import putting
from worker.sinks.records.putting import CallTerms, RecordPutter
from worker.sinks.records.record import Record, RecordLimits, fitted, next_call

LIMITS = RecordLimits(records=3, call_bytes=10, record_bytes=20)


def records(*said: tuple[str, str, int]) -> list[Record]:
    """By id, partition key and size."""
    return [Record(name, key, b"", size) for name, key, size in said]


def ids(call: list[Record]) -> str:
    """Those of a call."""
    return "".join(record.id for record in call)


def test_a_call_ends_at_the_limits() -> None:
    """So many records, so many bytes; one that is larger than a call goes alone."""
    assert ids(next_call(records(*[(name, name, 1) for name in "abcd"]), LIMITS, in_order=False)) == "abc"
    assert ids(next_call(records(("a", "a", 6), ("b", "b", 4), ("c", "c", 1)), LIMITS, in_order=False)) == "ab"
    assert ids(next_call(records(("a", "a", 15), ("b", "b", 1)), LIMITS, in_order=False)) == "a"


def test_in_order_a_call_has_one_record_of_each_key() -> None:
    """The first of each, whatever stands between them; without order a key may be there several times."""
    waiting = records(("a", "1", 1), ("b", "1", 1), ("c", "2", 1), ("d", "1", 1), ("e", "3", 1))
    assert ids(next_call(waiting, LIMITS, in_order=True)) == "ace"
    assert ids(next_call(waiting, LIMITS, in_order=False)) == "abc"


def test_in_order_nothing_overtakes_a_record_that_did_not_fit() -> None:
    """A smaller one of its key, behind it, is not put before it."""
    waiting = records(("a", "1", 8), ("b", "2", 8), ("c", "2", 1))
    assert ids(next_call(waiting, LIMITS, in_order=True)) == "a"


@pytest.mark.parametrize("key", ["", "x" * 257, "ü"])
def test_what_can_be_no_partition_key_becomes_one(key: str) -> None:
    """Always the same, and of ASCII."""
    assert fitted(key) == fitted(key)
    assert (len(fitted(key)), fitted(key).isascii()) == (64, True)
    assert fitted("x" * 256) == "x" * 256


async def test_what_failed_batches_had_stored_is_forgotten_at_some_point(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest first: memory stays bounded, and a message that was forgotten is put again."""
    monkeypatch.setattr(putting, "REMEMBERED", 3)
    monkeypatch.setattr(putting, "PAUSE_SECONDS", 0.0)
    putter = RecordPutter(CallTerms("stream", LIMITS, in_order=False), Random(1))
    asked: list[str] = []

    async def all_but_z(call: object) -> list[str]:
        assert isinstance(call, list)
        asked.append(ids(call))
        return ["Busy" if record.id == "z" else "" for record in call]

    for name in "abcd":
        with pytest.raises(SinkUnavailable, match="takes nothing at the moment: Busy"):
            await putter.put(records((name, "1", 1), ("z", "1", 1)), all_but_z)
    asked.clear()
    await putter.put(records(*[(name, "1", 1) for name in "abcd"]), all_but_z)
    assert asked == ["a"]
