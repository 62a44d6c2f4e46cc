"""Entries: one batch of deliveries, asked of SQS until each of them is decided.

Takes at most ten deliveries and the call that settles them, gives back what was decided, as it is. An entry is decided
when SQS says so for the handle we hold now, or hands out again what we gave back; it is given up on when its handle is
void or its lease is over. Ends when nothing is left to ask for.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from worker import facts
from worker.backoff import full_jitter
from worker.errors import QueueError
from worker.message import State
from worker.sqs.queue import OK, UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from random import Random

    from worker.facts import Emit
    from worker.message import Delivery
    from worker.sqs.queue import Answer

TRY_AGAIN_BASE_SECONDS: Final = 0.1
TRY_AGAIN_MAX_SECONDS: Final = 5.0
GRACE_SECONDS: Final = 5.0
"""A lease already over is still tried for this long: until somebody else receives the message, its handle works."""


@dataclass(slots=True)
class Decided:
    """What has been decided since the last look."""

    done: Sequence[Delivery] = field(default_factory=list)
    """SQS has done what was asked."""
    given_up: list[Delivery] = field(default_factory=list)
    """SQS may or may not have done it, and is asked no more."""


class Entries:
    """One batch, on its way to its answers."""

    def __init__(
        self,
        operation: str,
        batch: Sequence[Delivery],
        call: Callable[[Sequence[Delivery]], Awaitable[list[Answer]]],
        *,
        random: Random,
        emit: Emit,
        pipeline: str,
    ) -> None:
        self._operation = operation
        self._batch = batch
        """Those that are not decided. Written by `_read` and `_look`."""
        self._call = call
        self._random = random
        self._emit = emit
        self._pipeline = pipeline
        self._tries = 0  # written by decided
        self._rested = False  # since the latest of them; written by decided

    async def decided(self) -> Decided | None:
        """Ask once more, after a pause if that is not the first time; None when every entry is decided."""
        if not self._batch:
            return None
        if self._tries and not self._rested:
            await asyncio.sleep(self._pause())
            self._rested = True
            looked = self._look()
            if looked.done or looked.given_up:
                return looked
        self._tries, self._rested = self._tries + 1, False
        handles = [delivery.receipt_handle for delivery in self._batch]
        return self._read(await self._answers(), handles)

    async def _answers(self) -> list[Answer]:
        """A call that fails as a whole leaves every entry unknown."""
        try:
            return await self._ask()
        except QueueError as error:
            self._report(error.code, len(self._batch), final=False)
            return [UNKNOWN] * len(self._batch)

    async def _ask(self) -> list[Answer]:
        return await self._call(self._batch)

    def _read(self, answers: list[Answer], handles: list[str]) -> Decided:
        """What the answers to *handles* decide."""
        batch = self._batch
        held = [delivery.receipt_handle for delivery in batch]
        if answers.count(OK) == len(batch) and held == handles:  # nearly always; and if any is returned, it is done too
            self._batch = ()
            return Decided(batch)
        done: list[Delivery] = []
        again: list[Delivery] = []
        given_up: list[Delivery] = []
        for delivery, answer, handle in zip(batch, answers, handles, strict=True):
            if delivery.state is State.RETURNED:
                done.append(delivery)  # whatever the answer says: it was visible, since we have received it again
            elif answer is OK:
                # A newer handle came in meanwhile: SQS may have ignored the older one.
                (done if delivery.receipt_handle == handle else again).append(delivery)
            elif answer is UNKNOWN:
                again.append(delivery)
            else:
                self._report(answer.code, 1, final=not answer.retry)
                (again if answer.retry else given_up).append(delivery)
        self._batch = again
        return Decided(done, given_up)

    def _look(self) -> Decided:
        """What needs no asking any more."""
        now = asyncio.get_running_loop().time()
        done = [one for one in self._batch if one.state is State.RETURNED]
        asked = [one for one in self._batch if one.state is not State.RETURNED]
        self._batch = [one for one in asked if not one.lost and now < one.deadline + GRACE_SECONDS]
        if len(self._batch) < len(asked):
            self._report("LeaseOver", len(asked) - len(self._batch), final=True)
        return Decided(done, [one for one in asked if one not in self._batch])

    def _pause(self) -> float:
        base, longest = TRY_AGAIN_BASE_SECONDS, TRY_AGAIN_MAX_SECONDS
        return full_jitter(self._tries, self._random, base_seconds=base, max_seconds=longest)

    def _report(self, code: str, count: int, *, final: bool) -> None:
        self._emit(facts.SettleFailed(self._pipeline, self._operation, code, count, final=final))
