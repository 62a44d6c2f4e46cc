"""Receiving: answers, failures, and messages that came damaged or twice."""

from __future__ import annotations

from typing import ClassVar

from worker.facts.counting import ages, counter, uncounted
from worker.facts.fact import Fact, Level, fact


@counter("receive_calls", "Receives answered, by how full they came.", "result")
@counter("received_bytes", "Bytes of the messages received.", adds="bytes", given="count")
@ages("message_queue_latency_seconds", "From sent to received.", since="sent_at", until="received_at")
@fact(frozen=True, slots=True)
class MessagesReceived(Fact):
    """One receive was answered; `count` 0 is an empty one."""

    level: ClassVar[Level] = "debug"
    pipeline: str
    asked: int
    count: int
    bytes: int
    seconds: float
    sent_at: tuple[float, ...] = ()
    """Unix time at which each received message was sent; empty where nobody measures how long they waited."""
    received_at: float = 0.0
    """Unix time of the receipt; goes with `sent_at`."""
    waited_seconds: float = 0.0
    """Before it was asked, for room."""

    @property
    def result(self) -> str:
        """How full it came: `empty`, `partial` or `full`."""
        return "empty" if not self.count else "full" if self.count >= self.asked else "partial"


@counter("receive_failures", "Receives that failed, by SQS's code.", "code")
@fact(frozen=True, slots=True)
class ReceiveFailed(Fact):
    """A receive failed and will be tried again in `retry_in` seconds; messages are safe in SQS.

    `refused` true: a right or the configuration is wrong, and somebody has to change it. `worker check` says what.
    """

    level: ClassVar[Level] = "warning"
    damped: ClassVar[bool] = True
    pipeline: str
    code: str
    detail: str
    retry_in: float
    refused: bool = False
    """True: permission or configuration (`QueueRefused`): somebody has to change something."""


@counter("receive_outage_seconds", "Time without a receive that worked.", adds="seconds")
@fact(frozen=True, slots=True)
class ReceiveRecovered(Fact):
    """Receiving works again, after `failures` failed tries and `seconds` without an answer."""

    pipeline: str
    failures: int
    seconds: float


@uncounted("the gauge is read from the pipeline's state, so it is right before a change too")
@fact(frozen=True, slots=True)
class ReceiversChanged(Fact):
    """The number of receivers followed the load."""

    level: ClassVar[Level] = "debug"
    pipeline: str
    receivers: int


@counter("deliveries_damaged", "Received messages left alone as unusable.", "reason")
@fact(frozen=True, slots=True)
class DeliveryDamaged(Fact):
    """A received message was unusable (wrong MD5, missing field). It is left alone and becomes visible again."""

    level: ClassVar[Level] = "warning"
    damped: ClassVar[bool] = True
    pipeline: str
    reason: str
    message_id: str


@counter("duplicates_received", "Messages in flight here that were received again.", adds="count")
@fact(frozen=True, slots=True)
class DuplicatesReceived(Fact):
    """Messages in hand here were received again. The newer receipt handle replaces the older; none is handled twice."""

    level: ClassVar[Level] = "debug"
    pipeline: str
    count: int


@counter(
    "redeliveries_recognised",
    "Messages that came again because their delete had failed: deleted, not written again.",
    adds="count",
)
@fact(frozen=True, slots=True)
class RedeliveriesRecognised(Fact):
    """Messages already written here came again, because their delete had failed. They are deleted, not written."""

    level: ClassVar[Level] = "debug"
    pipeline: str
    count: int
