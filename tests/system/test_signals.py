"""Stopping a real worker with real signals, in every state it can be in."""

from __future__ import annotations

import json
import os
import signal
import time
from typing import TYPE_CHECKING

import pytest

from tests.system.rig import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.system.rig import Rig

SLOW_HANDLER = """
import asyncio

async def handle(message):
    await asyncio.sleep(1)
"""
ENDLESS_HANDLER = """
import asyncio

async def handle(message):
    await asyncio.sleep(3600)
"""


def visible(rig: Rig) -> int:
    return int(rig.books()["visible"])


SLOW_IMPORT = """
import time
print("importing", flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT])
@pytest.mark.parametrize(("command", "clean"), [("run", True), ("loopback", True), ("check", False)])
def test_a_signal_while_the_program_still_imports_ends_it(
    rig: Rig, command: str, number: signal.Signals, *, clean: bool
) -> None:
    """A handler is there before the imports: PID 1 has no default action; nothing is in hand yet."""
    (rig.folder / "click.py").write_text(SLOW_IMPORT)
    child = rig.start([command], {"PYTHONPATH": f"{rig.folder}{os.pathsep}{ROOT}"})
    child.until("importing")
    child.tell(number)
    assert child.end() == (0 if clean else 128 + number)
    assert [line for line in child.lines if "importing" not in line] == [
        f"worker: {number.name} before anything was received: nothing is in hand, so the program ends\n"
    ]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT])
def test_a_signal_while_idle_ends_after_the_long_poll_under_way(rig: Rig, number: signal.Signals) -> None:
    """The receive under way is answered first, so nothing that SQS chose for it is hidden; then the exit code is 0."""
    worker = rig.worker(SQS_WAIT_TIME_SECONDS="2")
    worker.event("worker_started")
    worker.event("messages_received")
    worker.tell(number)
    told = worker.event("worker_stopping")
    assert told["reason"] == number.name
    assert "1 receive under way (up to 2 s)" in told["note"]
    assert "a second signal" in told["note"]
    assert worker.end() == 0
    assert worker.account()["in_flight"] == 0


def test_what_a_long_poll_brings_after_sigterm_is_visible_again_at_once(rig: Rig) -> None:
    """A message that arrives while the worker is stopping is given back, not hidden until its lease ends."""
    worker = rig.worker(SQS_WAIT_TIME_SECONDS="20")
    worker.event("worker_started")
    rig.until(lambda: rig.requests().get("ReceiveMessage", 0) >= 1, "a long poll")
    worker.tell(signal.SIGTERM)
    worker.event("worker_stopping")
    rig.send(3)
    assert worker.end() == 0
    assert visible(rig) == 3
    assert worker.account()["released"] == worker.account()["received"] <= 3


def test_sigterm_while_busy_finishes_what_is_in_hand_and_gives_the_rest_back(rig: Rig) -> None:
    """Handlers finish, their messages are deleted, everything else is visible again when the process is gone."""
    (rig.folder / "slow.py").write_text(SLOW_HANDLER)
    rig.send(60)
    worker = rig.worker(SINK="handler", HANDLER="slow:handle", WORKER_CONCURRENCY="4")
    rig.until_books("deleted", 4)
    worker.tell(signal.SIGTERM)
    began = time.monotonic()
    assert worker.end() == 0
    assert time.monotonic() - began < 1 + 3 + 4  # the longest handler, three seconds, and a noisy machine
    account, books = worker.account(), rig.books()
    assert account["in_flight"] == 0
    assert books["deleted"] == account["deleted"]
    assert books["visible"] == 60 - account["deleted"]
    assert books["not_visible"] == 0


def test_a_second_signal_gives_back_what_is_in_hand_and_leaves_at_once(rig: Rig) -> None:
    """Nobody waits for a handler that takes an hour; its message is visible again, and the exit code says not clean."""
    (rig.folder / "endless.py").write_text(ENDLESS_HANDLER)
    rig.send(8)
    worker = rig.worker(SINK="handler", HANDLER="endless:handle", HANDLER_TIMEOUT_SECONDS="3600")
    rig.until_books("received", 8)
    worker.tell(signal.SIGTERM)
    worker.event("worker_stopping")
    worker.tell(signal.SIGTERM)
    assert worker.end() == 1
    assert visible(rig) == 8


def test_the_drain_deadline_ends_a_handler_that_does_not(rig: Rig) -> None:
    """At three quarters of the time to drain handlers are cancelled, and their messages are given back in the rest."""
    (rig.folder / "endless.py").write_text(ENDLESS_HANDLER)
    rig.send(5)
    worker = rig.worker(
        SINK="handler", HANDLER="endless:handle", HANDLER_TIMEOUT_SECONDS="3600", WORKER_DRAIN_SECONDS="3"
    )
    rig.until_books("received", 5)
    worker.tell(signal.SIGTERM)
    assert worker.end() == 0
    assert visible(rig) == 5
    assert (
        worker.account()["released"] >= 5
    )  # a long poll still open may be handed some of them, and releases them again


def test_sigterm_before_ready_ends_clean(rig: Rig) -> None:
    """A worker told to stop while it still waits for SQS stops at once, with nothing in hand."""
    worker = rig.worker(SQS_ENDPOINT_URL="http://127.0.0.1:9", SQS_QUEUE_URL="http://127.0.0.1:9/000000000000/orders")
    worker.event("start_delayed")
    worker.tell(signal.SIGTERM)
    assert worker.end() == 0


def test_drain_ends_with_zero_once_the_queue_is_empty(rig: Rig) -> None:
    """`--drain` is done when no message is left in any state, and every message is one row."""
    rig.send(500)
    worker = rig.worker("--drain")
    assert worker.end() == 0
    assert len(set(rig.rows())) == len(rig.rows()) == 500
    assert rig.books()["deleted"] == 500


def test_the_final_account_adds_up_and_the_report_has_exactly_its_keys(rig: Rig, tmp_path: Path) -> None:
    """Received = deleted + retried + rejected + released + expired + in flight, and one report line at the end."""
    assert tmp_path.exists()
    rig.send(100)
    worker = rig.worker("--drain")
    assert worker.end() == 0
    account = worker.account()
    ends = ("deleted", "retried", "rejected", "released", "expired", "in_flight")
    assert account["received"] == sum(account[end] for end in ends) == 100
    reports = [json.loads(line) for line in worker.lines if '"messagesProcessed"' in line]
    assert list(reports[-1]) == [
        "workerId", "messagesProcessed", "messagesFailed", "uptimeSeconds",
        "throughputPerSecond", "throughputPerHour", "throughputPerDay",
    ]  # fmt: skip
    assert reports[-1]["messagesProcessed"] == 100


def test_signals_that_come_when_all_is_done_do_not_change_the_exit_code(rig: Rig) -> None:
    """Whoever signals until the process is gone gets the exit code of how it ended, not of the last signal."""
    rig.send(20)
    worker = rig.worker("--drain")
    worker.event("worker_stopped")
    while worker.process.poll() is None:
        worker.tell(signal.SIGTERM)
    assert worker.end() == 0
