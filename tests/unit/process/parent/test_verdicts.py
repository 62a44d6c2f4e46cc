"""One port for several processes: what it says of them, with real servers in the places of the processes."""

from __future__ import annotations

import json
import socket
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

import pytest
from prometheus_client.parser import text_string_to_metric_families as parse

from worker.facts import MessagesReceived, PipelineStarted, WorkerStarted, WorkerStopping
from worker.process.parent import figures, verdicts
from worker.process.parent.figures import Figures
from worker.process.parent.process import Command, Process
from worker.process.parent.verdicts import ABSENT_SECONDS, STALL_SECONDS, Verdicts, total
from worker.telemetry.health import Health
from worker.telemetry.http.fetch import fetch
from worker.telemetry.http.server import TelemetryServer
from worker.telemetry.metrics.metrics import Metrics

if TYPE_CHECKING:
    from collections.abc import Iterator


class Clock:
    """A clock that the test turns."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """The time that was set."""
        return self.now


class Place:
    """A process that is there: its server, its health, its numbers."""

    def __init__(self, number: int, clock: Clock) -> None:
        self.metrics = Metrics(version="1", worker_id=f"w-{number}")
        self.health = Health(worker_id=f"w-{number}", clock=clock)
        self.server = TelemetryServer("127.0.0.1", 0, metrics=self.metrics, health=self.health)
        self.process = Process(number, Command((), {}, "w", 2), lambda _: None)
        self.process.url = self.server.start()
        self.process.started = True
        self.process.silent_since = clock()
        self.health.observe(WorkerStarted(f"w-{number}", "1", (), ""))
        self.receive(0)

    def receive(self, count: int) -> None:
        """Count *count* messages."""
        for observer in (self.metrics, self.health):
            observer.observe(PipelineStarted("orders", "orders", "json", "sqlite", 30, receiving=True))
            observer.observe(MessagesReceived("orders", asked=10, count=count, bytes=1, seconds=0.1))

    def leave(self) -> None:
        """As if it had ended."""
        self.process.url = self.process.pid = None
        self.process.started = False


class Parent:
    """Two processes and the server before them."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.places = [Place(0, self.clock), Place(1, self.clock)]
        self.processes = [place.process for place in self.places]
        self.verdicts = Verdicts(self.processes, worker_id="w", version="1", clock=self.clock)
        self.server = TelemetryServer("127.0.0.1", 0, metrics=Figures(self.processes), health=self.verdicts)
        self.url = self.server.start()

    def samples(self) -> dict[tuple[str, str], float]:
        """Each sample that has no label but the process (and the pipeline), by name and process."""
        status, text = fetch(self.url, "/metrics")
        assert status == 200
        return {
            (s.name, s.labels.get("process", "")): s.value
            for family in parse(text)
            for s in family.samples
            if not set(s.labels) - {"process", "pipeline"}
        }


@pytest.fixture
def parent() -> Iterator[Parent]:
    made = Parent()
    with ExitStack() as ends:
        for server in (made.server, *(place.server for place in made.places)):
            ends.callback(server.stop)
        yield made


@pytest.fixture
def deaf() -> Iterator[str]:
    """The URL of somebody who takes connections and never answers."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


def test_all_well_is_alive_and_ready(parent: Parent) -> None:
    """Every process says so itself."""
    assert fetch(parent.url, "/livez") == (200, "ok\n")
    assert fetch(parent.url, "/readyz") == (200, "ok\n")


def test_the_metrics_are_those_of_all_and_of_the_parent(parent: Parent) -> None:
    """Each number under its process; their sum is the worker's."""
    parent.places[0].receive(3)
    parent.places[1].receive(4)
    found = parent.samples()
    received = "sqs_worker_messages_received_total"
    assert (found[received, "0"], found[received, "1"]) == (3.0, 4.0)
    assert found["process_resident_memory_bytes", "parent"] > 0
    assert (found["sqs_worker_processes", ""], found["sqs_worker_processes_wanted", ""]) == (2.0, 2.0)
    assert found["sqs_worker_process_restarts_total", "0"] == 0.0


def test_one_that_does_not_answer_is_left_out_and_counted(
    parent: Parent, deaf: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others are there in time, and nothing of it is invented or remembered."""
    monkeypatch.setattr(figures, "SCRAPE_SECONDS", 0.2)
    parent.processes[1].url = deaf
    for expected in (1.0, 2.0):
        found = parent.samples()
        assert found["sqs_worker_process_scrape_failures_total", "1"] == expected
        assert found["sqs_worker_process_scrape_failures_total", "0"] == 0.0
        assert ("sqs_worker_messages_received_total", "0") in found
        assert ("sqs_worker_messages_received_total", "1") not in found


def test_one_that_hangs_is_not_alive_within_the_time_of_a_probe(
    parent: Parent, deaf: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that stands still answers nobody; the platform shall hear of it before its own patience ends."""
    monkeypatch.setattr(verdicts, "PROBE_SECONDS", 0.2)
    parent.processes[1].url = deaf
    assert fetch(parent.url, "/livez") == (503, "process 1 does not answer\n")
    assert fetch(parent.url, "/readyz") == (503, "process 1 does not answer\n")
    assert verdicts.STATUS_SECONDS > 1  # and /status waits for it a little longer


def test_a_process_s_own_no_is_the_worker_s(parent: Parent) -> None:
    """With its reason, and its number."""
    parent.clock.now += 11  # nobody has beaten for so long
    parent.verdicts.beat()
    parent.places[0].health.beat()
    status, why = fetch(parent.url, "/livez")
    assert (status, why) == (503, "process 1: the event loop has not turned for 11.0 s\n")


def test_one_that_is_away_is_not_ready_and_after_a_minute_not_alive(parent: Parent) -> None:
    """The parent starts it again by itself; only when that does not help for long, a restart of all may."""
    parent.places[1].leave()
    assert fetch(parent.url, "/livez") == (200, "ok\n")
    assert fetch(parent.url, "/readyz") == (503, "process 1 does not run\n")
    parent.clock.now += ABSENT_SECONDS + 1
    for heart in (parent.verdicts, parent.places[0].health):
        heart.beat()
    assert fetch(parent.url, "/livez") == (503, "process 1 has not run for 61.0 s\n")


def test_one_that_is_done_is_missed_by_nobody(parent: Parent) -> None:
    """With --drain the first that finds the queue empty ends."""
    parent.places[1].leave()
    parent.processes[1].ended = True
    assert fetch(parent.url, "/livez")[0] == fetch(parent.url, "/readyz")[0] == 200
    assert parent.samples()["sqs_worker_processes_wanted", ""] == 1.0


def test_a_parent_that_stands_still_is_not_alive(parent: Parent) -> None:
    """Nobody would start again what ends."""
    parent.clock.now += STALL_SECONDS + 1
    assert fetch(parent.url, "/livez") == (503, "the parent's event loop has not turned for 11.0 s\n")


def test_stopping_is_alive_and_not_ready(parent: Parent) -> None:
    """As with one process."""
    parent.verdicts.observe(WorkerStopping("SIGTERM", 25.0))
    assert fetch(parent.url, "/livez")[0] == 200
    assert fetch(parent.url, "/readyz") == (503, "draining\n")


def test_status_is_the_sum_and_every_part(parent: Parent) -> None:
    """The account of the worker, and what each process says; of one that is away it is known that it is."""
    parent.places[0].receive(3)
    parent.places[1].receive(4)
    status = json.loads(fetch(parent.url, "/status")[1])
    assert status["messages"]["received"] == 7
    assert (status["worker_id"], status["state"], status["live"]["ok"], status["ready"]["ok"]) == (
        "w", "running", True, True,
    )  # fmt: skip
    assert [p["status"]["worker_id"] for p in status["processes"]] == ["w-0", "w-1"]
    parent.places[1].leave()
    parent.processes[1].restarts = 2
    status = json.loads(fetch(parent.url, "/status")[1])
    assert status["messages"]["received"] == 3
    assert status["processes"][1] == {"process": 1, "pid": None, "restarts": 2, "status": None}


def test_sums_have_every_key_of_every_account() -> None:
    """An account that has not begun adds nothing."""
    assert total([{"a": 1, "b": 2}, {}, {"b": 3, "c": 4}]) == {"a": 1, "b": 5, "c": 4}
