"""A loopback that misbehaves in every way it knows, one after another, under a running worker: nothing is lost."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.system.rig import Child, Rig

MESSAGES: Final = 30
"""For each fault."""
ENDS: Final = ("deleted", "retried", "rejected", "released", "expired", "in_flight")
SECOND_TIME: Final = """
from worker.outcome import Retry


async def handle(message):
    if message.receive_count == 1:
        raise Retry(after=0)
"""
LONG_JOB: Final = """
import asyncio


async def handle(message):
    await asyncio.sleep(3)
"""

WHOLE: Final[tuple[dict[str, Any], ...]] = (
    {"action": "latency", "seconds": 0.05, "seconds_max": 0.3},
    {"action": "status", "status": 503},
    {"action": "status", "status": 429},
    {"action": "error", "code": "RequestThrottled", "status": 400},
    {"action": "error", "code": "RequestThrottled", "status": 403},
    {"action": "error", "code": "KmsThrottled", "status": 400},
    {"action": "error", "code": "InternalError", "status": 500},
    {"action": "reset"},
    {"action": "lose_answer"},
    {"action": "truncate", "size": 60},
    {"action": "truncate", "size": 400},
    {"action": "html"},
    {"action": "no_request_id"},
)
ENTRIES: Final[tuple[dict[str, Any], ...]] = (
    {"action": "partial", "share": 0.5, "code": "InternalError"},
    {"action": "partial", "share": 0.5, "code": "InternalError", "performed": True},
    {"action": "omit", "share": 0.5},
    {"action": "omit", "share": 0.5, "performed": True},
)
RECEIVED: Final[tuple[dict[str, Any], ...]] = (
    {"action": "duplicate", "share": 0.5},
    {"action": "reorder"},
    {"action": "still_visible"},
    {"action": "wrong_md5", "share": 0.9},
    {"action": "missing_field", "share": 0.9, "field": "Body"},
    {"action": "missing_field", "share": 0.9, "field": "ReceiptHandle"},
    {"action": "missing_field", "share": 0.9, "field": "MessageId"},
    {"action": "missing_field", "share": 0.9, "field": "Attributes"},
    {"action": "missing_field", "share": 0.9, "field": "MD5OfBody"},
)


def through(rig: Rig, operation: str, faults: Iterable[dict[str, Any]], **settings: str) -> Child:
    """One worker that meets all *faults* on *operation*, one after another, and is stopped when all is deleted."""
    worker = rig.worker(**{"SQS_WAIT_TIME_SECONDS": "1", "SQS_VISIBILITY_TIMEOUT": "2", **settings})
    worker.event("worker_started")
    sent = 0
    for seed, fault in enumerate(faults):
        rig.faults([{"count": 3, **fault, "operation": operation}])
        rig.send(MESSAGES, seed=seed)
        sent += MESSAGES
        rig.until_books("deleted", sent)
        assert fired(rig) > 0, f"{fault} met nobody"
    worker.tell(signal.SIGTERM)
    assert worker.end() == 0
    books, account = rig.books(), worker.account()
    assert (books["deleted"], books["visible"], books["not_visible"], books["delayed"]) == (sent, 0, 0, 0)
    assert account["received"] == sum(account[end] for end in ENDS)
    assert account["in_flight"] == 0
    return worker


def fired(rig: Rig) -> int:
    """How many requests the faults in force have befallen."""
    return sum(rule["fired"] for rule in rig.control()["faults"])


def expect_one_row_each(rig: Rig, messages: int) -> None:
    rows = rig.rows()
    assert len(rows) == len(set(rows)) == messages


@pytest.mark.parametrize("operation", ["ReceiveMessage", "DeleteMessageBatch"])
def test_a_spoilt_answer_of_any_kind_loses_and_doubles_nothing(rig: Rig, operation: str) -> None:
    """Throttled (400 and 403), lost, cut, a proxy's page, no request id: each message is one row and one delete."""
    through(rig, operation, WHOLE)
    expect_one_row_each(rig, MESSAGES * len(WHOLE))


def test_entries_that_fail_inside_a_good_answer_are_asked_for_again(rig: Rig) -> None:
    """The half of a delete that did not go through is deleted later, and not written again."""
    worker = through(rig, "DeleteMessageBatch", ENTRIES)
    expect_one_row_each(rig, MESSAGES * len(ENTRIES))
    assert worker.facts("settle_failed")


def test_damaged_and_doubled_messages_end_as_one_row_each(rig: Rig) -> None:
    """What cannot be trusted is left alone until SQS hands it out again; what comes twice is handled once."""
    for_a_second = [{**fault, "count": None, "until_seconds": 1.0} for fault in RECEIVED]
    worker = through(rig, "ReceiveMessage", for_a_second, SQS_VISIBILITY_TIMEOUT="1", SQS_RECEIVERS="1")
    expect_one_row_each(rig, MESSAGES * len(RECEIVED))
    damaged = {fact["reason"] for fact in worker.facts("delivery_damaged")}
    assert {"md5", "body", "receipt-handle", "message-id"} <= damaged


def test_a_visibility_change_that_goes_wrong_is_made_all_the_same(rig: Rig) -> None:
    """Every message asks to be handled twice, at once, and is: no change is forgotten, and none made over and over."""
    (rig.folder / "second.py").write_text(SECOND_TIME)
    faults = [*WHOLE, *ENTRIES]
    worker = through(rig, "ChangeMessageVisibilityBatch", faults, SINK="handler", HANDLER="second:handle")
    account, sent = worker.account(), MESSAGES * len(faults)
    assert account["deleted"] == sent
    assert account["retried"] + account["expired"] == account["received"] - sent
    assert rig.books()["received"] <= 2.2 * sent


def test_attributes_that_cannot_be_read_delay_the_start_and_nothing_else(rig: Rig) -> None:
    """The first looks at the queue go wrong in passing ways: the worker says so and starts all the same."""
    rig.send(MESSAGES)
    rig.faults(
        [
            {**fault, "operation": "GetQueueAttributes", "count": 1}
            for fault in WHOLE
            if fault["action"] in {"html", "reset", "truncate"}
        ]
    )
    worker = rig.worker("--drain")
    told = worker.event("start_delayed")
    assert told["retry_in"] >= 0
    assert worker.end() == 0
    expect_one_row_each(rig, MESSAGES)


def test_a_renewal_that_fails_now_and_then_costs_no_lease(rig: Rig) -> None:
    """A job longer than its lease keeps its message although some renewals fail: there is no second receipt."""
    (rig.folder / "job.py").write_text(LONG_JOB)
    rig.send(4)
    rig.faults([{"action": "reset", "operation": "ChangeMessageVisibilityBatch", "probability": 0.3}])
    worker = rig.worker("--drain", SINK="handler", HANDLER="job:handle", SQS_VISIBILITY_TIMEOUT="2")
    assert worker.end() == 0
    assert (rig.books()["received"], rig.books()["deleted"]) == (4, 4)


def test_handles_that_expire_while_deletes_fail_leave_one_row_each(rig: Rig) -> None:
    """Deletes outlast the leases and SQS hands everything out again: a redelivery is deleted and not written."""
    rig.send(MESSAGES)
    spoilt = ("DeleteMessageBatch", "ChangeMessageVisibilityBatch")
    rig.faults([{"action": "error", "operation": name, "until_seconds": 3} for name in spoilt])
    worker = rig.worker("--drain", SQS_VISIBILITY_TIMEOUT="1")
    assert worker.end() == 0
    expect_one_row_each(rig, MESSAGES)
    assert rig.books()["deleted"] == MESSAGES


def test_credentials_that_expire_in_the_middle_do_not_end_the_worker(rig: Rig) -> None:
    """A refused delete is asked for again; when the credentials are accepted again everything is deleted."""
    rig.send(MESSAGES)
    worker = rig.worker(SQS_WAIT_TIME_SECONDS="1")
    rig.faults([{"action": "expired_token", "operation": "DeleteMessageBatch", "count": 5}])
    assert worker.event("settle_failed")["code"] == "ExpiredToken"
    rig.until_books("deleted", MESSAGES)
    worker.tell(signal.SIGTERM)
    assert worker.end() == 0
    expect_one_row_each(rig, MESSAGES)


def test_a_refused_receive_is_said_and_keeps_the_worker_alive(rig: Rig) -> None:
    """AccessDenied in the middle of a run makes the worker not ready; it neither dies nor asks in a tight loop."""
    worker = rig.worker(SQS_WAIT_TIME_SECONDS="1")
    url = worker.event("worker_started")["metrics_url"]
    rig.faults([{"action": "error", "operation": "ReceiveMessage", "code": "AccessDenied", "status": 403}])
    told = worker.event("receive_failed")
    assert (told["code"], told["refused"]) == ("AccessDenied", True)
    assert rig.get(url, "/readyz")[0] == 503
    assert rig.get(url, "/livez")[0] == 200
    worker.tell(signal.SIGTERM)
    assert worker.end() == 0
    assert rig.requests()["ReceiveMessage"] <= 4
