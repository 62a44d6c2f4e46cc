"""How a delivery ends. Imperatives are raised (`Retry`, `Reject`), participles are values (`Retried`, `Rejected`).

A handler or a sink may raise `Retry` or `Reject`; the handle stage turns everything into one of the four values, and
the settler matches them exhaustively. Imports nothing of ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal


@dataclass(frozen=True, slots=True)
class Done:
    """The sink accepted every record of the message: delete it."""


@dataclass(frozen=True, slots=True)
class Retried:
    """Passing trouble with this message: make it visible again after a pause."""

    reason: str
    """A short code from a closed set or the class name of the error; becomes a label, so never free text."""
    after: float | None = None
    """Seconds until it is visible again; None: exponential backoff with full jitter by receive count."""
    detail: str = ""
    """For people, in logs only; never holds the body."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """No retry can help: send it to the dead-letter queue with the reason, then delete it."""

    reason: str
    """A short code: `decode`, `depth`, `sink-data`, or the reason that the handler gave."""
    detail: str = ""
    """For people: what exactly was wrong. Travels in the dead letter; never holds the body."""


@dataclass(frozen=True, slots=True)
class Released:
    """Not handled (the worker stops, or the lease is given back): visible again at once."""

    reason: str = "stopping"


Outcome = Done | Retried | Rejected | Released

OutcomeName = Literal["deleted", "retried", "rejected", "released", "expired"]
"""How a delivery left the ledger: by its outcome carried out, or because the lease ran out first.

received = the sum of these + in flight, at every moment.
"""

DONE: Final = Done()


class Retry(Exception):
    """Raised by a handler: try this message again, after *after* seconds or by backoff. Not logged as a failure."""

    def __init__(self, reason: str = "handler", *, after: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.after = after


class Reject(Exception):
    """Raised by a handler: this message can never succeed; dead-letter it with *reason*."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = detail
