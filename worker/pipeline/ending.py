"""Ending: how a delivery leaves the ledger, decided by the settler and remembered until SQS has answered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from worker.sqs.queue import Failed

if TYPE_CHECKING:
    from worker.outcome import OutcomeName


class Ending(NamedTuple):
    """How a delivery leaves the ledger."""

    outcome: OutcomeName
    seconds: int = 0
    """After which it is visible again; 0 where that means nothing."""
    dead_lettered: bool = False
    """The dead-letter queue has accepted it: whatever becomes of its delete, nothing more is to be done for it."""


DELETED: Final = Ending("deleted")
NOT_OURS: Final = Failed("LeaseOver", retry=False)
"""Instead of an answer of SQS's: whoever no longer holds a message has no say in when it is visible."""
