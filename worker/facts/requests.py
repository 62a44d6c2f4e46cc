"""Requests to SQS, and what the queue says of itself."""

from __future__ import annotations

from typing import ClassVar

from worker.facts.counting import counter, depth, histogram, uncounted
from worker.facts.fact import Fact, Level, fact

REQUEST_SECONDS = (0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.5, 30.0)
"""An empty long poll ends just after 20 s, so that bound stands a little past it."""


@counter("api_requests", "Requests to SQS, by their end.", "operation", "code")
@histogram(
    "api_request_duration_seconds",
    "Requests to SQS, long polls included.",
    "operation",
    of="seconds",
    bounds=REQUEST_SECONDS,
)
@fact(frozen=True, slots=True)
class RequestMade(Fact):
    """One HTTP request to SQS was answered or failed. `code` is `ok` or the error's code."""

    level: ClassVar[Level] = "debug"
    pipeline: str
    operation: str
    code: str
    seconds: float


@depth(
    "sqs_queue_messages",
    "Messages in the queue as SQS counts them; every worker says the same, so take the maximum.",
    "queue",
)
@fact(frozen=True, slots=True)
class QueueMeasured(Fact):
    """The queue's own counts, asked for at intervals."""

    level: ClassVar[Level] = "debug"
    pipeline: str
    queue: str
    visible: int
    not_visible: int
    delayed: int
    retention_seconds: int = 0
    """How long SQS keeps a message; 0: it was not said."""


@depth(
    "sqs_dead_letter_queue_messages",
    "Messages in the dead-letter queue of a pipeline, where it may be looked at; take the maximum.",
    "pipeline",
    "queue",
)
@fact(frozen=True, slots=True)
class DeadLettersMeasured(Fact):
    """The counts of the dead-letter queue, asked for once a minute."""

    level: ClassVar[Level] = "debug"
    pipeline: str
    queue: str
    visible: int
    not_visible: int
    delayed: int


@uncounted("there is no depth where none may be read")
@fact(frozen=True, slots=True)
class DeadLettersUnseen(Fact):
    """This worker may not look at the dead-letter queue, so no alert can tell that it is not empty. All else works.

    Allow the worker `sqs:GetQueueAttributes` on it, or watch it with CloudWatch.
    """

    pipeline: str
    queue: str
    code: str
    detail: str


@uncounted("the refusals are counted among the requests")
@fact(frozen=True, slots=True)
class CredentialsRenewed(Fact):
    """SQS refused the credentials, with `code`. Others were found, and requests go on with them."""

    pipeline: str
    code: str


@uncounted("receives that fail are counted when SQS refuses what was kept")
@fact(frozen=True, slots=True)
class CredentialsKept(Fact):
    """The credentials could not be renewed. The old ones are used on; they end in `left_seconds`, if that is known.

    Receiving stops when SQS refuses them. Mend what `code` and `detail` say before then.
    """

    level: ClassVar[Level] = "warning"
    damped: ClassVar[bool] = True
    pipeline: str
    code: str
    detail: str
    left_seconds: float | None
