"""The worker with one thing broken on purpose, to see that a chaos run finds it: `--sabotage NAME` of the runner.

Most defects are those of the simulation (`tests.model.defects`), put into a real process; the others are of things that
a simulation has not: logs, memory, the end of a process. The run must be red in the check that is named beside each.
A rig in which these are green would prove nothing.
"""

from __future__ import annotations

import asyncio
import atexit
import sys
import time
from typing import TYPE_CHECKING, Any

import worker.app.build
from tests.model import defects
from worker.outcome import DONE
from worker.pipeline import wiring
from worker.pipeline.buffer import Arrivals
from worker.pipeline.deadletter import DeadLetters
from worker.pipeline.decode import Decoder
from worker.pipeline.deleting import Deleting
from worker.pipeline.ledger import Ledger
from worker.pipeline.poll import Poller
from worker.pipeline.settle import Settler
from worker.pipeline.tries import Tries
from worker.pipeline.write import Writer, Written

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from worker.message import Message

EACH = 20
HAMMER_SECONDS = 0.01
HOARD_BYTES = 100_000
LATE_SECONDS = 30.0


def put(owner: object, name: str, instead: object) -> None:
    """Break it: *instead* in the place of what the product has there, which is there for certain."""
    getattr(owner, name)
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
    put(worker.app.build, "make_key", lambda _path: lambda _value, delivery: delivery.receipt_handle[-40:])


def no_order() -> None:
    """A FIFO queue is moved as if it were none."""
    init = Decoder.__init__

    def unordered(self: Decoder, *parts: Any, **wired: Any) -> None:
        init(self, *parts, **{**wired, "ordered": False})

    put(Decoder, "__init__", unordered)
    put(wiring, "Lanes", Arrivals)


def renew_what_left() -> None:
    """Leases of what nobody has in hand any more are renewed."""
    put(Ledger, "leave", defects.keeps_what_left)
    put(Ledger, "due", defects.renews_what_left)


def no_pause() -> None:
    """A receive that failed is asked again at once."""

    async def hurry(*_: object) -> None:
        await asyncio.sleep(HAMMER_SECONDS)

    put(Poller, "_pause", hurry)


def say_bodies() -> None:
    """One body in so many is printed."""
    add, bodies = Decoder._add, iter(range(1 << 62))

    def talk(self: Decoder, batch: Any, deliveries: Any, now: float) -> None:
        for delivery in deliveries:
            if next(bodies) % EACH == 0:
                sys.stdout.write(delivery.body + "\n")
        add(self, batch, deliveries, now)

    put(Decoder, "_add", talk)


def hoard() -> None:
    """Something is kept of every batch."""
    write, kept = Writer.write, list[bytes]()

    async def keep(self: Writer, records: Sequence[Message], **options: Any) -> Written:
        kept.extend(b"x" * HOARD_BYTES for _ in records)
        return await write(self, records, **options)

    put(Writer, "write", keep)


def leave_late() -> None:
    """Everything is done, and the process stays."""
    atexit.register(time.sleep, LATE_SECONDS)


SABOTAGES: dict[str, tuple[Callable[[], None], str]] = {
    "accept-unwritten": (accept_unwritten, "C4 deleted before accepted"),
    "delete-before-write": (
        lambda: put(Tries, "once", defects.deletes_before_the_commit),
        "C4 deleted before accepted",
    ),
    "no-deduplication": (no_deduplication, "C3 doubled"),
    "no-order": (no_order, "C5 order"),
    "no-letter": (lambda: put(DeadLetters, "send", defects.sends_no_letter), "C1 lost"),
    "keep-the-old-handle": (lambda: put(Ledger, "_supersede", defects.keeps_the_old_handle), "C6 stale handle"),
    "no-renewal": (lambda: put(Ledger, "due", defects.renews_nothing), "C6 lease let lapse"),
    "renew-what-left": (renew_what_left, "C6 used after its delete"),
    "skip-failed-entries": (
        lambda: put(Deleting, "ask", defects.skips_failed_entries(Deleting.ask)),
        "C7 not asked again",
    ),
    "no-release": (
        lambda: put(Settler, "_settle_otherwise", defects.releases_nothing),
        "C11 hidden after the end",
    ),
    "hoard": (hoard, "C9 memory and files"),
    "leave-late": (leave_late, "C11 exits"),
    "count-wrong": (lambda: put(Ledger, "leave", defects.counts_wrong), "C12 accounts"),
    "say-bodies": (say_bodies, "C13 secrets"),
    "no-pause": (no_pause, "C14 asked in vain"),
}
"""What is broken, and the check that must see it; others may as well."""
