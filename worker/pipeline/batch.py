"""Batch: the messages that go to the sink in one write, with what the sink has made of them so far.

Comes from decoding; is divided when the sink takes only some of it, or to find out which record is to blame.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from worker.pipeline.trial import Trial

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.message import Delivery, Message


@dataclass(slots=True, eq=False)
class Batch:
    """Decoded, and on its way into the sink, whole or what is left of it. Held by one handler, or aside."""

    deliveries: list[Delivery]
    records: list[Message]
    """Decoded; one for each delivery."""
    trial: Trial = field(default_factory=Trial)

    def only(self, places: list[int], trial: Trial) -> Batch:
        """Those at *places* alone."""
        return Batch([self.deliveries[at] for at in places], [self.records[at] for at in places], trial)

    def again(self, answers: Sequence[object]) -> list[Batch]:
        """What the sink did not take, each with those that failed together with it."""
        places: dict[Trial, list[int]] = {}
        for place, answer in enumerate(answers):
            if isinstance(answer, Trial):
                places.setdefault(answer, []).append(place)
        return [self.only(its, trial) for trial, its in places.items()]

    def halves(self, *, ordered: bool) -> tuple[list[Batch], list[Delivery]]:
        """Two batches, and with order in the groups what is behind the first in one of its groups."""
        middle = len(self.records) // 2
        first, rest = list(range(middle)), list(range(middle, len(self.records)))
        stopped = {self.records[at].group_id for at in first} if ordered else set()
        free = [at for at in rest if self.records[at].group_id not in stopped]
        halves = [self.only(places, self.trial.half()) for places in (first, free) if places]
        return halves, [self.deliveries[at] for at in rest if self.records[at].group_id in stopped]
