"""Entries: one batch of deliveries, asked of SQS until each of them is decided.

Takes at most ten deliveries and the call that settles them, gives back what was decided, as it is. An entry is decided
when SQS says so for the handle we hold now, or hands out again what we gave back; it is given up on when its handle is
void or its lease is over. Ends when nothing is left to ask for.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from worker import facts
from worker.errors import QueueError
from worker.pipeline.backoff import full_jitter
from worker.pipeline.life import RETURNED
from worker.sqs.queue import OK, UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from random import Random

    from worker.facts import Emit
    from worker.message import Delivery
    from worker.sqs.queue import EntryResult

TRY_AGAIN_BASE_SECONDS: Final = 0.1
TRY_AGAIN_MAX_SECONDS: Final = 5.0
GRACE_SECONDS: Final = 5.0
"""A lease already over is still tried for this long: until somebody else receives the message, its handle works."""


Decided = tuple["Sequence[Delivery]", "Sequence[Delivery]"]
"""Those for which SQS has done what was asked, and those given up on: it may have, and is asked no more."""


class Entries:
    """One batch, on its way to its answers."""

    def __init__(
        self,
        operation: str,
        batch: Sequence[Delivery],
        call: Callable[[Sequence[Delivery]], Awaitable[list[EntryResult]]],
        *,
        random: Random,
        emit: Emit,
        pipeline: str,
    ) -> None:
        self._operation = operation
        self.undecided = batch
        """Written by `_read` and `_look`."""
        self._call = call
        self._random = random
        self._emit = emit
        self._pipeline = pipeline
        self._tries = 0  # written by decided
        self._rested = False  # since the latest of them; written by decided

    async def decided(self) -> Decided:
        """Ask once more for the undecided ones, after a pause if that is not the first time; perhaps none is then."""
        if self._tries and not self._rested:
            await asyncio.sleep(self._pause())
            self._rested = True
            looked = self._look()
            if any(looked):
                return looked
        self._tries, self._rested = self._tries + 1, False
        batch = self.undecided
        handles = [delivery.receipt_handle for delivery in batch]
        try:
            answers = await self._call(batch)
        except QueueError as error:  # a call that fails as a whole leaves every entry unknown
            self._report(error.code, len(batch), final=False)
            answers = [UNKNOWN] * len(batch)
        return self._read(answers, handles)

    def _read(self, answers: list[EntryResult], handles: list[str]) -> Decided:
        """What the answers to *handles* decide."""
        batch = self.undecided
        held = [delivery.receipt_handle for delivery in batch]
        if answers.count(OK) == len(batch) and held == handles:  # nearly always; and if any is returned, it is done too
            self.undecided = ()
            return batch, ()
        done: list[Delivery] = []
        again: list[Delivery] = []
        given_up: list[Delivery] = []
        for delivery, answer, handle in zip(batch, answers, handles, strict=True):
            if delivery.state is RETURNED:
                done.append(delivery)  # whatever the answer says: it was visible, since we have received it again
            elif answer is OK:
                # A newer handle came in meanwhile: SQS may have ignored the older one.
                (done if delivery.receipt_handle == handle else again).append(delivery)
            elif answer is UNKNOWN:
                again.append(delivery)
            else:
                self._report(answer.code, 1, final=not answer.retry)
                (again if answer.retry else given_up).append(delivery)
        self.undecided = again
        return done, given_up

    def _look(self) -> Decided:
        """What needs no asking any more."""
        now = asyncio.get_running_loop().time()
        done = [one for one in self.undecided if one.state is RETURNED]
        asked = [one for one in self.undecided if one.state is not RETURNED]
        given_up = [one for one in asked if one.lost or now >= one.deadline + GRACE_SECONDS]
        self.undecided = [one for one in asked if one not in given_up]
        if given_up:
            self._report("LeaseOver", len(given_up), final=True)
        return done, given_up

    def _pause(self) -> float:
        base, longest = TRY_AGAIN_BASE_SECONDS, TRY_AGAIN_MAX_SECONDS
        return full_jitter(self._tries, self._random, base_seconds=base, max_seconds=longest)

    def _report(self, code: str, count: int, *, final: bool) -> None:
        self._emit(facts.SettleFailed(self._pipeline, self._operation, code, count, final=final))
