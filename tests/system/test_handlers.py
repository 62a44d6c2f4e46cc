"""Your own code behind a real worker: every way in which a function can end, as SQS sees it."""

from __future__ import annotations

import json
import signal
import time
from typing import TYPE_CHECKING

import pytest

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
from datetime import timedelta

from worker.outcome import Reject, Retry




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
    assert reasons == {"later", "KeyError", "timeout", "SystemExit", "CancelledError", "handler"}
    account = worker.account()
    assert (account["deleted"], account["rejected"], account["retried"]) == (32, 8, 28)
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
    worker = rig.worker(SINK="handler", HANDLER="deaf:handle", WORKER_DRAIN_SECONDS="1", SQS_WAIT_TIME_SECONDS="1")
    rig.until_books("received", 2)
    began = time.monotonic()
    worker.tell(signal.SIGTERM)
    assert worker.end() == 1
    assert time.monotonic() - began < 1 + 3 + 3
    assert "call-deaf:handle" in worker.facts("worker_failed")[0]["traceback"]
    assert worker.account()["released"] == 2
