"""Decide: outcomes leave the handlers for the settler.

Takes deliveries with their outcomes; gives them on with what of their groups they hold back. A retry that would be one
too many is a rejection.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from worker.outcome import Released
from worker.pipeline.attempts import judged

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.message import Delivery
    from worker.outcome import Outcome
    from worker.pipeline.buffer import Buffer
    from worker.pipeline.settle import Settler
    from worker.pipeline.suspects import Suspects
    from worker.pipeline.under_way import UnderWay


class Decider:
    """One per pipeline."""

    def __init__(
        self,
        *,
        buffer: Buffer,
        settler: Settler,
        suspects: Suspects | None,
        max_receives: int | None,
        under_way: UnderWay,
    ) -> None:
        self._buffer = buffer
        self._settler = settler
        self._suspects = suspects
        """None: no message can end the process."""
        self._max_receives = max_receives
        self._under_way = under_way

    def decide(self, outcomes: list[tuple[Delivery, Outcome]]) -> None:
        """To the settler, with whatever of their groups these outcomes hold back."""
        self._under_way.handling -= len(outcomes)
        if self._suspects is not None and self._suspects.looked_for:
            self._suspects.saw(outcomes)
        self._settler.settle(self._buffer.decided(outcomes))

    def judged(self, outcomes: list[tuple[Delivery, Outcome]]) -> list[tuple[Delivery, Outcome]]:
        """With a rejection for every retry that would be one too many."""
        most = self._max_receives
        if most is None:
            return outcomes
        return [(delivery, judged(outcome, delivery.receive_count, most)) for delivery, outcome in outcomes]

    def give_back(self, deliveries: Sequence[Delivery]) -> None:
        """Their handler was cancelled, and nobody knows what the sink has kept of them."""
        self.decide([(delivery, Released()) for delivery in deliveries])
