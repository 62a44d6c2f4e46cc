"""Whether the worker lives, whether it is ready, and what it is doing: the verdicts behind the probes.

Takes facts and beats on the loop's thread; answers on the server's, also while the loop stands still. Alive is a
question about ourselves only: a dead SQS or sink makes us not ready, and no restart would help.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Literal

from worker import facts
from worker.telemetry.account import Accounts
from worker.telemetry.dispatch import Dispatch
from worker.telemetry.load.load import Load
from worker.telemetry.memo import Memo
from worker.telemetry.outlook.cost import Cost
from worker.telemetry.track import Track

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from worker.facts import Fact, PerformanceReported, ReadState
    from worker.telemetry.dispatch import Act
    from worker.telemetry.load.bottleneck import Shares
    from worker.telemetry.outlook.outlook import Outlook

BEAT_SECONDS: Final = 0.25
"""How often the loop is expected to beat."""
GRACE_SECONDS: Final = 15.0
"""How much longer than its wait a receive may take: connecting, our own clock on it, and one repetition."""
ERRORS_KEPT: Final = 10
CODE_CHARACTERS: Final = 64
"""A handler names its own reasons; a page of status is no place for essays."""

_TROUBLE: Final = frozenset({"warning", "error"})
"""Levels that people are shown in the list of last errors."""

State = Literal["starting", "running", "draining", "stopped"]
Verdict = tuple[bool, str]
"""Yes or no, and why in one line."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """One line of the list of last errors: alike ones in a row are counted, not listed."""

    time: str
    fact: str
    pipeline: str
    code: str
    count: int


class Health(Dispatch):
    """Shared by two threads. Every attribute is a plain value replaced whole by the loop's thread."""

    def __init__(
        self,
        *,
        worker_id: str,
        version: str = "",
        clock: Callable[[], float] = time.monotonic,
        unix_clock: Callable[[], float] = time.time,
        wait_seconds: float = 20.0,
        stall_seconds: float = 10.0,
        load: Load | None = None,
        accounts: Accounts | None = None,
    ) -> None:
        super().__init__()
        self._worker_id = worker_id
        self._version = version
        self._clock = clock
        self._unix_clock = unix_clock
        self._overdue_seconds = wait_seconds + GRACE_SECONDS
        self._stall_seconds = stall_seconds
        self._load = load or Load()
        self._started = clock()
        self._beat_at = self._started
        """Written by `beat`."""
        self._lag = 0.0
        """Of the latest beat. Written by `beat`."""
        self._state: State = "starting"
        """Written by `_enter`."""
        self._opened = False
        """Receiving has begun. Written by `_open`."""
        self._errors: tuple[Trouble, ...] = ()
        """The last ones, oldest first. Written by `_remember`."""
        self._accounts = accounts or Accounts()
        self._costs: Mapping[str, Cost] = {}
        """By pipeline. Written by `charge`."""
        self._tracks = Memo(self._track)
        """By pipeline, made when it is first heard of, by `watch` or a fact; read as a copy."""
        self.share(self._accounts)
        self._listen()

    # ── on the loop's thread ────────────────────────────────────────────────────────────────────────────────────────

    def watch(self, pipeline: str, read: ReadState) -> None:
        """Ask *read* for the live numbers of *pipeline* from now on. *read* is called from both threads."""
        self._tracks[pipeline].read = read

    def charge(self, costs: Mapping[str, Cost]) -> None:
        """Count the requests of each pipeline into *costs*. Called while the worker is built."""
        self._costs = costs

    def beat(self, lag_seconds: float = 0.0) -> None:
        """The loop turns; it came *lag_seconds* late."""
        now = self._clock()
        self._load.beat(now)
        for track in self._tracks.values():
            track.beat(now)
        self._lag, self._beat_at = lag_seconds, now

    def acts(self, kind: type[Fact]) -> tuple[Act, ...]:
        """What is done with facts of *kind*: trouble of any kind is remembered too."""
        acts = super().acts(kind)
        return (*acts, self._remember) if kind.level in _TROUBLE else acts

    def reports(self) -> list[PerformanceReported]:
        """The figures of every pipeline in which anything moved since the last call."""
        now = self._clock()
        return [told for track in self._tracks.values() if (told := track.report(now)) is not None]

    def _listen(self) -> None:
        on, now, tracks = self.on, self._clock, self._tracks
        on(facts.WorkerStarted, self._open)
        on(facts.WorkerStopping, lambda _: self._enter("draining"))
        on(facts.WorkerStopped, lambda _: self._enter("stopped"))
        on(facts.PipelineStarted, lambda f: tracks[f.pipeline].started(f, now()))
        on(facts.MessagesReceived, lambda f: tracks[f.pipeline].received(f, now()))
        on(facts.ReceiveFailed, lambda f: tracks[f.pipeline].receive_failed(f, now()))
        on(facts.DeliveriesSettled, lambda f: tracks[f.pipeline].settled(f, now()))
        on(facts.QueueMeasured, lambda f: tracks[f.pipeline].ahead.measured(f, now()))
        on(facts.BatchWritten, lambda f: tracks[f.pipeline].spent.written(f, now()))
        on(facts.CallHung, lambda f: tracks[f.pipeline].stalls.call_hung(f, now()))
        on(facts.HungCallEnded, lambda f: tracks[f.pipeline].stalls.call_ended(f))
        on(facts.RequestMade, lambda f: tracks[f.pipeline].requested(f, now()))

    def _open(self, _: facts.WorkerStarted) -> None:
        self._opened = True
        self._enter("running")

    def _enter(self, state: State) -> None:
        self._state = state

    def _track(self, pipeline: str) -> Track:
        cost = self._costs.get(pipeline) or Cost()
        return Track(pipeline, self._accounts.by_pipeline[pipeline], self._load, cost, self._clock())

    def _remember(self, fact: Fact) -> None:
        pipeline = getattr(fact, "pipeline", "")
        code = next((str(getattr(fact, name)) for name in ("code", "reason", "check") if hasattr(fact, name)), "")[
            :CODE_CHARACTERS
        ]
        known = [t for t in self._errors if (t.fact, t.pipeline, t.code) == (type(fact).__name__, pipeline, code)]
        count = 1 + (known[0].count if known else 0)
        when = datetime.fromtimestamp(self._unix_clock(), UTC).isoformat(timespec="seconds")
        trouble = Trouble(when, type(fact).__name__, pipeline, code, count)
        self._errors = (*(t for t in self._errors if t not in known), trouble)[-ERRORS_KEPT:]

    # ── on any thread ───────────────────────────────────────────────────────────────────────────────────────────────

    def opened(self) -> bool:
        """Whether everything was open once, and receiving has begun."""
        return self._opened

    def lag(self) -> float:
        """How late the loop is: at its latest beat, or now if the next one is overdue."""
        return max(self._lag, self._clock() - self._beat_at - BEAT_SECONDS)

    def live(self, now: float | None = None) -> Verdict:
        """Whether the loop turns, and the pipelines receive, handle and settle. Never asks anything outside of us."""
        now = self._clock() if now is None else now
        silent = now - self._beat_at
        if silent > self._stall_seconds:
            return False, f"the event loop has not turned for {silent:.1f} s"
        for track in tuple(self._tracks.values()):
            state = track.state()
            if self._state == "running" and state is not None:
                overdue = track.overdue_seconds(state, now)
                if overdue > self._overdue_seconds:
                    return False, f"pipeline {track.name} has completed no receive for {overdue:.1f} s"
                if trouble := track.stalls.trouble(state, now):
                    return False, f"pipeline {track.name} {trouble}"
        return True, "ok"

    def ready(self, now: float | None = None) -> Verdict:
        """Whether the worker does what it is for: open, not stopping, its queues answer and its sinks take."""
        now = self._clock() if now is None else now
        if self._state != "running":
            return False, self._state
        for track in tuple(self._tracks.values()):
            state = track.state()
            if state is not None and not state.sink_available:
                return False, f"the sink of pipeline {track.name} is unavailable"
            if track.stuck(state):
                return False, f"pipeline {track.name} handles nothing: all of its {len(track.stalls.hung)} calls hang"
            if failure := track.cannot_receive(now):
                return False, f"pipeline {track.name} cannot receive: {failure}"
        return True, "ok"

    def shares(self) -> dict[str, Shares]:
        """Where the time of each pipeline went in the last minute."""
        now = self._clock()
        return {track.name: track.shares(now) for track in tuple(self._tracks.values())}

    def outlooks(self) -> dict[tuple[str, str], Outlook]:
        """What becomes of each queue, by pipeline and queue; of those that have started."""
        at, tracks = (self._clock(), self._unix_clock()), tuple(self._tracks.values())
        return {(track.name, track.made_of["queue"]): track.ahead.outlook(*at) for track in tracks if track.made_of}

    def status(self, now: float | None = None) -> dict[str, object]:
        """Everything worth knowing, for people and for `/status`."""
        now, unix_now = self._clock() if now is None else now, self._unix_clock()
        (live, why_live), (ready, why_ready) = self.live(now), self.ready(now)
        return {
            "worker_id": self._worker_id,
            "version": self._version,
            "state": self._state,
            "uptime_seconds": round(now - self._started, 1),
            "live": {"ok": live, "reason": why_live},
            "ready": {"ok": ready, "reason": why_ready},
            "loop_lag_seconds": round(self.lag(), 3),
            "messages": self._accounts.total().as_dict(),
            "pipelines": {track.name: track.status(now, unix_now) for track in tuple(self._tracks.values())},
            "last_errors": [asdict(trouble) for trouble in reversed(self._errors)],
        }
