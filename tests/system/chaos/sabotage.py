"""The worker with one thing broken on purpose, to see that a chaos run finds it: `--sabotage NAME` of the runner.

Each takes nothing and replaces one function of the product in this process; the run must then be red, in the check that
is named beside it. A rig in which these are green would prove nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import worker.app
from worker.inflight import Ledger
from worker.outcome import DONE, Released
from worker.pipeline import pipeline
from worker.pipeline.buffer import Arrivals
from worker.pipeline.deadletter import DeadLetters
from worker.pipeline.settle import Settler
from worker.pipeline.write import Writer, Written

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from worker.message import Delivery, Message
    from worker.outcome import Outcome, Rejected

EACH = 20


def put(owner: object, name: str, instead: object) -> None:
    """Break it: *instead* in the place of what the product has there."""
    setattr(owner, name, instead)


def accept_unwritten() -> None:
    """One batch in twenty is called written and is not."""
    write, batches = Writer.write, iter(range(1 << 62))

    async def lie(self: Writer, records: Sequence[Message], **options: Any) -> Written:
        if next(batches) % EACH == EACH - 1:
            return Written([DONE] * len(records), 1)
        return await write(self, records, **options)

    put(Writer, "write", lie)


def no_deduplication() -> None:
    """Each delivery is a record of its own."""
    put(worker.app, "make_key", lambda _path: lambda _value, delivery: delivery.receipt_handle[-40:])


def keep_stale_handles() -> None:
    """A newer receipt of a message in hand is noticed and its handle is not taken over."""
    supersede = Ledger._supersede

    def keep(self: Ledger, held: Delivery, newer: Delivery) -> None:
        handle = held.receipt_handle
        supersede(self, held, newer)
        held.receipt_handle = handle

    put(Ledger, "_supersede", keep)


def no_release() -> None:
    """What is not handled when the worker stops is not given back; it is only forgotten."""
    settle = Settler.settle

    def forget(self: Settler, settled: Sequence[tuple[Delivery, Outcome]]) -> None:
        kept = [pair for pair in settled if not isinstance(pair[1], Released)]
        self._ledger.leave([d for d, outcome in settled if isinstance(outcome, Released)], "released")
        settle(self, kept)

    put(Settler, "settle", forget)


def no_lanes() -> None:
    """FIFO messages are handed out as they come, several of a group side by side."""
    put(pipeline, "Lanes", Arrivals)


def letters_unchecked() -> None:
    """A dead letter counts as sent whatever SQS says."""
    send = DeadLetters.send

    async def trust(self: DeadLetters, rejected: list[tuple[Delivery, Rejected]]) -> set[str]:
        await send(self, rejected)
        return {delivery.message_id for delivery, _ in rejected}

    put(DeadLetters, "send", trust)


SABOTAGES: dict[str, tuple[Callable[[], None], str]] = {
    "accept-unwritten": (accept_unwritten, "C4 deleted before accepted"),
    "no-deduplication": (no_deduplication, "C3 doubled"),
    "keep-stale-handles": (keep_stale_handles, "C6 stale handle"),
    "no-release": (no_release, "C11 hidden after the end"),
    "no-lanes": (no_lanes, "C5 order"),
    "letters-unchecked": (letters_unchecked, "C4 deleted before accepted"),
}
