"""Deadlines: each is due once, in its time, by one timer."""

from __future__ import annotations

import asyncio
from math import inf
from typing import TYPE_CHECKING

from tests.model.simloop import simulated
from worker.waiting.deadlines import RESOLUTION_SECONDS, Deadlines

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest


class Diary:
    """What was due, and when."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.due: list[tuple[str, float]] = []
        self.deadlines: Deadlines[str] = Deadlines(lambda key: self.due.append((key, self.loop.time())))


@simulated
async def test_each_is_due_once_and_in_its_own_time() -> None:
    """Whatever the order in which they were set; who stays is not due again."""
    diary = Diary()
    for key, at in (("c", 30.0), ("a", 10.0), ("b", 20.0), ("never", inf)):
        diary.deadlines.set(key, at)
    await asyncio.sleep(100)
    assert diary.due == [("a", 10), ("b", 20), ("c", 30)]


@simulated
async def test_what_is_dropped_or_moved_is_not_due_at_its_old_time() -> None:
    """The timer may go off then, and finds nothing."""
    diary = Diary()
    for key in ("dropped", "later", "sooner"):
        diary.deadlines.set(key, 10)
    del diary.deadlines.at["dropped"]
    diary.deadlines.set("later", 20)
    diary.deadlines.set("sooner", 5)
    await asyncio.sleep(100)
    assert diary.due == [("sooner", 5), ("later", 20)]


@simulated
async def test_what_is_set_anew_when_it_is_due_is_due_again() -> None:
    """Also for another key, and one whose turn has not come yet in the same step may be dropped."""
    loop = asyncio.get_running_loop()
    due: list[tuple[str, float]] = []

    def note(key: str) -> None:
        due.append((key, loop.time()))
        if loop.time() < 12:
            deadlines.set(key, loop.time() + 1)
            deadlines.at.pop("dropped", None)
            deadlines.set("moved", 20)
            if key == "first":
                deadlines.set("third", 11.5)

    deadlines: Deadlines[str] = Deadlines(note)
    deadlines.set("first", 10)
    deadlines.set("dropped", 10)
    deadlines.set("moved", 10)
    await asyncio.sleep(100)
    assert due == [("first", 10), ("first", 11), ("third", 11.5), ("first", 12), ("third", 12.5), ("moved", 20)]


@simulated
async def test_one_that_fails_takes_no_other_with_it() -> None:
    """Those that are due with it are due a little later, and later ones in their time."""
    loop = asyncio.get_running_loop()
    due: list[str] = []
    said: list[object] = []
    loop.set_exception_handler(lambda _, context: said.append(context["exception"]))

    def note(key: str) -> None:
        if key == "bad":
            raise ValueError(key)
        due.append(key)

    deadlines: Deadlines[str] = Deadlines(note)
    for key, at in (("bad", 1.0), ("with it", 1.0), ("later", 2.0)):
        deadlines.set(key, at)
    await asyncio.sleep(10)
    assert due == ["with it", "later"]
    assert [type(error) for error in said] == [ValueError]


@simulated
async def test_a_stopped_one_starts_again() -> None:
    """What is set before and after is due when the next is set; nothing was due meanwhile."""
    diary = Diary()
    diary.deadlines.stop()
    diary.deadlines.set("before", 10)
    diary.deadlines.stop()
    await asyncio.sleep(50)
    assert diary.due == []
    diary.deadlines.set("after", 60)
    await asyncio.sleep(50)
    assert diary.due == [("before", 60), ("after", 60)]


@simulated
async def test_a_timer_that_goes_off_a_little_too_soon_is_soon_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """As uvloop's may: what is due within its resolution is due, and nothing is looked at twice for it."""
    loop = asyncio.get_running_loop()
    timers: list[float] = []
    call_at = loop.call_at

    def early(when: float, callback: Callable[..., object]) -> asyncio.TimerHandle:
        timers.append(when)
        return call_at(when - 0.9 * RESOLUTION_SECONDS, callback)

    monkeypatch.setattr(loop, "call_at", early)
    diary = Diary()
    diary.deadlines.set("soon", 10)
    diary.deadlines.set("later", 10 + 2 * RESOLUTION_SECONDS)
    end = loop.create_future()
    call_at(20, end.set_result, None)
    await end
    assert [key for key, _ in diary.due] == ["soon", "later"]
    assert len(timers) == 2
