"""Entries: one batch call to SQS, asked until every entry of it is decided.

Takes at most ten deliveries and the call that settles them; the decided ones leave the ledger, those given up on are
returned. An entry is decided when SQS says so for the handle we hold now, or hands out again what we gave back; it is
given up on when its handle is void or its lease is over. It ends when nothing is left to ask for.
"""

from __future__ import annotations

import asyncio
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


class Entries:
    """Asks SQS; `leave` takes decided ones out of the ledger."""

    def __init__(
        self,
        *,
        leave: Callable[[Sequence[Delivery]], None],
        random: Random,
        emit: Emit,
        pipeline: str,
    ) -> None:
        self._leave = leave
        self._random = random
        self._emit = emit
        self._pipeline = pipeline

    async def until_decided(
        self,
        operation: str,
        batch: Sequence[Delivery],
        call: Callable[[Sequence[Delivery]], Awaitable[list[Answer]]],
    ) -> list[Delivery]:
        """Returns those given up on: SQS may or may not have done what was asked."""
        given_up = [d for d in batch if d.state is State.RETURNED]
        if given_up:
            batch = [delivery for delivery in batch if delivery not in given_up]
        tries = 0
        while batch:
            tries += 1
            handles = [delivery.receipt_handle for delivery in batch]
            try:
                answers = await call(batch)
            except QueueError as error:  # a call that fails as a whole leaves every entry unknown
                self._report(operation, error.code, len(batch), final=False)
                answers = [UNKNOWN] * len(batch)
            batch = self._decide(operation, batch, answers, handles, given_up)
            if batch:
                await asyncio.sleep(self._pause(tries))
                batch = self._still_alive(operation, batch, given_up)
        return given_up

    def _decide(
        self,
        operation: str,
        batch: Sequence[Delivery],
        answers: list[Answer],
        handles: list[str],
        given_up: list[Delivery],
    ) -> list[Delivery]:
        """Let the settled ones leave; returns what is to be asked again."""
        held = [delivery.receipt_handle for delivery in batch]
        if answers.count(OK) == len(batch) and held == handles:  # nearly always; and if any is returned, it is done too
            self._leave(batch)
            return []
        done: list[Delivery] = []
        again: list[Delivery] = []
        for delivery, answer, handle in zip(batch, answers, handles, strict=True):
            if delivery.state is State.RETURNED:
                done.append(delivery)  # whatever the answer says: it was visible, since we have received it again
            elif answer is OK:
                # A newer handle came in meanwhile: SQS may have ignored the older one.
                (done if delivery.receipt_handle == handle else again).append(delivery)
            elif answer is UNKNOWN:
                again.append(delivery)
            else:
                self._report(operation, answer.code, 1, final=not answer.retry)
                (again if answer.retry else given_up).append(delivery)
        self._leave(done)
        return again

    def _still_alive(self, operation: str, batch: Sequence[Delivery], given_up: list[Delivery]) -> list[Delivery]:
        now = asyncio.get_running_loop().time()
        returned = [d for d in batch if d.state is State.RETURNED]
        batch = [d for d in batch if d not in returned]
        self._leave(returned)
        alive = [d for d in batch if not d.lost and now < d.deadline + GRACE_SECONDS]
        if len(alive) < len(batch):
            self._report(operation, "LeaseOver", len(batch) - len(alive), final=True)
            given_up.extend(d for d in batch if d not in alive)
        return alive

    def _pause(self, tries: int) -> float:
        base, longest = TRY_AGAIN_BASE_SECONDS, TRY_AGAIN_MAX_SECONDS
        return full_jitter(tries, self._random, base_seconds=base, max_seconds=longest)

    def _report(self, operation: str, code: str, count: int, *, final: bool) -> None:
        self._emit(facts.SettleFailed(self._pipeline, operation, code, count, final=final))
