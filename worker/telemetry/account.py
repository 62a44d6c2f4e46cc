"""The account of a pipeline: how many messages came and how each left, fed by two facts.

Takes `MessagesReceived` and `DeliveriesSettled`; gives six counts for each pipeline. It is the one place where
telemetry adds messages up, so metrics, report and status, which share it, cannot disagree about what "deleted" means.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Final, get_args

from worker.facts import DeliveriesSettled, MessagesReceived, PipelineStarted
from worker.outcome import OutcomeName
from worker.telemetry.dispatch import Dispatch

OUTCOMES: Final[tuple[OutcomeName, ...]] = get_args(OutcomeName)


@dataclass(slots=True)
class Account:
    """Written by `Accounts` on the loop's thread, read anywhere: each field is one int, so no read is torn."""

    received: int = 0
    deleted: int = 0
    retried: int = 0
    rejected: int = 0
    released: int = 0
    expired: int = 0

    @property
    def settled(self) -> int:
        """Everything that left the ledger, however it left."""
        return self.deleted + self.retried + self.rejected + self.released + self.expired

    @property
    def failed(self) -> int:
        """Messages that were handled without success: given back to be tried again, or rejected."""
        return self.retried + self.rejected

    def copy(self) -> Account:
        """The six numbers as they are now."""
        return Account(self.received, self.deleted, self.retried, self.rejected, self.released, self.expired)

    def as_dict(self) -> dict[str, int]:
        """For people and machines, in the order of the path."""
        return {"received": self.received, **{outcome: getattr(self, outcome) for outcome in OUTCOMES}}


class Accounts(Dispatch):
    """The account of every pipeline that was heard of."""

    def __init__(self) -> None:
        super().__init__()
        self.by_pipeline: defaultdict[str, Account] = defaultdict(Account)
        """Opened with zeros on the loop's thread when a pipeline is first heard of; other threads read a copy."""
        self.on(PipelineStarted, self._started)
        self.on(MessagesReceived, self._received)
        self.on(DeliveriesSettled, self._settled)

    def total(self) -> Account:
        """The sums over all pipelines."""
        total = Account()
        for account in tuple(self.by_pipeline.values()):
            total.received += account.received
            for outcome in OUTCOMES:
                setattr(total, outcome, getattr(total, outcome) + getattr(account, outcome))
        return total

    def _started(self, fact: PipelineStarted) -> None:
        self.by_pipeline[fact.pipeline]  # its zeros are shown from the start, so that rates over them are right

    def _received(self, fact: MessagesReceived) -> None:
        self.by_pipeline[fact.pipeline].received += fact.count

    def _settled(self, fact: DeliveriesSettled) -> None:
        account = self.by_pipeline[fact.pipeline]
        setattr(account, fact.outcome, getattr(account, fact.outcome) + fact.count)
