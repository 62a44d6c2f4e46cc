"""What a pipeline says holds it up, in virtual time: each cause is put in on purpose, and named."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from tests.model.simloop import simulated
from tests.unit.pipeline.bench import SPEC, Bench
from worker import facts
from worker.loopback.faults import FaultRule
from worker.process.instruments import reader
from worker.telemetry.health import Health
from worker.telemetry.load.load import Load

if TYPE_CHECKING:
    from collections.abc import Callable

    from worker.facts import Fact


def delayed(operation: str, seconds: float) -> Callable[[Bench], None]:
    return lambda bench: bench.set_faults(FaultRule("latency", operation=operation, seconds=seconds))


def slow_sink(bench: Bench) -> None:
    bench.sink.seconds = 1.0


class Facts(list[Any]):
    """The facts of a bench, which a health hears of as they come."""

    health: Health | None = None

    def append(self, fact: Fact) -> None:
        """Keep it and pass it on."""
        super().append(fact)
        if self.health is not None:
            self.health.observe(fact)


async def told(bench: Bench, *, seconds: int) -> facts.PerformanceReported:
    """What a worker on this bench says of itself after *seconds*."""
    loop = asyncio.get_running_loop()
    facts = bench.facts = Facts()
    still = Load(loop_clock=lambda: 0.0, process_clock=lambda: 0.0)
    health = facts.health = Health(worker_id="w", clock=loop.time, unix_clock=lambda: 0.0, load=still)
    async with bench.running() as pipeline:
        health.watch("test", reader(pipeline))
        for _ in range(4 * seconds):
            await asyncio.sleep(0.25)
            health.beat()
        (report,) = health.reports()
    return report


@pytest.mark.parametrize(
    ("put_in", "changes", "word"),
    [
        pytest.param(slow_sink, {}, "sink", id="a second for each write"),
        pytest.param(delayed("ReceiveMessage", 1.0), {}, "receiving", id="a second for each receive"),
        pytest.param(delayed("DeleteMessageBatch", 1.0), {}, "deleting", id="a second for each delete"),
        pytest.param(slow_sink, {"max_messages": 10, "writers": 8}, "room", id="room for one batch and eight handlers"),
    ],
)
@simulated
async def test_what_was_put_in_is_named(put_in: Callable[[Bench], None], changes: dict[str, Any], word: str) -> None:
    """With a backlog, the slow part is the bottleneck, and no other."""
    bench = Bench(**{"batch": replace(SPEC.batch, max_rows=10), **changes})
    await bench.send(range(3000))
    put_in(bench)
    report = await told(bench, seconds=20)
    assert report.bottleneck == word, report
    assert report.deleted_per_second > 0


@simulated
async def test_an_empty_queue_is_idle_at_once() -> None:
    """Ten messages and then a long poll: nothing holds it up, and the poll need not end before that is said."""
    bench = Bench()
    await bench.send(range(10))
    assert (await told(bench, seconds=8)).bottleneck == "idle"


@simulated
async def test_a_queue_that_refuses_us_is_not_idle() -> None:
    """Without the right to receive there is nothing to wait for."""
    bench = Bench()
    bench.set_faults(FaultRule("error", operation="ReceiveMessage", code="AccessDenied", after_seconds=5))
    await bench.send(range(10))
    assert (await told(bench, seconds=40)).bottleneck == "queue-away"


@simulated
async def test_waiting_for_room_is_told_in_full() -> None:
    """A receiver that asks for room again and again has waited since the first time."""
    bench = Bench(max_messages=10, writers=1, batch=replace(SPEC.batch, max_rows=10))
    bench.sink.seconds = 5.0
    await bench.send(range(40))
    async with bench.running():
        await asyncio.sleep(12)
    full = [fact for fact in bench.facts if isinstance(fact, facts.MessagesReceived) and fact.count]
    assert [round(fact.waited_seconds) for fact in full[:3]] == [0, 5, 5]
