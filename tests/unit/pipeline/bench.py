"""A pipeline on a test bench: the loopback's semantics in memory, a sink of lists, virtual time.

The sink can be told what to answer; everything else is the product's own code.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from worker.codecs.registry import make_codec
from worker.loopback.faults import FaultRule, Faults
from worker.loopback.in_memory import MemoryQueue
from worker.loopback.service import LoopbackSqs
from worker.message import Outgoing
from worker.pipeline.deadletter import DeadLetters
from worker.pipeline.deduplication import make_key
from worker.pipeline.pipeline import Pipeline
from worker.pipeline.poll import PollSettings
from worker.pipeline.settle import SettleSettings
from worker.pipeline.sizing import BatchSettings
from worker.pipeline.spec import Parts, PipelineSpec
from worker.pipeline.stopping import Stop
from worker.sinks.sink import Demand

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from worker.facts import Fact
    from worker.message import Message
    from worker.outcome import Rejected, Retried

    Answers = Sequence[Retried | Rejected | None]

SPEC = PipelineSpec(
    name="test",
    lease_seconds=30,
    largest_message=1_000,
    poll=PollSettings(limit=10, wait_seconds=20, receivers=4),
    batch=BatchSettings(max_rows=20, max_bytes=100_000, max_wait_seconds=0.1),
    settle=SettleSettings(deletes=2, changes=2, linger_seconds=0.05, retry_base_seconds=2, retry_max_seconds=60),
    writers=2,
    max_messages=100,
    max_bytes=1_000_000,
)


class ListSink:
    """Keeps every record it accepts; `answer` may be replaced to refuse, fail or take long."""

    def __init__(self) -> None:
        self.rows: list[Message] = []
        self.writes: list[int] = []
        self.answer: Callable[[Sequence[Message]], Answers] | None = None
        self.seconds = 0.0

    @property
    def demand(self) -> Demand:
        """As much as the spec says."""
        return Demand()

    async def open(self) -> None:
        """Nothing to open."""

    async def close(self) -> None:
        """Nothing to close."""

    async def write(self, records: Sequence[Message]) -> Answers:
        """Accept everything, or as `answer` says."""
        self.writes.append(len(records))
        if self.seconds:
            await asyncio.sleep(self.seconds)
        answers = self.answer(records) if self.answer else [None] * len(records)
        self.rows += [record for record, answer in zip(records, answers, strict=True) if answer is None]
        return answers

    def ids(self) -> list[object]:
        """The number that each accepted order carries, in the order of acceptance."""
        return [row.value["n"] for row in self.rows if isinstance(row.value, dict)]


class Bench:
    """One queue with its dead-letter queue, one sink, one pipeline at a time."""

    def __init__(self, *, fifo: bool = False, max_receives: int | None = None, **changes: object) -> None:
        loop = asyncio.get_running_loop()
        suffix = ".fifo" if fifo else ""
        self.sqs = LoopbackSqs(rng=random.Random(1), clock=lambda: 1_000_000.0 + loop.time())
        kind = {"FifoQueue": "true", "ContentBasedDeduplication": "true"} if fifo else {}
        self.sqs.create_queue(f"dead{suffix}", kind)
        self.source = f"source{suffix}"
        policy = f'{{"deadLetterTargetArn":"{self.sqs.queue(f"dead{suffix}").arn}","maxReceiveCount":{max_receives}}}'
        self.sqs.create_queue(self.source, {**kind, **({"RedrivePolicy": policy} if max_receives else {})})
        self.faults = Faults(rng=random.Random(2), clock=loop.time)
        self.queue = MemoryQueue(self.sqs, self.source, visibility_timeout=SPEC.lease_seconds, faults=self.faults)
        self.dead = MemoryQueue(self.sqs, f"dead{suffix}")
        self.sink = ListSink()
        self.facts: list[Fact] = []
        self.spec = replace(
            SPEC,
            fifo=fifo,
            poll=replace(SPEC.poll, repeatable=fifo),
            settle=replace(SPEC.settle, changes=1 if fifo else 2),
        )
        self.spec = replace(self.spec, max_receives=max_receives if fifo else None, redrive_count=max_receives)
        self.spec = replace(self.spec, **changes)  # type: ignore[arg-type] # fields of the spec, by name
        self.dead_letters: DeadLetters | None = None
        self._sent = 0  # written by send_body

    def with_dead_letters(self) -> Bench:
        """Reject into the dead-letter queue ourselves."""
        self.dead_letters = DeadLetters(
            self.dead, source=self.source, worker="w", fifo=self.spec.fifo, emit=self.facts.append, pipeline="test"
        )
        return self

    def set_faults(self, *rules: FaultRule) -> None:
        """Misbehave from now on."""
        self.faults.set(rules)

    async def send(self, numbers: Sequence[int], *, group: str | None = None) -> None:
        """Put `{"n": number}` into the queue, one by one."""
        for number in numbers:
            await self.send_body(f'{{"n":{number}}}', group=group)

    async def send_body(self, body: str, *, group: str | None = None) -> None:
        """Put any body into the queue."""
        groups = group or ("g" if self.spec.fifo else None)
        self._sent += 1
        letter = Outgoing(body, group_id=groups, deduplication_id=str(self._sent) if self.spec.fifo else None)
        await MemoryQueue(self.sqs, self.source).send([letter])

    def pipeline(self) -> Pipeline:
        """A new one on this queue and sink."""
        parts = Parts(
            queue=self.queue,
            sink=self.sink,
            codec=make_codec("json"),
            key=make_key(None),
            dead_letters=self.dead_letters,
            random=random.Random(3),
            wall=lambda: 0.0,
            emit=self.facts.append,
        )
        return Pipeline(self.spec, parts)

    @asynccontextmanager
    async def running(self, *, drain_seconds: float = 25) -> AsyncIterator[Pipeline]:
        """A pipeline that runs while the context lasts, and has run dry when it ends."""
        stop = Stop(drain_seconds=drain_seconds)
        pipeline = self.pipeline()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(pipeline.run(stop))
            yield pipeline
            stop.request("test")

    async def drain(self) -> Pipeline:
        """Run until the queue is empty."""
        pipeline = self.pipeline()
        await pipeline.run(Stop(drain_seconds=25), drain=True)
        return pipeline

    async def counts(self) -> tuple[int, int, int]:
        """Visible, in flight and delayed in the source."""
        counted = await self.queue.attributes()
        return counted.visible, counted.not_visible, counted.delayed

    async def dead_bodies(self) -> list[str]:
        """What lies in the dead-letter queue."""
        found: list[str] = []
        while got := await self.dead.receive(10, 0):
            found += [delivery.body for delivery in got]
            await self.dead.delete(got)
        return found

    def told(self, kind: type[Fact]) -> list[Fact]:
        """The facts of one kind, in order."""
        return [fact for fact in self.facts if isinstance(fact, kind)]

    def outcomes(self) -> Counter[str]:
        """How many deliveries left the ledger in which way."""
        counted: Counter[str] = Counter()
        for fact in self.facts:
            if type(fact).__name__ == "DeliveriesSettled":
                counted[getattr(fact, "outcome")] += getattr(fact, "count")  # noqa: B009 - narrowed by name
        return counted
