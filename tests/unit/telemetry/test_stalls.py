"""When work that does not move makes the worker not alive, and when it does not."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from worker.facts import CallHung, HungCallEnded, PipelineStarted, PipelineState, WorkerStarted
from worker.telemetry.health import Health

if TYPE_CHECKING:
    from .conftest import Clock

QUIET = {"buffered": 0, "handling": 0, "settling": 0}


class Bench:
    """A health whose pipeline receives, and does what the test says besides."""

    def __init__(self, clock: Clock, state: PipelineState) -> None:
        self.clock = clock
        self.state = replace(state, **QUIET)  # type: ignore[arg-type] # names of fields
        self.health = Health(worker_id="w", clock=clock, unix_clock=lambda: 0.0)
        self.health.watch("orders", lambda: self.state)
        self.health.observe(PipelineStarted("orders", "q", "json", "handler", 30, receiving=True))
        self.health.observe(WorkerStarted("w", "1", ("orders",), ""))

    def pass_time(self, seconds: float, **moves: int) -> tuple[bool, str]:
        """Time goes by in a loop that turns; *moves* grow once a second."""
        for _ in range(int(seconds)):
            self.clock.now += 1
            grown = {name: getattr(self.state, name) + by for name, by in moves.items()}
            self.state = replace(self.state, **grown)
            self.health.beat()
        return self.health.live()


@pytest.fixture
def bench(clock: Clock, state: PipelineState) -> Bench:
    return Bench(clock, state)


def bottleneck(bench: Bench) -> object:
    """As `/status` names it."""
    pipelines = bench.health.status()["pipelines"]
    assert isinstance(pipelines, dict)
    return pipelines["orders"]["performance"]["bottleneck"]


def hung(number: int, *, slots: int = 2, hanging: int = 1, limit_seconds: float = 60.0) -> CallHung:
    """A call that is over its limit."""
    return CallHung("orders", "shop.handle", f"m-{number}", 1, limit_seconds + 5, limit_seconds, hanging, slots)


def test_what_waits_to_be_handled_must_move(bench: Bench) -> None:
    """No batch began or ended for a minute beyond what one write may take: a stage is dead, whatever it was."""
    bench.state = replace(bench.state, buffered=101, handling=8, write_limit_seconds=125.0)
    assert bench.pass_time(180)[0]
    assert bench.pass_time(10) == (
        False,
        "pipeline orders has 109 messages to handle, and no batch began or ended for 189 s",
    )
    assert bench.pass_time(1, handled=1)[0]


def test_a_long_call_inside_its_limit_is_no_stall(bench: Bench) -> None:
    """A job of fifteen minutes that is allowed an hour."""
    bench.state = replace(bench.state, handling=1, write_limit_seconds=7_205.0)
    assert bench.pass_time(3_600)[0]


@pytest.mark.parametrize("more", ["order_seconds", "batch_linger_seconds"])
def test_what_may_wait_longer_is_given_longer(bench: Bench, more: str) -> None:
    """A batch that is gathered for minutes, a group of which somebody else may hold an earlier message."""
    bench.state = replace(bench.state, buffered=1, write_limit_seconds=7.0)
    bench.state = replace(bench.state, **{more: 300.0})  # type: ignore[arg-type] # names of fields
    assert bench.pass_time(360)[0]
    assert not bench.pass_time(10)[0]


@pytest.mark.parametrize(
    "why",
    [
        {"sink_available": False},  # a sink that is away comes back by itself
        {"stuck": True},  # hanging calls have a rule of their own
        {"buffered": 0, "handling": 0},  # nothing waits: an idle queue, or a consumer that is switched off
    ],
    ids=str,
)
def test_what_no_restart_helps_is_no_stall(bench: Bench, why: dict[str, int]) -> None:
    """Not alive means: restart me."""
    bench.state = replace(bench.state, buffered=5, handling=1, write_limit_seconds=1.0)
    bench.state = replace(bench.state, **why)  # type: ignore[arg-type] # names of fields
    assert bench.pass_time(3_600)[0]


def test_what_waits_to_be_settled_must_be_tried(bench: Bench) -> None:
    """An SQS that is away is asked again and again, and that is a sign of life; nobody asking is none."""
    bench.state = replace(bench.state, settling=7)
    assert bench.pass_time(600, settled=1)[0]
    assert bench.pass_time(120)[0]
    assert bench.pass_time(2) == (
        False,
        "pipeline orders has 7 messages to delete or give back, and tried none for 122 s",
    )


def test_a_process_that_stood_still_was_not_idle(bench: Bench) -> None:
    """After an hour's sleep of the machine everything has a chance to move before the verdict."""
    bench.state = replace(bench.state, settling=7, buffered=3, handling=1, write_limit_seconds=60.0)
    bench.pass_time(5)
    bench.clock.now += 3_600
    bench.health.beat()
    assert bench.health.live()[0]


def test_calls_that_keep_every_place_are_not_alive_soon(bench: Bench) -> None:
    """Nothing is handled any more, and the reason names the function and a message."""
    bench.health.observe(hung(1))
    bench.health.observe(hung(2, hanging=2))
    assert bench.health.ready() == (False, "pipeline orders handles nothing: all of its 2 calls hang")
    assert bottleneck(bench) == "hanging"
    assert bench.pass_time(30)[0]
    assert bench.pass_time(1) == (
        False,
        "pipeline orders handles nothing: all of its 2 calls hang, of shop.handle with message m-1 for 96 s",
    )
    bench.health.observe(HungCallEnded("orders", "shop.handle", "m-1", 99.0, 1))
    assert bench.health.live()[0]
    assert bench.health.ready()[0]


def test_one_call_that_hangs_is_shown_and_not_alive_late(bench: Bench) -> None:
    """The others go on, so there is time: ten minutes beyond its limit, or ten limits where that is longer."""
    bench.health.observe(hung(1, slots=8))
    pipelines = bench.health.status()["pipelines"]
    assert isinstance(pipelines, dict)
    assert pipelines["orders"]["hanging_calls"] == [
        {"function": "shop.handle", "message_id": "m-1", "messages": 1, "seconds": 65.0}
    ]
    assert bench.pass_time(590)[0]
    live, why = bench.pass_time(10)
    assert not live
    assert why.startswith("pipeline orders has a call of shop.handle with message m-1 that hangs for 665 s")
    bench.health.observe(HungCallEnded("orders", "shop.handle", "m-1", 999.0, 0))
    assert bench.health.live()[0]
    bench.health.observe(hung(2, slots=8, limit_seconds=3_600.0))
    assert bench.pass_time(30_000)[0]
