"""Your own code behind a real worker: every way in which a function can end, as SQS sees it."""

from __future__ import annotations

import json
import signal
import time
from typing import TYPE_CHECKING

import pytest

from worker.telemetry.http.fetch import fetch

if TYPE_CHECKING:
    from tests.system.rig import Rig

WRITES_DOWN = """
from pathlib import Path

def note(messages):
    with Path("seen").open("a") as seen:
        seen.write("".join(message.value["order_id"] + "\\n" for message in messages))
"""
ASYNC = "async def handle(message):\n    note([message])\n"
PLAIN = "def handle(message):\n    note([message])\n"
BATCH = "async def handle_batch(messages):\n    note(messages)\n"
PLAIN_BATCH = "def handle_batch(messages):\n    note(messages)\n"
DECIDES = """
import asyncio
import sys
from datetime import timedelta

from worker.outcome import Reject, Retry


class PanicException(BaseException):
    pass


async def exits():
    sys.exit(3)


async def cancels(what):
    if what == 9:
        asyncio.get_running_loop().call_later(0.01, asyncio.current_task().cancel)
    if what == 19:
        for task in asyncio.all_tasks():
            task.cancel()
    if what == 29:
        raise PanicException("called `Option::unwrap()` on a `None` value")
    if what == 39:
        asyncio.get_running_loop().create_task(exits())
    await asyncio.sleep(1 if what == 39 else 3600)
    raise asyncio.CancelledError


async def handle(message):
    number, first = int(message.value["order_id"].rpartition("-")[2]), message.receive_count == 1
    if number % 10 == 0:
        raise Reject("out-of-stock", detail="nothing left")
    if number % 10 == 1 and first:
        raise Retry("later", after=1)
    if number % 10 == 2 and first:
        raise KeyError("customer")
    if number % 10 == 3 and first:
        await asyncio.sleep(3600)
    if number % 10 == 4 and first:
        raise SystemExit(1)
    if number % 10 == 5 and first:
        raise asyncio.CancelledError
    if number % 10 == 6 and first:
        raise Retry(after=float("nan"))
    if number % 10 == 7 and first:
        raise Retry(after=timedelta(seconds=1))
    if number % 10 == 9 and first:
        await cancels(number)
    if number % 10 == 8:
        raise Reject(7, ValueError("not even a text"))
"""
DEAF = """
import asyncio

async def handle(message):
    while True:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            pass
"""


@pytest.mark.parametrize("code", [ASYNC, PLAIN, BATCH, PLAIN_BATCH], ids=["async", "plain", "batch", "plain batch"])
def test_each_kind_of_function_is_given_every_message_once(rig: Rig, code: str) -> None:
    """Without trouble a function sees each message once, and SQS is asked to delete it once."""
    (rig.folder / "mine.py").write_text(WRITES_DOWN + code)
    rig.send(60)
    worker = rig.worker(
        "--drain", SINK="handler", HANDLER="mine:" + ("handle_batch" if "handle_batch" in code else "handle")
    )
    assert worker.end() == 0
    seen = (rig.folder / "seen").read_text().split()
    assert len(seen) == len(set(seen)) == 60
    assert rig.books()["deleted"] == 60


def test_every_way_a_function_can_end_becomes_the_outcome_it_says(rig: Rig) -> None:
    """Rejected ones are dead letters with their reason, all else that is raised is a retry; nothing ends the worker."""
    (rig.folder / "decides.py").write_text(DECIDES)
    rig.sqs.create_queue(QueueName="dead")
    rig.send(40)
    worker = rig.worker(
        "--drain",
        SINK="handler",
        HANDLER="decides:handle",
        HANDLER_TIMEOUT_SECONDS="1",
        SQS_DLQ_URL=rig.url("dead"),
        RETRY_BASE_SECONDS="0",
        WORKER_CONCURRENCY="40",
    )
    assert worker.end() == 0
    contexts = [json.loads(letter["MessageAttributes"]["DeadLetter"]["StringValue"]) for letter in rig.dead_letters()]
    assert sorted((told["reason"], told["detail"], told["attempts"]) for told in contexts) == [
        *[("7", "not even a text", 1)] * 4,
        *[("out-of-stock", "nothing left", 1)] * 4,
    ]
    reasons = {fact["reason"] for fact in worker.facts("message_retried")}
    expected = {"later", "KeyError", "timeout", "SystemExit", "CancelledError", "handler", "PanicException"}
    assert reasons == expected
    account = worker.account()
    assert (account["deleted"], account["rejected"], account["retried"]) == (32, 8, 32)
    assert rig.books()["deleted"] == 40


def test_retry_after_is_the_pause_that_was_asked_for(rig: Rig) -> None:
    """A message that asked for two seconds is not seen again before they are over."""
    (rig.folder / "pause.py").write_text(
        "import time\n\nfrom worker.outcome import Retry\n\n\nasync def handle(message):\n"
        '    open("times", "a").write(f"{time.time()}\\n")\n'
        "    if message.receive_count == 1:\n        raise Retry(after=2)\n"
    )
    rig.send(1)
    worker = rig.worker("--drain", SINK="handler", HANDLER="pause:handle")
    assert worker.end() == 0
    first, second = map(float, (rig.folder / "times").read_text().split())
    assert 1.9 <= second - first <= 6


def test_a_handler_that_ignores_its_cancellation_cannot_hold_the_process(rig: Rig) -> None:
    """Its messages are given back, and the worker leaves, says what never ended, and that this was not clean."""
    (rig.folder / "deaf.py").write_text(DEAF)
    rig.send(2)
    worker = rig.worker(SINK="handler", HANDLER="deaf:handle", WORKER_DRAIN_SECONDS="4", SQS_WAIT_TIME_SECONDS="1")
    rig.until_books("received", 2)
    began = time.monotonic()
    worker.tell(signal.SIGTERM)
    assert worker.end() == 1
    assert time.monotonic() - began < 4 + 3 + 3
    assert "call-deaf:handle" in worker.facts("worker_failed")[0]["traceback"]
    assert worker.account()["released"] == 2


def test_a_thread_that_a_handler_has_started_cannot_hold_the_process(rig: Rig) -> None:
    """Python would wait for it to the end of time, deaf to signals; what was in hand is given back long before."""
    (rig.folder / "starts.py").write_text(
        "import asyncio, time\nasync def handle(message):\n    await asyncio.to_thread(time.sleep, 3600)\n"
    )
    rig.send(2)
    worker = rig.worker(SINK="handler", HANDLER="starts:handle", WORKER_DRAIN_SECONDS="2", SQS_WAIT_TIME_SECONDS="1")
    rig.until_books("received", 2)
    worker.tell(signal.SIGTERM)
    assert worker.end() == 0
    assert worker.account()["released"] == 2
    assert "ended without waiting for what your code started" in "".join(worker.lines)


def test_calls_that_hang_are_shown_for_what_they_are(rig: Rig) -> None:
    """Not as a sink that is away; their messages are not begun beside them, and the others are given back."""
    (rig.folder / "hangs.py").write_text(
        "import time\n\n\ndef handle(message):\n"
        '    open("calls", "a").write(f"{message.id}\\n")\n    time.sleep(3600)\n'
    )
    rig.send(6)
    worker = rig.worker(
        SINK="handler",
        HANDLER="hangs:handle",
        HANDLER_TIMEOUT_SECONDS="1",
        WORKER_CONCURRENCY="2",
        SQS_WAIT_TIME_SECONDS="1",
    )
    url = worker.event("worker_started")["metrics_url"]
    for _ in range(2):
        assert worker.event("call_hung")["function"] == "hangs:handle"
    nothing = "pipeline default handles nothing: all of its 2 calls hang"
    rig.until(lambda: fetch(url, "/readyz")[1].strip() == nothing, "readyz")
    status = json.loads(fetch(url, "/status")[1])["pipelines"]["default"]
    assert [call["function"] for call in status["hanging_calls"]] == ["hangs:handle"] * 2
    assert status["sink_available"]
    assert status["performance"]["bottleneck"] == "hanging"
    worker.tell(signal.SIGTERM)
    worker.end()
    assert not worker.facts("sink_lost")
    calls = (rig.folder / "calls").read_text().split()
    assert len(calls) == len(set(calls)) == 2
    assert worker.account()["in_flight"] == 0


def test_a_worker_whose_loop_is_stopped_says_so_and_ends(rig: Rig) -> None:
    """Exit code 1, one line that names the part of it that ended, and nothing outside of the log's own form."""
    (rig.folder / "stops.py").write_text(
        "import asyncio\n\n\nasync def handle(message):\n    asyncio.get_running_loop().stop()\n"
        "    await asyncio.sleep(3600)\n"
    )
    rig.send(3)
    worker = rig.worker(SINK="handler", HANDLER="stops:handle", SQS_WAIT_TIME_SECONDS="1")
    assert worker.end() == 1
    assert [lost["stage"] for lost in worker.facts("stage_lost")] == ["main"]
    assert all(line.startswith("{") for line in worker.lines)
