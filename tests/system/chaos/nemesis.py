"""The nemesis: carries the plan out, one generator for each fault, all of them stepped by one loop.

Takes the plan and the world, gives a `Fault` for each entry: when it began and was healed, how often it was seen to
strike, and when the workers were seen to be past it. A generator that waits yields; none waits for ever.
"""

from __future__ import annotations

import signal
import sqlite3
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.system.chaos.evidence import Fault
from tests.system.chaos.schedule import SQS_KINDS
from tests.system.proxy import Trouble

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence
    from pathlib import Path

    from tests.system.chaos.client import Client
    from tests.system.chaos.crew import Crew, Process
    from tests.system.chaos.schedule import Planned
    from tests.system.postgres import Postgres
    from tests.system.proxy import Proxy

PATIENCE_SECONDS = 60.0
"""How long one step of a fault may take before it counts as not seen."""
RESTART_SECONDS = 0.2
LOCK_SECONDS = 20.0
COMMITTED = b"C\0\0\0\x0bCOMMIT\0"
"""What PostgreSQL says when a transaction is lasting."""
LOST_SHARE = 0.5


@dataclass(slots=True)
class Under:
    """A fault under way. Written by its generator."""

    planned: Planned
    begin_ns: int = 0
    heal_ns: int = 0
    fired: int = 0
    recovered_ns: int = 0

    def fault(self) -> Fault:
        """As the checker sees it."""
        p = self.planned
        return Fault(p.kind, p.detail, str(p.target), self.begin_ns, self.heal_ns, self.fired, self.recovered_ns)


class Nemesis:
    """Everything that goes wrong."""

    def __init__(
        self,
        crew: Crew,
        client: Client,
        *,
        databases: dict[str, Path],
        visibility: int,
        server: Postgres,
        network: Proxy,
    ) -> None:
        self._crew = crew
        self._client = client
        self._databases = databases
        self._visibility = visibility
        self._server = server
        self._network = network
        """Between the workers and *server*."""
        self._windows: list[Under] = []
        """SQS troubles in force, in the order of the loopback's rules; written by _force."""
        self._guests = 0
        self._busy: set[str] = set()
        """Workers that something is being done to: one thing at a time. Written by _bodily."""
        self.faults: list[Under] = []

    def run(self, plan: Sequence[Planned], seconds: float, tick: Callable[[], None]) -> None:
        """Carry *plan* out over *seconds*, and until the last fault is healed; *tick* is called all the time."""
        began = time.monotonic()
        waiting = list(plan)
        active: list[Generator[None, None, None]] = []
        while waiting or active or time.monotonic() < began + seconds:
            while waiting and began + waiting[0].at_seconds <= time.monotonic():
                under = Under(waiting.pop(0))
                self.faults.append(under)
                active.append(self._generator(under))
            tick()
            active = [steps for steps in active if _goes_on(steps)]

    def _generator(self, under: Under) -> Generator[None, None, None]:
        return {
            "kill": self._bodily,
            "term": self._bodily,
            "stop": self._bodily,
            "crash": self._crash,
            "sqs": self._trouble,
            "lock": self._lock,
            "database": self._lost_commits if under.planned.detail == "commit-loss" else self._restart,
        }[under.planned.kind](under)

    # ── processes ───────────────────────────────────────────────────────────────────────────────────────────────────

    def _bodily(self, under: Under) -> Generator[None, None, None]:
        """To one worker, when nothing else is being done to it."""
        name = f"w{under.planned.target}"
        yield from _until(lambda: name not in self._busy and self._crew.members[name].working)
        self._busy.add(name)
        act = {"kill": self._kill, "term": self._term, "stop": self._stop}[under.planned.kind]
        yield from act(under, self._crew.members[name])
        self._busy.discard(name)

    def _kill(self, under: Under, member: Process) -> Generator[None, None, None]:
        """SIGKILL, and a new life."""
        under.begin_ns = time.monotonic_ns()
        member.signal(signal.SIGKILL, "kill")
        yield from _until(lambda: not member.alive)
        under.fired = int(member.process.returncode == -signal.SIGKILL)
        yield from self._reborn(under)

    def _term(self, under: Under, member: Process) -> Generator[None, None, None]:
        """SIGTERM, and a new life when it has ended."""
        under.begin_ns = time.monotonic_ns()
        member.signal(signal.SIGTERM, "term")
        yield from _until(lambda: not member.alive)
        under.fired = int(not member.alive)
        yield from self._reborn(under)

    def _stop(self, under: Under, member: Process) -> Generator[None, None, None]:
        """SIGSTOP for longer than its leases live, then SIGCONT: it wakes with handles that are void."""
        under.begin_ns = time.monotonic_ns()
        member.paused = True
        member.signal(signal.SIGSTOP)
        yield from _pause(under.planned.seconds)
        under.fired = int(_state(member) == "T")
        received = member.seen["recv"]
        member.signal(signal.SIGCONT)
        member.paused = False
        under.heal_ns = time.monotonic_ns()
        yield from _until(lambda: member.seen["recv"] > received + 1)
        if member.seen["recv"] > received + 1:
            under.recovered_ns = time.monotonic_ns()

    def _crash(self, under: Under) -> Generator[None, None, None]:
        """A guest that dies at a named point in mid-step; the others finish what it held."""
        point, self._guests = under.planned.detail, self._guests + 1
        slow = str(0.8 * self._visibility) if point.startswith("chang") else "0"
        under.begin_ns = time.monotonic_ns()
        guest = self._crew.start(f"guest{self._guests}", WORKER_CRASH_POINT=f"{point}:1", CHAOS_WRITE_SECONDS=slow)
        if point == "closing":
            yield from _until(lambda: guest.working or not guest.alive)
            guest.signal(signal.SIGTERM)
        yield from _until(lambda: not guest.alive)
        if guest.alive:  # it never came to its point: an ordinary worker, and the run is invalid
            guest.signal(signal.SIGTERM, "term")
            yield from _until(lambda: not guest.alive)
        under.fired = guest.seen["crash"]
        under.heal_ns = guest.ended_ns
        yield from self._progress(under)

    def _reborn(self, under: Under) -> Generator[None, None, None]:
        yield from _pause(RESTART_SECONDS)
        member = self._crew.start(f"w{under.planned.target}")
        under.heal_ns = time.monotonic_ns()
        yield from _until(lambda: member.working)
        if member.working:
            under.recovered_ns = time.monotonic_ns()

    # ── around them ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _trouble(self, under: Under) -> Generator[None, None, None]:
        """SQS misbehaves by rules for a while."""
        under.begin_ns = time.monotonic_ns()
        self._force([*self._windows, under])
        yield from _pause(under.planned.seconds)
        yield from _until(lambda: self._struck(under))
        self._force([one for one in self._windows if one is not under])
        under.heal_ns = time.monotonic_ns()
        yield from self._progress(under)

    def _struck(self, under: Under) -> bool:
        """Whether anybody has met it."""
        before = sum(len(SQS_KINDS[one.planned.detail]) for one in self._windows[: self._windows.index(under)])
        return under.fired + int(self._client.control("GET", "account")["faults"][before]["fired"]) > 0

    def _force(self, windows: list[Under]) -> None:
        """Put other rules in force; setting them takes their counts back to zero, so those are read before."""
        counts = [int(rule["fired"]) for rule in self._client.control("GET", "account")["faults"]]
        for window in self._windows:
            for _ in SQS_KINDS[window.planned.detail]:
                window.fired += counts.pop(0)
        self._windows = windows
        self._client.control("POST", "faults", [rule for one in windows for rule in SQS_KINDS[one.planned.detail]])

    def _lock(self, under: Under) -> Generator[None, None, None]:
        """Somebody else holds the database's write lock."""
        place = under.planned.detail
        lock = sqlite3.connect(self._databases[place], isolation_level=None, timeout=LOCK_SECONDS)
        away = self._crew.seen(f"away {place}")
        with suppress(sqlite3.OperationalError):
            lock.execute("BEGIN EXCLUSIVE")
        under.begin_ns = time.monotonic_ns()
        yield from _pause(under.planned.seconds)
        yield from _until(lambda: self._crew.seen(f"away {place}") > away)
        lock.close()
        under.heal_ns = time.monotonic_ns()
        under.fired = self._crew.seen(f"away {place}") - away
        yield from self._progress(under, f"commit {place}")

    def _restart(self, under: Under) -> Generator[None, None, None]:
        """The database server goes away, in order or not, and comes back."""
        under.begin_ns = time.monotonic_ns()
        away = self._crew.seen("away events")
        self._server.stop() if under.planned.detail == "stop" else self._server.crash()
        yield from _pause(under.planned.seconds)
        self._server.start()
        under.heal_ns = time.monotonic_ns()
        yield from _until(lambda: self._crew.seen("away events") > away)
        under.fired = self._crew.seen("away events") - away
        yield from self._progress(under, "commit events")

    def _lost_commits(self, under: Under) -> Generator[None, None, None]:
        """Transactions become lasting, and half of the answers that say so are lost with their connections."""
        under.begin_ns, cuts = time.monotonic_ns(), self._network.cuts
        self._network.behave(Trouble(cut_on=COMMITTED, cut_share=LOST_SHARE))
        yield from _pause(under.planned.seconds)
        yield from _until(lambda: self._network.cuts > cuts)
        self._network.heal()
        under.heal_ns, under.fired = time.monotonic_ns(), self._network.cuts - cuts
        yield from self._progress(under, "commit events")

    def _progress(self, under: Under, kind: str = "commit") -> Generator[None, None, None]:
        """Past it: something was written after it was healed."""
        before = self._crew.seen(kind)
        yield from _until(lambda: self._crew.seen(kind) > before)
        if self._crew.seen(kind) > before:
            under.recovered_ns = time.monotonic_ns()


def _goes_on(steps: Generator[None, None, None]) -> bool:
    return next(steps, END) is not END


END = object()


def _until(holds: Callable[[], bool]) -> Generator[None, None, None]:
    """Wait for *holds*, or for as long as patience lasts."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds() and time.monotonic() < deadline:
        yield


def _pause(seconds: float) -> Generator[None, None, None]:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        yield


def _state(member: Process) -> str:
    """The letter of the kernel: T is stopped."""
    with open(f"/proc/{member.process.pid}/stat", encoding="ascii") as file:  # noqa: PTH123 - /proc is no place for paths
        return file.read().rpartition(")")[2].split()[0]
