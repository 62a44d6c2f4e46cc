"""Verdicts: whether a worker with several processes lives, whether it is ready, and what all of it is doing.

Takes the processes and beats of the parent's loop; answers on the server's threads by asking each process in turn of
its own. A process that is away for a moment is the parent's to start again, so it makes the worker not ready, and only
after a minute not alive.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

import orjson

from worker import facts
from worker.process.parent.ask import ask_all

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from worker.facts import Fact
    from worker.process.parent.ask import Answer
    from worker.process.parent.process import Process
    from worker.telemetry.health import State, Verdict

PROBE_SECONDS: Final = 0.8
"""For all processes together: Kubernetes gives a probe 1 s unless it is told otherwise."""
STATUS_SECONDS: Final = 3.0
STALL_SECONDS: Final = 10.0
"""Without a beat of our own loop: nobody would be started again."""
ABSENT_SECONDS: Final = 60.0
"""Without a process in its place: longer than the longest pause, so whatever it needs, it is not one more try."""
_OK: Final = 200


class Verdicts:
    """Shared by threads. Every attribute is a plain value replaced whole by the loop's thread."""

    def __init__(
        self,
        processes: Sequence[Process],
        *,
        worker_id: str,
        version: str = "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._processes = processes
        self._worker_id = worker_id
        self._version = version
        self._clock = clock
        self._started = self._beat_at = clock()
        """The latter written by `beat`."""
        self._state: State = "running"
        """Written by `observe`."""

    def beat(self, lag_seconds: float = 0.0) -> None:  # noqa: ARG002 - a Heart's signature
        """The parent's loop turns."""
        self._beat_at = self._clock()

    def heeds(self, kind: type[Fact]) -> bool:
        """Only the beginning of the end says anything here."""
        return kind is facts.WorkerStopping

    def observe(self, fact: Fact) -> None:
        """Take note of *fact*."""
        if self.heeds(type(fact)):
            self._state = "draining"

    def opened(self) -> bool:
        """Whether a process receives: what one could open, the others can as well."""
        return any(process.started for process in self._processes)

    def live(self) -> Verdict:
        """Whether our loop turns, and nobody is stuck or away for good."""
        silent = self._clock() - self._beat_at
        if silent > STALL_SECONDS:
            return False, f"the parent's event loop has not turned for {silent:.1f} s"
        return next(self._away(), None) or self._all("/livez")

    def ready(self) -> Verdict:
        """Whether every process does what it is for."""
        if self._state != "running":
            return False, self._state
        missing = next((p.number for p in self._wanted() if p.url is None), None)
        if missing is not None:
            return False, f"process {missing} does not run"
        return self._all("/readyz")

    def status(self) -> dict[str, object]:
        """What each process says, and their account together."""
        told = {n: _object(answer) for n, answer in self._ask("/status", STATUS_SECONDS).items()}
        (live, why_live), (ready, why_ready) = self.live(), self.ready()
        return {
            "worker_id": self._worker_id,
            "version": self._version,
            "state": self._state,
            "uptime_seconds": round(self._clock() - self._started, 1),
            "live": {"ok": live, "reason": why_live},
            "ready": {"ok": ready, "reason": why_ready},
            "messages": total(status.get("messages", {}) for status in told.values()),
            "processes": [
                {"process": p.number, "pid": p.pid, "restarts": p.restarts, "status": told.get(p.number) or None}
                for p in self._processes
            ],
        }

    def _away(self) -> Iterator[Verdict]:
        for process in self._wanted():
            away = self._clock() - process.silent_since
            if process.url is None and away > ABSENT_SECONDS:
                yield False, f"process {process.number} has not run for {away:.1f} s"

    def _all(self, path: str) -> Verdict:
        """The first no of those that there are."""
        for number, answer in self._ask(path, PROBE_SECONDS).items():
            if answer is None:
                return False, f"process {number} does not answer"
            if answer[0] != _OK:
                return False, f"process {number}: {answer[1].strip()}"
        return True, "ok"

    def _ask(self, path: str, timeout_seconds: float) -> dict[int, Answer | None]:
        urls = {p.number: url for p in self._wanted() if (url := p.url) is not None}
        return ask_all(urls, path, timeout_seconds=timeout_seconds)

    def _wanted(self) -> list[Process]:
        return [process for process in self._processes if not process.ended]


def total(accounts: Iterable[dict[str, int]]) -> dict[str, int]:
    """The sums of *accounts*, key by key."""
    sums: dict[str, int] = {}
    for account in accounts:
        for name, count in account.items():
            sums[name] = sums.get(name, 0) + count
    return sums


def _object(answer: Answer | None) -> dict[str, Any]:
    """The JSON of an answer; empty when there is none."""
    if answer is None or answer[0] != _OK:
        return {}
    try:
        return dict(orjson.loads(answer[1]))
    except (orjson.JSONDecodeError, TypeError, ValueError):
        return {}
