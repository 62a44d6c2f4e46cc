"""Settling and leases: how deliveries left, what failed on the way, which leases live."""

from __future__ import annotations

from typing import ClassVar

from worker.facts.counting import counter
from worker.facts.fact import Fact, Level, fact
from worker.outcome import OutcomeName  # noqa: TC001 - the facts' annotations are read at run time

SETTLE_FAILURES = counter(
    "settle_failures", "Entries that could not be settled; final: given up.", "operation", "final", "code", adds="count"
)


@fact(frozen=True, slots=True)
class DeliveriesSettled(Fact):
    """Deliveries left the ledger. The account counts them, which metrics, report and status share."""

    level: ClassVar[Level] = "debug"
    pipeline: str
    outcome: OutcomeName
    count: int


@SETTLE_FAILURES
@fact(frozen=True, slots=True)
class SettleFailed(Fact):
    """SQS did not do a delete, a change of visibility or a dead letter. Without `final` it is asked again.

    `final` true: given up; the message comes again when its lease ends.
    """

    level: ClassVar[Level] = "warning"
    damped: ClassVar[bool] = True
    pipeline: str
    operation: str
    code: str
    count: int
    final: bool


@SETTLE_FAILURES
@fact(frozen=True, slots=True)
class DeadLetterRefused(Fact):
    """The dead-letter queue refuses a rejected message, and will until somebody acts. The message stays where it was.

    `detail` is SQS's own words, `fix` what to do.
    """

    level: ClassVar[Level] = "error"
    damped: ClassVar[bool] = True
    operation: ClassVar[str] = "dead-letter"
    final: ClassVar[bool] = False
    count: ClassVar[int] = 1
    """It counts as one entry that could not be settled, for now."""
    pipeline: str
    dead_letter_queue: str
    code: str
    detail: str
    fix: str


@counter("visibility_extensions", "Leases lengthened.", adds="count")
@fact(frozen=True, slots=True)
class LeasesRenewed(Fact):
    """Leases were lengthened."""

    level: ClassVar[Level] = "debug"
    pipeline: str
    count: int


@counter("leases_lost", "Leases that ended while the message was in hand.", "code", adds="count")
@fact(frozen=True, slots=True)
class LeasesLost(Fact):
    """Leases ended while their messages were in hand, or SQS called the handles void: they may be handled twice.

    Raise SQS_VISIBILITY_TIMEOUT, or find what held the process up.
    """

    level: ClassVar[Level] = "warning"
    damped: ClassVar[bool] = True
    pipeline: str
    code: str
    count: int


@counter("transitions_refused", "Steps of messages that their state forbids: defects of the worker.", "transition")
@fact(frozen=True, slots=True)
class TransitionRefused(Fact):
    """A delivery was to make a step that its state forbids: a defect in the worker. It stays what it was.

    Nothing is deleted for it, and no count is lost; at worst the message comes again.
    """

    level: ClassVar[Level] = "error"
    damped: ClassVar[bool] = True
    pipeline: str
    message_id: str
    transition: str
    """Which step, by its name in `pipeline/life.py`."""
    state: str
    """In which it was."""
    detail: str
    """What this means, for people."""
