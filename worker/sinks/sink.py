"""What the worker asks of a destination: open, write, close.

A sink's class docstring says what it guarantees: *transactional* (a redelivery leaves one row) or *at least once*, and
on which key. The worker asks SQS to delete a message only after `write` accepted it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.message import Message
    from worker.outcome import Rejected, Retried


@dataclass(frozen=True, slots=True)
class Demand:
    """What a sink can take at once, and what it wishes.

    The first four hold whatever is set: the pipeline makes no larger batch and runs no more writes side by side. The
    others are wishes, for settings that nobody gave; they are known before `open`, and the bounds of what may be in
    flight grow with them. A sink that wishes large batches wishes both rows and bytes, and an age.
    """

    max_rows: int | None = None
    """None: as the settings say. A function that takes one message says 1."""
    max_writers: int | None = None
    """None: as the settings say. A sink with one writer thread says 1 or 2."""
    seconds: float | None = None
    """Time limit of one write; the lease is not renewed beyond it. None: as long as the lease may live."""
    own_code: bool = False
    """Code of yours runs in the worker's process, and a message may make it end that: see `pipeline/caution.py`."""
    rows: int | None = None
    """Messages of a full batch, where `BATCH_MAX_ROWS` is not set."""
    bytes: int | None = None
    """Bytes of bodies of a full batch, where `BATCH_MAX_BYTES` is not set."""
    age_seconds: float | None = None
    """How long a batch waits to be full, counted from its oldest message, where `BATCH_MAX_WAIT_MS` is not set."""
    writers: int | None = None
    """Writes at once, where `WORKER_CONCURRENCY` is not set."""


class Sink(Protocol):
    """A destination for batches of records."""

    @property
    def demand(self) -> Demand:
        """How the sink wants to be fed."""
        ...

    async def open(self) -> None:
        """Connect and prove that writing will work (create the table, take the write lock once).

        Raises:
            SinkUnavailable: it is away at the moment.
            SinkRefused: it will never work like this (no permission, wrong schema, read-only).
        """
        ...

    async def write(self, records: Sequence[Message]) -> Sequence[Retried | Rejected | None]:
        """Write a batch; answer for each record in order: None = accepted for good, or how it ends instead.

        Cancelled or failed half way, the batch is written again later: a transactional sink leaves no trace of it.

        Raises:
            SinkUnavailable: nothing is wrong with the records; the batch is kept and tried again.
            SinkRefused: something in the batch is refused; it is halved until the bad record is alone.
        """
        ...

    async def close(self) -> None:
        """Flush and disconnect. Called once, after the last write has returned."""
        ...


@runtime_checkable
class Checkable(Protocol):
    """A sink whose `open` makes what is missing, and that can prove as much without making it."""

    async def check(self) -> str:
        """Prove what `open` would, and leave nothing behind; says what is there or would be made.

        Called instead of `open`, and followed by `close`. Raises what `open` raises.
        """
        ...
