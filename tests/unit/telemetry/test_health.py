"""When the worker says that it lives, that it is ready, and what it says of itself."""

from __future__ import annotations

import asyncio
import json
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from worker.facts import (
    BatchWritten,
    DeliveriesSettled,
    Fact,
    LoopLagged,
    MessagesReceived,
    PipelineStarted,
    PipelineState,
    QueueMeasured,
    ReceiveFailed,
    RequestMade,
    SinkLost,
    WorkerStarted,
    WorkerStopped,
    WorkerStopping,
)
from worker.telemetry.dispatch import FanOut
from worker.telemetry.health import Health
from worker.telemetry.lag import watch_loop

if TYPE_CHECKING:
    from .conftest import Clock

STARTED = WorkerStarted("w", "1", ("orders",), "")
RECEIVED = MessagesReceived("orders", asked=10, count=10, bytes=1, seconds=0.1)


class Bench:
    """A health with a clock to turn and a pipeline state to set."""

    def __init__(self, clock: Clock, state: PipelineState) -> None:
        self.clock = clock
        self.state = state
        self.health = Health(worker_id="w", version="1", clock=clock, unix_clock=lambda: 0.0)
        self.health.watch("orders", lambda: self.state)
        self.health.observe(PipelineStarted("orders", "q", "json", "sqlite", 30, receiving=True))
        self.health.observe(STARTED)

    def pass_time(self, seconds: float) -> None:
        """Time goes by in a loop that turns; what was received before is handled and settled."""
        for _ in range(int(seconds)):
            state, self.clock.now = self.state, self.clock.now + 1
            self.state = replace(
                state,
                last_receive_age=state.last_receive_age + 1,
                handled=state.handled + 1,
                settled=state.settled + 1,
            )
            self.health.beat()

    def fail(self, code: str = "InternalError", *, refused: bool = False, retry_in: float = 1.0) -> None:
        """One receive fails."""
        self.health.observe(ReceiveFailed("orders", code, "", retry_in, refused=refused))


@pytest.fixture
def bench(clock: Clock, state: PipelineState) -> Bench:
    return Bench(clock, state)


def test_alive_until_beats_stop(bench: Bench) -> None:
    """A loop that does not turn for ten seconds is dead, and says for how long."""
    bench.clock.now += 10
    assert bench.health.live() == (True, "ok")
    bench.clock.now += 0.5
    assert bench.health.live() == (False, "the event loop has not turned for 10.5 s")
    bench.health.beat()
    assert bench.health.live()[0]


def test_a_loop_that_turns_but_receives_nothing_is_not_alive(bench: Bench) -> None:
    """A lost receiver is found within the wait and fifteen seconds."""
    bench.pass_time(35)
    assert bench.health.live()[0]
    bench.pass_time(1)
    assert bench.health.live() == (False, "pipeline orders has completed no receive for 36.0 s")


def test_an_empty_receive_is_a_sign_of_life(bench: Bench) -> None:
    """A quiet queue is no reason to restart."""
    bench.pass_time(30)
    bench.health.observe(replace(RECEIVED, count=0))
    bench.pass_time(30)
    assert bench.health.live()[0]


def test_pausing_on_purpose_is_alive_and_so_is_the_time_after_it(bench: Bench) -> None:
    """An hour without room or without a sink kills nobody, nor does the first moment of receiving again."""
    bench.state = replace(bench.state, receiving=False)
    bench.pass_time(3600)
    assert bench.health.live()[0]
    bench.state = replace(bench.state, receiving=True)
    bench.pass_time(20)
    assert bench.health.live()[0]
    bench.pass_time(20)
    assert not bench.health.live()[0]


def test_sqs_being_down_for_hours_is_alive(bench: Bench) -> None:
    """No probe asks for a restart because a dependency is down, however long the pause between tries."""
    for _ in range(60):
        bench.fail(retry_in=60.0)
        bench.pass_time(60)
        assert bench.health.live()[0]


def test_stopping_is_alive_however_long_it_takes(bench: Bench) -> None:
    """A drain is not killed by the probe."""
    bench.health.observe(WorkerStopping("SIGTERM", 25.0))
    bench.pass_time(600)
    assert bench.health.live()[0]


def test_ready_from_start_to_stop(clock: Clock) -> None:
    """Ready means running: not before everything is open, not after stopping began."""
    health = Health(worker_id="w", clock=clock)
    verdicts = [health.ready()]
    for fact in (STARTED, WorkerStopping("SIGTERM", 25.0), WorkerStopped("SIGTERM", 1.0, clean=True)):
        health.observe(fact)
        verdicts.append(health.ready())
    assert verdicts == [(False, "starting"), (True, "ok"), (False, "draining"), (False, "stopped")]


def test_not_ready_while_the_sink_is_away(bench: Bench) -> None:
    """The sink decides readiness, never life."""
    bench.state = replace(bench.state, sink_available=False, receiving=False)
    assert bench.health.ready() == (False, "the sink of pipeline orders is unavailable")
    assert bench.health.live()[0]


def test_a_refused_receive_is_not_ready_at_once(bench: Bench) -> None:
    """A missing permission does not wait for a row of failures, and the next good receive clears it."""
    bench.fail("AccessDenied", refused=True)
    assert bench.health.ready() == (False, "pipeline orders cannot receive: AccessDenied")
    bench.health.observe(RECEIVED)
    assert bench.health.ready()[0]


def test_a_hiccup_is_ready_a_row_of_failures_is_not(bench: Bench) -> None:
    """One failed receive is daily life; ten seconds of them are not."""
    bench.fail()
    assert bench.health.ready()[0]
    bench.pass_time(10)
    bench.fail()
    assert not bench.health.ready()[0]


def test_status_tells_the_whole_story_as_json(bench: Bench) -> None:
    """Rates, depth, time to empty, in flight and totals of a pipeline, in one document."""
    health = bench.health
    health.observe(QueueMeasured("orders", "q", visible=1000, not_visible=0, delayed=0))
    health.observe(RECEIVED)
    health.observe(DeliveriesSettled("orders", outcome="deleted", count=8))
    bench.pass_time(10)
    health.observe(QueueMeasured("orders", "q", visible=890, not_visible=10, delayed=0))
    status: Any = json.loads(json.dumps(health.status()))
    orders = status["pipelines"]["orders"]
    assert (status["worker_id"], status["state"], status["uptime_seconds"]) == ("w", "running", 10.0)
    assert status["live"] == status["ready"] == {"ok": True, "reason": "ok"}
    assert (orders["queue"], orders["codec"], orders["sink"]) == ("q", "json", "sqlite")
    assert orders["rates"]["received_per_second"] == {"10s": 1.0, "60s": 1.0}
    assert orders["rates"]["deleted_per_second"] == {"10s": 0.8, "60s": 0.8}
    assert orders["depth"] == {"visible": 890, "not_visible": 10, "delayed": 0, "age_seconds": 0.0}
    assert (orders["depth_change_per_second"], orders["seconds_to_empty"]) == (-10.0, 90)
    assert orders["in_flight"] == {"messages": 10, "bytes": 5000, "buffered": 3, "handling": 4, "settling": 1}
    assert orders["messages"]["received"] == 10
    assert status["messages"]["deleted"] == 8


def test_status_names_the_bottleneck(bench: Bench) -> None:
    """With the shares that it was made from, and the sizes that follow the sink."""
    bench.state = replace(bench.state, batch_rows_limit=300, batch_linger_seconds=0.05, in_flight_limit=900)
    written = BatchWritten("orders", 200, 200, 1, 0.01, 0.95, 1, (), 0.0, waited_seconds=0.04)
    for _ in range(10):
        bench.pass_time(1)
        bench.health.observe(replace(RECEIVED, seconds=0.2, waited_seconds=0.8))
        bench.health.observe(RequestMade("orders", "delete", "ok", 0.5))
        bench.health.observe(written)
    bench.pass_time(1)
    bench.state = replace(bench.state, last_receive_age=0.0)
    status: Any = json.loads(json.dumps(bench.health.status()))
    told = status["pipelines"]["orders"]["performance"]
    assert told["bottleneck"] == "sink"
    assert told["advice"].startswith("the sink: 95 % of the handlers' time")
    assert told["time_share"]["waiting_for_room"] == 0.8
    assert told["time_share"]["deleting"] == pytest.approx(0.5, abs=0.1)
    assert (told["batches"], told["batch_rows"], told["write_seconds"]) == (10, 200.0, 0.95)
    assert (told["batch_rows_limit"], told["batch_linger_seconds"], told["in_flight_limit"]) == (300, 0.05, 900)


def test_figures_are_reported_while_anything_moves(bench: Bench) -> None:
    """A quiet pipeline does not repeat itself every minute."""
    told = [len(bench.health.reports())]
    bench.health.observe(RECEIVED)
    told += [len(bench.health.reports()), len(bench.health.reports())]
    bench.health.observe(DeliveriesSettled("orders", outcome="deleted", count=10))
    assert [*told, len(bench.health.reports())] == [0, 1, 0, 1]


def test_the_last_errors_are_few_and_alike_ones_are_counted(bench: Bench) -> None:
    """Ten entries, the newest first; a storm of one kind does not push the others out."""
    for n in range(12):
        bench.fail(f"Code{n}")
    for _ in range(1000):
        bench.health.observe(SinkLost("orders", code="OperationalError", detail="secret detail"))
    errors: Any = bench.health.status()["last_errors"]
    assert [error["code"] for error in errors] == ["OperationalError", *(f"Code{n}" for n in range(11, 2, -1))]
    assert errors[0]["count"] == 1000
    assert errors[0]["time"] == "1970-01-01T00:00:00+00:00"
    assert "secret detail" not in str(errors)


def test_a_loop_that_is_blocked_now_shows_as_lag(bench: Bench) -> None:
    """The lag does not wait for the late beat to be measured."""
    bench.health.beat(0.1)
    assert bench.health.lag() == 0.1
    bench.clock.now += 5.25
    assert bench.health.lag() == 5.0


async def test_a_blocked_loop_is_reported_when_it_turns_again(clock: Clock) -> None:
    """The pulse beats by itself, and tells once how long the loop was held."""
    facts: asyncio.Queue[Fact] = asyncio.Queue()
    health = Health(worker_id="w", clock=clock)
    clock.now += 100
    async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
        pulse = tasks.create_task(watch_loop(facts.put_nowait, health, interval=0.01, threshold=0.02))
        asyncio.get_running_loop().call_later(0.01, threading.Event().wait, 0.06)
        fact = await facts.get()
        pulse.cancel()
    assert isinstance(fact, LoopLagged)
    assert fact.seconds > 0.02
    assert health.lag() == fact.seconds
    assert health.live()[0]


def test_a_broken_observer_stops_neither_the_others_nor_the_worker(clock: Clock) -> None:
    """Emitting never raises; what went wrong is counted and kept."""

    class Broken:
        def heeds(self, kind: type[Fact]) -> bool:
            return kind is WorkerStarted

        def observe(self, fact: Fact) -> None:
            raise ValueError(fact)

    health = Health(worker_id="w", clock=clock)
    fan_out = FanOut([Broken(), health])
    fan_out.emit(STARTED)
    assert health.ready()[0]
    assert fan_out.failures == 1
    assert isinstance(fan_out.last_failure, ValueError)
