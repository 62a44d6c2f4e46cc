"""The lifeline between a process and its parent, over a real socket, with real signals."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import pytest

from worker.facts import WorkerStarted, WorkerStopping
from worker.pipeline.stopping import Stop
from worker.process.lifeline import PARENT_GONE, Lifeline
from worker.process.signals import stop_on_signals

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _signals() -> Iterator[None]:
    """As they were before: what was surrounded leaves them ignored."""
    all_that_stop = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)
    before = {number: signal.getsignal(number) for number in all_that_stop}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@contextmanager
def tied() -> Iterator[tuple[Lifeline, socket.socket]]:
    """A child's end and its parent's."""
    ours, theirs = socket.socketpair()
    with closing(ours):
        yield Lifeline(theirs.detach()), ours


def never() -> None:
    raise AssertionError("it was not too late")


async def test_it_says_where_it_answers_and_that_it_started() -> None:
    """Two lines, and no other fact makes one."""
    with tied() as (lifeline, parent):
        lifeline.listening("http://127.0.0.1:1")
        lifeline.observe(WorkerStopping("SIGTERM", 1.0))
        lifeline.observe(WorkerStarted("w-0", "1", (), "http://127.0.0.1:1"))
        lifeline.listen(request=lambda _: None, force=lambda: None)
        lifeline.close()
        assert parent.makefile().read() == "listening http://127.0.0.1:1\nstarted\n"


async def test_words_that_came_before_anybody_listened_are_obeyed() -> None:
    """A parent may be told to stop while its children are being started; in pieces or together, each line counts."""
    with tied() as (lifeline, parent):
        parent.sendall(b"stop SIG")
        parent.sendall(b"TERM\nforce\n")
        stop = Stop(drain_seconds=5)
        with stop_on_signals(stop, too_late=never, lifeline=lifeline):
            await stop.wait()
            assert (stop.reason, stop.forced) == ("SIGTERM", True)


async def test_a_parent_that_is_gone_is_a_reason_to_stop() -> None:
    """Nothing has to be said: the kernel closes what a dead process had open."""
    with tied() as (lifeline, parent):
        stop = Stop(drain_seconds=5)
        with stop_on_signals(stop, too_late=never, lifeline=lifeline):
            parent.close()
            await stop.wait()
        assert (stop.reason, stop.forced) == (PARENT_GONE, False)
    lifeline.listening("nobody")  # and saying something then harms nobody


async def test_signals_of_the_whole_group_never_force_a_process_that_has_a_parent() -> None:
    """A terminal or systemd signals everybody, and the parent passes it on: together that is one request."""
    with tied() as (lifeline, parent):
        stop = Stop(drain_seconds=5)
        with stop_on_signals(stop, too_late=never, lifeline=lifeline):
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGINT):
                os.kill(os.getpid(), number)
                await asyncio.sleep(0)
            parent.sendall(b"stop SIGINT\n")
            await stop.wait()
            await asyncio.sleep(0)
            assert not stop.forced


async def test_without_a_parent_the_second_signal_forces() -> None:
    """A person at a terminal who asks twice means it."""
    stop = Stop(drain_seconds=5)
    with stop_on_signals(stop, too_late=never):
        os.kill(os.getpid(), signal.SIGTERM)
        await stop.wait()
        os.kill(os.getpid(), signal.SIGTERM)
        while not stop.forced:  # noqa: ASYNC110 - the loop is turned until the signal has been handled
            await asyncio.sleep(0)
    assert stop.reason == "SIGTERM"


async def test_what_a_handler_starts_does_not_hold_the_line() -> None:
    """The descriptor is not inherited a second time."""
    ours, theirs = socket.socketpair()
    with closing(ours):
        os.set_inheritable(theirs.fileno(), True)  # noqa: FBT003 - the standard library's signature
        number = theirs.detach()
        lifeline = Lifeline(number)
        assert not os.get_inheritable(number)
        lifeline.close()
