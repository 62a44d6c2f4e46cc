"""What the nemesis does around the workers: SQS misbehaves by rules, SQLite files are locked, PostgreSQL goes away.

Takes a fault under way, gives a generator that carries it out and writes down what was seen of it. Each of them stays
in force until a worker was seen to meet it: on a machine with few cores all of them can be asleep or dead for seconds,
and what nobody met was not survived.
"""

from __future__ import annotations

import sqlite3
import time
from typing import TYPE_CHECKING

from tests.system.chaos.crew import PIPELINES_OPEN
from tests.system.chaos.schedule import REFUSE_ALL, SQS_KINDS
from tests.system.chaos.waiting import pause, progress, until
from tests.system.proxy import Trouble

if TYPE_CHECKING:
    from pathlib import Path

    from tests.system.chaos.client import Client
    from tests.system.chaos.crew import Crew
    from tests.system.chaos.waiting import Answered, Steps, Under
    from tests.system.postgres import Postgres
    from tests.system.proxy import Proxy

LOCK_SECONDS = 0.2
"""For one try; it is tried again and again, between other things."""
COMMITTED = b"C\0\0\0\x0bCOMMIT\0"
"""What PostgreSQL says when a transaction is lasting."""
LOST_SHARE = 0.5
SETTLED_SECONDS = 1.0
"""After which workers that are refused everything have noticed it, the last of their long polls answered: the receivers
side by side have retired. Until then an answer to a poll from before shows each of them an SQS that is there.
"""


class Surroundings:
    """SQS, the files, the database and the network to it."""

    def __init__(
        self,
        crew: Crew,
        client: Client,
        *,
        databases: dict[str, Path],
        server: Postgres,
        network: Proxy,
        poll_seconds: float,
    ) -> None:
        self._crew = crew
        self._client = client
        self._databases = databases
        self._server = server
        self._network = network
        """Between the workers and *server*."""
        self._poll_seconds = poll_seconds
        """How long a long poll lasts at most."""
        self._windows: list[Under] = []
        """SQS troubles in force, in the order of the loopback's rules; written by _force."""
        self._struck: dict[int, list[int]] = {}
        """By window: how often each of its rules fired until rules were last set. Written by _force."""

    # ── SQS ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    def trouble(self, under: Under) -> Steps:
        """SQS misbehaves by rules for a while."""
        self._struck[id(under)] = [0] * len(_rules(under))
        under.begin_ns = time.monotonic_ns()
        self._force([*self._windows, under])
        yield from self._measured(under) if under.planned.detail == REFUSE_ALL else pause(under.planned.seconds)
        yield from until(lambda: sum(self._counts(under)) > 0)
        under.fired = sum(self._counts(under))
        self._force([one for one in self._windows if one is not under])
        under.heal_ns = time.monotonic_ns()
        yield from progress(under, self._crew)

    def _measured(self, under: Under) -> Steps:
        """How many requests a poller makes that all fail, once it has noticed."""
        yield from until(lambda: sum(self._counts(under)) > 0)
        yield from pause(self._poll_seconds + SETTLED_SECONDS)
        before, began, there = self._counts(under), time.monotonic(), self._crew.awake()
        yield from pause(under.planned.seconds)
        pollers = PIPELINES_OPEN * max(1, there, self._crew.awake())
        seconds = time.monotonic() - began
        for rule, first, last in zip(_rules(under), before, self._counts(under), strict=True):
            under.pace[str(rule["operation"])] = round((last - first) / seconds / pollers, 3)

    def _counts(self, under: Under) -> list[int]:
        """How often anybody has met each of its rules."""
        before = sum(len(_rules(one)) for one in self._windows[: self._windows.index(under)])
        rules = self._client.control("GET", "account")["faults"][before : before + len(_rules(under))]
        return [old + int(rule["fired"]) for old, rule in zip(self._struck[id(under)], rules, strict=True)]

    def _force(self, windows: list[Under]) -> None:
        """Put other rules in force; setting them takes their counts back to zero, so those are read before."""
        self._struck |= {id(window): self._counts(window) for window in self._windows}
        self._windows = windows
        self._client.control("POST", "faults", [rule for one in windows for rule in _rules(one)])

    # ── sinks ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def lock(self, under: Under) -> Steps:
        """Somebody else holds the database's write lock."""
        place = under.planned.detail
        lock = sqlite3.connect(self._databases[place], isolation_level=None, timeout=LOCK_SECONDS)
        if not (yield from until(lambda: _taken(lock))):
            lock.close()
            return
        under.begin_ns = time.monotonic_ns()
        yield from pause(under.planned.seconds)
        yield from self._met(under, f"away {place}")
        lock.close()
        under.heal_ns = time.monotonic_ns()
        yield from progress(under, self._crew, f"commit {place}")

    def restart(self, under: Under) -> Steps:
        """The database server goes away, in order or not, and comes back."""
        under.begin_ns = time.monotonic_ns()
        self._server.stop() if under.planned.detail == "stop" else self._server.crash()
        yield from pause(under.planned.seconds)
        yield from self._met(under, "away events")
        self._server.start()
        under.heal_ns = time.monotonic_ns()
        yield from progress(under, self._crew, "commit events")

    def lost_commits(self, under: Under) -> Steps:
        """Transactions become lasting, and half of the answers that say so are lost with their connections."""
        under.begin_ns, cuts = time.monotonic_ns(), self._network.cuts
        self._network.behave(Trouble(cut_on=COMMITTED, cut_share=LOST_SHARE))
        yield from pause(under.planned.seconds)
        yield from until(lambda: self._network.cuts > cuts)
        self._network.heal()
        under.heal_ns, under.fired = time.monotonic_ns(), self._network.cuts - cuts
        yield from progress(under, self._crew, "commit events")

    def _met(self, under: Under, kind: str) -> Answered:
        """Keep it up until a worker booked that it found the sink away since it began."""
        met = yield from until(lambda: self._crew.since(kind, under.begin_ns) > 0)
        under.fired = self._crew.since(kind, under.begin_ns)
        return met


def _rules(under: Under) -> list[dict[str, object]]:
    return SQS_KINDS[under.planned.detail]


def _taken(lock: sqlite3.Connection) -> bool:
    try:
        lock.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError:
        return False
    return True
