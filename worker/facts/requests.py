"""Requests to SQS, and what the queue says of itself."""

from __future__ import annotations

from typing import ClassVar

from worker.facts.fact import Fact, Level, fact


@fact(frozen=True, slots=True)
class RequestMade(Fact):
    """One HTTP request to SQS was answered or failed; `code` is `ok` or the error's code."""

    level: ClassVar[Level] = "debug"
    pipeline: str
    operation: str
    code: str
    seconds: float


@fact(frozen=True, slots=True)
class QueueMeasured(Fact):
    """The queue's own counts, polled with jitter."""

    level: ClassVar[Level] = "debug"
    pipeline: str
    queue: str
    visible: int
    not_visible: int
    delayed: int
    retention_seconds: int = 0
    """How long SQS keeps a message; 0: it was not said."""


@fact(frozen=True, slots=True)
class DeadLettersMeasured(Fact):
    """The counts of the dead-letter queue, read now and then."""

    level: ClassVar[Level] = "debug"
    pipeline: str
    queue: str
    visible: int
    not_visible: int
    delayed: int


@fact(frozen=True, slots=True)
class DeadLettersUnseen(Fact):
    """The dead-letter queue may not be looked at, so no alert can tell that it is not empty. Nothing else is missing.

    Allow the worker sqs:GetQueueAttributes on it, or watch it with CloudWatch.
    """

    pipeline: str
    queue: str
    code: str
    detail: str


@fact(frozen=True, slots=True)
class CredentialsRenewed(Fact):
    """SQS refused the credentials with `code`, and others were found: requests go on with those."""

    pipeline: str
    code: str


@fact(frozen=True, slots=True)
class CredentialsKept(Fact):
    """The credentials could not be renewed; those at hand are used on. They end in `left_seconds`, if that is known.

    Receiving stops when SQS refuses them: until then mend what `code` and `detail` say.
    """

    level: ClassVar[Level] = "warning"
    damped: ClassVar[bool] = True
    pipeline: str
    code: str
    detail: str
    left_seconds: float | None
