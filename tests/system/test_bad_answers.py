"""A loopback that misbehaves in every way it knows, one at a time, while a real worker drains it: nothing is lost."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from tests.system.rig import Child, Rig

MESSAGES: Final = 200
ENDS: Final = ("deleted", "retried", "rejected", "released", "expired", "in_flight")

WHOLE: Final[dict[str, dict[str, object]]] = {
    "late": {"action": "latency", "seconds": 0.05, "seconds_max": 0.3},
    "no-word-of-sqs": {"action": "status", "status": 503},
    "too-many": {"action": "status", "status": 429},
    "throttled-400": {"action": "error", "code": "RequestThrottled", "status": 400},
    "throttled-403": {"action": "error", "code": "RequestThrottled", "status": 403},
    "kms-throttled": {"action": "error", "code": "KmsThrottled", "status": 400},
    "internal-error": {"action": "error", "code": "InternalError", "status": 500},
    "reset": {"action": "reset"},
    "answer-lost": {"action": "lose_answer"},
    "cut-in-the-head": {"action": "truncate", "size": 60},
    "cut-in-the-body": {"action": "truncate", "size": 400},
    "a-page-with-200": {"action": "html"},
    "no-request-id": {"action": "no_request_id"},
}
ENTRIES: Final[dict[str, dict[str, object]]] = {
    "half-failed": {"action": "partial", "share": 0.5, "code": "InternalError"},
    "half-unanswered": {"action": "omit", "share": 0.5},
    "half-unanswered-but-done": {"action": "omit", "share": 0.5, "performed": True},
    "half-failed-but-done": {"action": "partial", "share": 0.5, "code": "InternalError", "performed": True},
}
RECEIVED: Final[dict[str, dict[str, object]]] = {
    "twice-in-one": {"action": "duplicate", "share": 0.5},
    "out-of-order": {"action": "reorder"},
    "given-out-unhidden": {"action": "still_visible"},
    "wrong-md5": {"action": "wrong_md5", "share": 0.3},
    "no-body": {"action": "missing_field", "share": 0.3, "field": "Body"},
    "no-handle": {"action": "missing_field", "share": 0.3, "field": "ReceiptHandle"},
    "no-id": {"action": "missing_field", "share": 0.3, "field": "MessageId"},
    "no-attributes": {"action": "missing_field", "share": 0.3, "field": "Attributes"},
    "no-md5": {"action": "missing_field", "share": 0.3, "field": "MD5OfBody"},
}


def expect_all_exactly_once(rig: Rig, worker: Child, messages: int) -> None:
    """Each message one row and one delete; the worker's account adds up, and the loopback's books agree."""
    rows = rig.rows()
    assert len(rows) == len(set(rows)) == messages
    books = rig.books()
    assert (books["deleted"], books["visible"], books["not_visible"]) == (messages, 0, 0)
    account = worker.account()
    assert account["received"] == sum(account[end] for end in ENDS)
    assert account["in_flight"] == 0


def drained(rig: Rig, rules: list[dict[str, object]], **settings: str) -> Child:
    """A worker that has drained the queue under *rules*."""
    rig.send(MESSAGES)
    rig.faults(rules)
    worker = rig.worker("--drain", **settings)
    assert worker.end() == 0, "".join(worker.lines[-20:])
    return worker


@pytest.mark.parametrize("fault", WHOLE.values(), ids=WHOLE.keys())
def test_an_answer_spoilt_on_every_operation_loses_and_doubles_nothing(rig: Rig, fault: dict[str, Any]) -> None:
    """Receives, deletes and attributes each meet the trouble some times, at the start too."""
    operations = {"ReceiveMessage": 3, "DeleteMessageBatch": 6, "GetQueueAttributes": 1}
    worker = drained(rig, [{**fault, "operation": name, "count": count} for name, count in operations.items()])
    expect_all_exactly_once(rig, worker, MESSAGES)


@pytest.mark.parametrize("fault", ENTRIES.values(), ids=ENTRIES.keys())
def test_entries_that_fail_inside_a_good_answer_are_asked_for_again(rig: Rig, fault: dict[str, Any]) -> None:
    """The half of a delete that did not go through is deleted later, and not written again."""
    worker = drained(rig, [{**fault, "operation": "DeleteMessageBatch", "count": 15}])
    expect_all_exactly_once(rig, worker, MESSAGES)
    assert worker.account()["deleted"] == MESSAGES


@pytest.mark.parametrize("fault", RECEIVED.values(), ids=RECEIVED.keys())
def test_damaged_and_doubled_messages_end_as_one_row_each(rig: Rig, fault: dict[str, Any]) -> None:
    """What cannot be trusted is left alone until SQS hands it out again; what comes twice is handled once."""
    rig.sqs.set_queue_attributes(QueueUrl=rig.queue_url, Attributes={"VisibilityTimeout": "2"})
    worker = drained(rig, [{**fault, "operation": "ReceiveMessage", "count": 10}])
    rows = rig.rows()
    assert len(rows) == len(set(rows)) == MESSAGES
    assert rig.books()["deleted"] == MESSAGES
    account = worker.account()
    assert account["received"] == sum(account[end] for end in ENDS)


@pytest.mark.parametrize("fault", [WHOLE["throttled-400"], WHOLE["answer-lost"], WHOLE["cut-in-the-body"]], ids=str)
def test_a_visibility_change_that_goes_wrong_is_made_all_the_same(rig: Rig, fault: dict[str, Any]) -> None:
    """Renewals and retries meet the trouble; every message is handled twice, as it asked to be, and deleted."""
    (rig.folder / "second.py").write_text(
        "from worker.outcome import Retry\n\n\nasync def handle(message):\n"
        "    if message.receive_count == 1:\n        raise Retry(after=0)\n"
    )
    worker = drained(
        rig,
        [{**fault, "operation": "ChangeMessageVisibilityBatch", "count": 8}],
        SINK="handler",
        HANDLER="second:handle",
    )
    account, books = worker.account(), rig.books()
    assert (account["deleted"], account["retried"], account["in_flight"]) == (MESSAGES, MESSAGES, 0)
    assert (books["deleted"], books["received"]) == (MESSAGES, 2 * MESSAGES)


def test_a_renewal_that_fails_for_a_while_costs_no_lease(rig: Rig) -> None:
    """A job of two leases' length keeps its message although every other renewal fails: no second receipt."""
    (rig.folder / "job.py").write_text("import asyncio\n\n\nasync def handle(message):\n    await asyncio.sleep(4)\n")
    rig.send(4)
    rig.faults([{"action": "reset", "operation": "ChangeMessageVisibilityBatch", "probability": 0.5}])
    worker = rig.worker("--drain", SINK="handler", HANDLER="job:handle", SQS_VISIBILITY_TIMEOUT="2")
    assert worker.end() == 0
    assert (rig.books()["received"], rig.books()["deleted"]) == (4, 4)


def test_expired_handles_of_a_standard_queue_leave_one_row_each(rig: Rig) -> None:
    """Deletes outlast the leases, SQS hands everything out again: the redelivery is deleted and not written."""
    rig.sqs.set_queue_attributes(QueueUrl=rig.queue_url, Attributes={"VisibilityTimeout": "1"})
    worker = drained(
        rig,
        [
            {"action": "error", "operation": "DeleteMessageBatch", "code": "InternalError", "until_seconds": 4},
            {
                "action": "error",
                "operation": "ChangeMessageVisibilityBatch",
                "code": "InternalError",
                "until_seconds": 4,
            },
        ],
    )
    expect_all_exactly_once(rig, worker, MESSAGES)


def test_credentials_that_expire_in_the_middle_do_not_end_the_worker(rig: Rig) -> None:
    """Refused credentials are degraded service, not a crash; when they are accepted again the queue is drained."""
    rig.send(MESSAGES)
    worker = rig.worker("--drain", SQS_WAIT_TIME_SECONDS="1")
    worker.event("worker_started")
    rig.faults([{"action": "expired_token", "operation": "DeleteMessageBatch", "until_seconds": 2}])
    assert worker.end() == 0
    expect_all_exactly_once(rig, worker, MESSAGES)


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
