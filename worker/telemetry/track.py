"""What health knows of one pipeline: its rates, its queue's depth, how receiving goes, and where its time goes.

Takes facts on the loop's thread; gives answers on any. Every attribute is replaced whole by its one writer, so a reader
needs no lock.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from worker.telemetry.load.performance import WINDOW_SECONDS, Performance
from worker.telemetry.load.rates import Meter
from worker.telemetry.outlook.outlook import QueueWatch
from worker.telemetry.stalls import Stalls

if TYPE_CHECKING:
    from worker import facts
    from worker.facts import PerformanceReported, PipelineState, ReadState
    from worker.telemetry.account import Account
    from worker.telemetry.load.bottleneck import Shares
    from worker.telemetry.load.load import Load
    from worker.telemetry.outlook.cost import Cost
    from worker.telemetry.outlook.trend import Depth

FAILING_SECONDS: Final = 10.0
"""A row of failed receives this long is more than a hiccup."""
WINDOWS: Final = (10, 60)
"""Seconds over which rates are told: what happens now, and what one can plan with."""


class Track:
    """One pipeline as health sees it. Written on the loop's thread by the acts of `Health` and its `beat`."""

    def __init__(self, name: str, account: Account, load: Load, cost: Cost, now: float) -> None:
        self.name = name
        self.account = account
        """Kept by `Accounts`."""
        self.read: ReadState | None = None
        """Written by `Health.watch` while the worker is built."""
        self.made_of: dict[str, str] = {}
        """Queue, codec and sink. Written by `started`."""
        self.active_at = now
        """When a receive last ended or could not be expected to. A planned pause after a failure reaches ahead."""
        self.failing_since: float | None = None
        """When the present row of failed receives began. Written by `received`, `receive_failed`."""
        self.failure = ""
        """Code of its latest. Written with `failing_since`."""
        self.refused = False
        """The latest receive was refused for good. Written with `failing_since`."""
        self.ahead = QueueWatch(cost, now)
        """What becomes of its queue."""
        self._received = Meter(now)
        self._deleted = Meter(now)
        self.stalls = Stalls(now)
        """What waits and does not move."""
        self.spent = Performance(name, load, now)
        """Where its time goes."""
        self._reported = 0
        """Messages that had moved at the latest report. Written by `report`."""

    # ── on the loop's thread ────────────────────────────────────────────────────────────────────────────────────────

    def started(self, fact: facts.PipelineStarted, now: float) -> None:
        """Remember what it is made of."""
        self.made_of = {"queue": fact.queue, "codec": fact.codec, "sink": fact.sink}
        self.active_at = now

    def beat(self, now: float) -> None:
        """While nothing is received on purpose, nothing is overdue."""
        if self.read is None:
            return
        state = self.read()
        self.spent.look(state, now)
        self.ahead.look(state, now)
        self.stalls.look(state, now)
        if not state.receiving:
            self.active_at = max(self.active_at, now)

    def received(self, fact: facts.MessagesReceived, now: float) -> None:
        """Receiving works."""
        self.active_at = now
        self.failing_since, self.refused, self.failure = None, False, ""
        self.spent.received(fact, now)
        self.ahead.received(fact)
        if fact.count:
            self._received.add(fact.count, now)

    def receive_failed(self, fact: facts.ReceiveFailed, now: float) -> None:
        """Receiving fails, but it is being tried: that is SQS's trouble, no reason to restart us."""
        self.active_at = now + fact.retry_in
        if self.failing_since is None:
            self.failing_since = now
        self.refused, self.failure = fact.refused, fact.code

    def settled(self, fact: facts.DeliveriesSettled, now: float) -> None:
        """Count what was deleted, or left the queue otherwise."""
        self.ahead.settled(fact)
        if fact.outcome == "deleted":
            self._deleted.add(fact.count, now)

    def requested(self, fact: facts.RequestMade, now: float) -> None:
        """Count a request, and book its time."""
        self.spent.requested(fact, now)
        self.ahead.requested()

    def report(self, now: float) -> PerformanceReported | None:
        """Its figures, if anything moved since the last time."""
        moved = self.account.received + self.account.settled
        before, self._reported = self._reported, moved
        return self.performance(now) if moved != before else None

    # ── on any thread ───────────────────────────────────────────────────────────────────────────────────────────────

    def state(self) -> PipelineState | None:
        """Its live numbers, if the app registered them."""
        return None if self.read is None else self.read()

    def stuck(self, state: PipelineState | None) -> bool:
        """Whether every place is kept by a call that hangs: they say so themselves, or a write that found none free."""
        return self.stalls.full or (state is not None and state.stuck)

    def cannot_receive(self, now: float) -> str:
        """SQS's code while receives are refused, or have failed for more than a hiccup; else empty."""
        since = self.failing_since
        return self.failure if since is not None and (self.refused or now - since >= FAILING_SECONDS) else ""

    def shares(self, now: float) -> Shares:
        """Where its time went in the last minute."""
        return self.spent.shares(self.state(), now)

    def performance(self, now: float) -> PerformanceReported:
        """All its figures of the last minute."""
        state = self.state()
        return self.spent.report(
            state,
            now,
            stuck=self.stuck(state),
            deleted_per_second=self._deleted.rate(WINDOW_SECONDS, now),
            trouble=self.cannot_receive(now),
        )

    def overdue_seconds(self, state: PipelineState, now: float) -> float:
        """How long ago a receive last gave a sign; the pipeline and the facts may each know better."""
        return min(state.last_receive_age, now - self.active_at) if state.receiving else 0.0

    def status(self, now: float, unix_now: float) -> dict[str, object]:
        """For `/status`."""
        state, depths = self.state(), self.ahead.depths
        change = self.ahead.change_per_second(now)
        return {
            **self.made_of,
            "receiving": None if state is None else state.receiving,
            "receive_failing": self.failure or None,
            "sink_available": None if state is None else state.sink_available,
            "hanging_calls": [call.as_dict(now) for call in self.stalls.hung],
            "receivers": None if state is None else state.receivers,
            "in_flight": None if state is None else _in_flight(state),
            "rates": {
                "received_per_second": {f"{w}s": round(self._received.rate(w, now), 2) for w in WINDOWS},
                "deleted_per_second": {f"{w}s": round(self._deleted.rate(w, now), 2) for w in WINDOWS},
            },
            "performance": _performance(self.performance(now)),
            "depth": _depth(depths[-1], now) if depths else None,
            "depth_change_per_second": None if change is None else round(change, 3),
            **self.ahead.outlook(now, unix_now).as_dict(),
            "messages": self.account.as_dict(),
        }


def _in_flight(state: PipelineState) -> dict[str, int]:
    return {
        "messages": state.in_flight,
        "bytes": state.in_flight_bytes,
        "buffered": state.buffered,
        "handling": state.handling,
        "settling": state.settling,
    }


def _performance(told: PerformanceReported) -> dict[str, object]:
    return {name: getattr(told, name) for name in told.names() if name not in ("pipeline", "receivers")}


def _depth(depth: Depth, now: float) -> dict[str, object]:
    return {
        "visible": depth.visible,
        "not_visible": depth.not_visible,
        "delayed": depth.delayed,
        "age_seconds": round(now - depth.at, 1),
    }
