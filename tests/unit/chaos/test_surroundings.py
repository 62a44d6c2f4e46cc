"""Faults around the workers stay in force until somebody met them; one that nobody met has not fired."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, cast

from tests.system.chaos import waiting
from tests.system.chaos.books import Book
from tests.system.chaos.crew import Process
from tests.system.chaos.schedule import Planned
from tests.system.chaos.surroundings import Surroundings
from tests.system.chaos.waiting import Under

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    import pytest

    from tests.system.chaos.client import Client
    from tests.system.chaos.crew import Crew
    from tests.system.postgres import Postgres
    from tests.system.proxy import Proxy


class Running:
    """A process that runs."""

    def poll(self) -> None:
        """Still."""


class OneWorker:
    """A crew of one, whose book the test writes."""

    def __init__(self, folder: Path) -> None:
        self.book = Book(folder / "book")
        process = cast("subprocess.Popen[bytes]", Running())
        self.worker = Process("w0.0", process, folder / "book", folder / "log")

    def since(self, kind: str, ns: int) -> int:
        """As the crew's."""
        self.worker.look()
        return sum(what == kind and at > ns for what, at in self.worker.aways)

    def seen(self, kind: str) -> int:
        """As the crew's."""
        self.worker.look()
        return self.worker.seen[kind]


class Server:
    """A database server, up or down."""

    def __init__(self) -> None:
        self.ups = [True]

    def stop(self) -> None:
        """Down."""
        self.ups.append(False)

    def start(self) -> None:
        """Up."""
        self.ups.append(True)


def around(crew: OneWorker, server: Server) -> Surroundings:
    return Surroundings(
        cast("Crew", crew),
        cast("Client", None),
        databases={},
        server=cast("Postgres", server),
        network=cast("Proxy", None),
        poll_seconds=1.0,
    )


def test_a_server_stays_down_until_a_worker_found_it_away(tmp_path: Path) -> None:
    """A stop that falls into a time when every worker is dead or asleep waits for one that works."""
    crew, server = OneWorker(tmp_path), Server()
    crew.book.write("away", [("events",)])
    under = Under(Planned(0, "database", "stop", seconds=0))
    steps = around(crew, server).restart(under)
    for _ in range(50):
        next(steps)
    assert server.ups == [True, False]
    crew.book.write("away", [("events",)])
    next(steps)
    assert server.ups == [True, False, True]
    assert (under.fired, under.recovered_ns) == (1, 0)
    crew.book.write("commit", [("events", "m-1", "e-1")])
    assert list(steps) == []
    assert under.recovered_ns > under.heal_ns


def test_a_server_that_nobody_missed_has_not_been_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Patience ends, the server comes back, and what a worker finds away later is not counted for it."""
    crew, server = OneWorker(tmp_path), Server()
    monkeypatch.setattr(waiting.until, "__defaults__", (0.0,))
    under = Under(Planned(0, "database", "stop", seconds=0))
    assert list(around(crew, server).restart(under)) == []
    crew.book.write("away", [("events",)])
    assert server.ups == [True, False, True]
    assert (under.fired, under.recovered_ns) == (0, 0)


def test_only_what_was_received_lately_and_not_asked_to_be_deleted_is_in_hand(tmp_path: Path) -> None:
    """A worker with empty hands is neither killed nor stopped: nothing would be proved by it."""
    crew = OneWorker(tmp_path)
    crew.book.write("recv", [("events", "-")])
    crew.book.write("recv", [("events", "m-1", "1/1"), ("events", "m-2", "2/2")])
    crew.book.write("del", [("events", "m-1", "1/1")])
    crew.worker.look()
    assert crew.worker.in_hand(60.0) == 1
    began = time.monotonic_ns()
    while time.monotonic_ns() <= began:
        pass
    assert crew.worker.in_hand(0.0) == 0
