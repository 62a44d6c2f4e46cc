"""What a pipeline is given: its numbers, and the open parts that it is made of.

`app/build.py` makes both; `pipeline.py` wires them. Nothing here changes while it runs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from worker.codecs.codec import Codec
    from worker.facts import Emit
    from worker.message import Delivery
    from worker.pipeline.caution import Caution
    from worker.pipeline.dead_letter_depth import DeadLetterDepth
    from worker.pipeline.deadletter import DeadLetters
    from worker.pipeline.poll import PollSettings
    from worker.pipeline.settle import SettleSettings
    from worker.pipeline.sizing import BatchSettings
    from worker.sinks.sink import Sink
    from worker.sqs.queue import Queue


@dataclass(frozen=True, slots=True)
class PipelineSpec:
    """The numbers of one pipeline."""

    name: str
    lease_seconds: int
    largest_message: int
    poll: PollSettings
    batch: BatchSettings
    settle: SettleSettings
    writers: int
    max_messages: int
    max_bytes: int
    fifo: bool = False
    """Order counts inside each message group."""
    hold_seconds: float = 300.0
    """How long batches in hand wait for a sink that is away."""
    receiving: bool = True
    write_limit_seconds: float | None = None
    own_code: bool = False
    """A message may end the process."""
    max_receives: int | None = None
    """After so many a message that fails is rejected; None: a redrive policy counts, or nobody."""
    redrive_count: int | None = None
    """Of the queue's own policy: so often SQS hands a message out."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What a pipeline is made of; all of it open, and closed by whoever opened it."""

    queue: Queue
    sink: Sink
    codec: Codec
    key: Callable[[object, Delivery], str]
    dead_letters: DeadLetters | None
    random: Random
    wall: Callable[[], float]
    """Unix time, for latencies."""
    emit: Emit
    caution: Caution | None = None
    """Of the process; None: of this pipeline alone."""
    dead_letter_depth: DeadLetterDepth | None = None
    """Opens its queue itself, and closes it."""
