"""Every error of ours, cut by the operator's question: whose fault is it, and what happens next?

    WorkerError
    ├── SettingsError            yours, before anything starts   → all problems at once, exit 2
    ├── StartRefused             settings, queue, files disagree  → named, exit 3
    ├── QueueError               SQS did not do as asked
    │   ├── QueueUnavailable     theirs, passing                 → back off, go on
    │   │   ├── QueueThrottled   too many requests               → back off further
    │   │   └── QueueOverLimit   the queue's in-flight cap       → stop receiving, keep settling
    │   └── QueueRefused         ours, lasting                   → at start exit 3, later degraded and slow
    │       ├── QueueMissing     no such queue
    │       └── CredentialsRefused  none, expired, or wrong      → refreshed, then as QueueRefused
    ├── DecodeError              the sender's                    → reject at once
    ├── SinkError
    │   ├── SinkUnavailable      the whole sink, passing         → keep the leases, stop receiving, try again
    │   │   ├── SinkContended    somebody else locks a record    → halve it, then as SinkUnavailable
    │   │   ├── SinkStuck        all calls of your code hang      → as above; alive no longer after a while
    │   │   └── CallHangs        a call with these records hangs  → they are kept until it ends, and nothing else is
    │   ├── SinkRefused          something in this batch         → halve it until the bad record is alone
    │   └── BatchFailed          something in this batch, unsaid → halve it; alone, a record is retried
    ├── StageEnded               a part of us ended untold        → the worker ends, exit 1
    └── IllegalTransition        a bug in us                  → a fact; raised where tests ask for it

`Retry` and `Reject` (outcome.py) are raised by handlers and are not errors of ours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class WorkerError(Exception):
    """The root of everything the worker raises on purpose."""


class SettingsError(WorkerError):
    """The configuration cannot work. Holds every problem found, each with its fix."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class StartRefused(WorkerError):
    """The settings and what they name, such as the queue's attributes or the files of a codec, cannot work together."""


class QueueError(WorkerError):
    """SQS did not do as asked: the operation, the code it gave, and its own words."""

    def __init__(self, operation: str, code: str, detail: str = "") -> None:
        super().__init__(f"{operation}: {code}" + (f": {detail}" if detail else ""))
        self.operation = operation
        self.code = code
        self.detail = detail


class QueueUnavailable(QueueError):
    """Passing trouble at SQS or on the way to it; trying again will help."""


class QueueThrottled(QueueUnavailable):
    """SQS (or KMS behind it) asks for fewer requests."""


class QueueOverLimit(QueueUnavailable):
    """The queue's cap of messages in flight is reached; nothing more can be received until some are settled."""


class QueueRefused(QueueError):
    """Permission or configuration: trying again will not help until somebody changes something."""


class QueueMissing(QueueRefused):
    """The queue does not exist in this account and region."""


class CredentialsRefused(QueueRefused):
    """No credentials were found, or SQS did not accept them."""


class DecodeError(WorkerError):
    """The body is not what the codec promises. The sender's fault, so never retried."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        """A code from the closed set in codecs/codec.py."""
        self.detail = detail
        """Where and what, without the body itself."""


class SinkError(WorkerError):
    """The destination did not take a batch."""


class SinkUnavailable(SinkError):
    """The sink as a whole is away (locked, full, read-only, gone): the batch is kept and tried again."""


class SinkContended(SinkUnavailable):
    """The sink is there, but something in the batch is held up (a lock, a deadlock): halve it, with pauses."""


class SinkStuck(SinkUnavailable):
    """Nothing is away: every place for a call of your function is held by one that outlived its limit."""


class CallHangs(SinkUnavailable):
    """A call of your function with these records is over its limit and has not ended; others may well be taken."""

    def __init__(self, detail: str, *, goes_on: Callable[[], bool], then: SinkError | None, mixed: bool) -> None:
        super().__init__(detail)
        self.goes_on = goes_on
        """Whether it still has not ended."""
        self.then = then
        """What the call meant, once it has ended; None: it was the call of an earlier receipt."""
        self.mixed = mixed
        """Only some of the records are its own: they are to be taken apart."""


class SinkRefused(SinkError):
    """The sink is well but refuses something in this batch."""


class BatchFailed(SinkError):
    """A batch failed, and nothing says which of its records made it: it is halved until that one is alone."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        """Why a record that fails by itself is retried: a short code or the class name of the error."""
        self.detail = detail


class StageEnded(WorkerError):
    """A stage ended before it was told to: a defect in the worker, or something that cancels its tasks."""

    def __init__(self, stage: str, how: str) -> None:
        super().__init__(f"the stage {stage} {how}")
        self.stage = stage
        self.how = how


class IllegalTransition(WorkerError):
    """A delivery was to make a step that its state forbids, such as to be settled twice: a bug in the worker."""

    def __init__(self, message_id: str, transition: str, state: str) -> None:
        super().__init__(f"{message_id} is {state}: {transition} is not for it")
        self.message_id = message_id
        self.transition = transition
        self.state = state
