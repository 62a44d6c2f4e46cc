"""The worker with one thing broken on purpose, to see that a chaos run finds it: `--sabotage NAME` of the runner.

Each takes nothing and replaces one function of the product in this process; the run must then be red, in the check that
is named beside it. A rig in which these are green would prove nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import worker.app
from worker.outcome import DONE
from worker.pipeline.write import Writer, Written

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from worker.message import Message

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


SABOTAGES: dict[str, tuple[Callable[[], None], str]] = {
    "accept-unwritten": (accept_unwritten, "C4 deleted before accepted"),
    "no-deduplication": (no_deduplication, "C3 doubled"),
}
