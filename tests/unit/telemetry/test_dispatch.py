"""How facts reach their observers, and what facts are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from worker.facts import DeliveriesSettled, Fact, LoopLagged, ReceiversChanged, SinkLost
from worker.telemetry.account import Accounts
from worker.telemetry.dispatch import Dispatch, FanOut
from worker.telemetry.health import Health
from worker.telemetry.metrics.metrics import Metrics
from worker.telemetry.report import Report

if TYPE_CHECKING:
    from collections.abc import Callable

    from .conftest import Clock


def test_an_account_that_observers_share_is_booked_once(clock: Clock) -> None:
    """Metrics, report and status show the same messages, and none of them twice."""
    accounts = Accounts()
    report, health = Report("w", clock, accounts), Health(worker_id="w", clock=clock, accounts=accounts)
    fan_out = FanOut([Metrics(accounts=accounts), report, health])
    fan_out.emit(DeliveriesSettled("orders", "deleted", 7))
    assert accounts.total().deleted == 7
    assert report.line()["messagesProcessed"] == 7
    assert fan_out.failures == 0


def test_an_act_that_fails_holds_up_no_other() -> None:
    """Of one observer as of several: what is agreed after it is still done, in order."""
    done: list[str] = []

    def fail(fact: LoopLagged) -> None:
        raise ValueError(fact)

    first, second = Dispatch(), Dispatch()
    first.on(LoopLagged, lambda _: done.append("before"))
    first.on(LoopLagged, fail)
    first.on(LoopLagged, lambda _: done.append("after"))
    second.on(LoopLagged, lambda _: done.append("other"))
    fan_out = FanOut([first, second])
    for _ in range(2):
        fan_out.emit(LoopLagged(1.0))
    assert done == ["before", "after", "other"] * 2
    assert (fan_out.failures, type(fan_out.last_failure)) == (2, ValueError)


def test_health_remembers_trouble_that_means_nothing_else_to_it(clock: Clock) -> None:
    """A kind of fact without an act of its own is told to health if it is trouble, and only then."""
    health = Health(worker_id="w", clock=clock)
    assert health.heeds(SinkLost)
    assert not health.heeds(ReceiversChanged)
    FanOut([health]).emit(SinkLost("orders", "OperationalError", ""))
    status: Any = health.status()
    assert [trouble["code"] for trouble in status["last_errors"]] == ["OperationalError"]


def test_facts_are_values(every_kind: list[type[Fact]], make: Callable[[type[Fact]], Fact]) -> None:
    """Equal facts are equal and hash alike, and no fact can be given a field that it does not have."""
    for kind in every_kind:
        assert make(kind) == make(kind)
        assert hash(make(kind)) == hash(make(kind))
        assert not hasattr(make(kind), "__dict__")
