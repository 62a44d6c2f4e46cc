"""What the service manager hears: over real datagram sockets, from a notifier whose status is made up."""

from __future__ import annotations

import os
import socket
import threading
import time
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from worker import facts
from worker.telemetry.systemd.notifier import VARIABLES, Manager, Notifier, taken
from worker.telemetry.systemd.words import Phase, Rate, message

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from worker.facts import Fact

PATIENCE_SECONDS = 30.0


class Worker:
    """A status that the test sets."""

    def __init__(self) -> None:
        self.state = "starting"
        self.live = (True, "ok")
        self.ready = (False, "starting")
        self.deleted = 0
        self.is_open = False
        self.broken = False

    def opened(self) -> bool:
        """As set."""
        return self.is_open

    def status(self) -> dict[str, object]:
        """As `/status` has it, as far as it is read."""
        if self.broken:
            raise RuntimeError("dictionary changed size during iteration")
        return {
            "state": self.state,
            "live": dict(zip(("ok", "reason"), self.live, strict=True)),
            "ready": dict(zip(("ok", "reason"), self.ready, strict=True)),
            "messages": {"received": self.deleted, "deleted": self.deleted, "rejected": 0},
        }

    def run(self) -> None:
        """It has opened everything."""
        self.is_open, self.state, self.ready = True, "running", (True, "ok")


class Heard:
    """The manager's end."""

    def __init__(self, line: socket.socket) -> None:
        self._line = line
        line.settimeout(PATIENCE_SECONDS)

    def next(self) -> list[str]:
        """The assignments of the next message."""
        return self._line.recv(65536).decode().split("\n")

    def until(self, holds: Callable[[list[str]], bool]) -> list[str]:
        """The first message from here on that is as wanted."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            if holds(told := self.next()):
                return told
        raise AssertionError("never heard")


@contextmanager
def listening(address: str) -> Iterator[Heard]:
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as line:
        line.bind("\0" + address[1:] if address[0] == "@" else address)
        yield Heard(line)


@contextmanager
def telling(worker: Worker, address: str, *, watchdog: float | None = 0.3) -> Iterator[tuple[Notifier, list[Fact]]]:
    told: list[Fact] = []
    notifier = Notifier(Manager(address, watchdog), worker)
    notifier.start(told.append)
    try:
        yield notifier, told
    finally:
        notifier.stop()


def assigned(told: list[str], name: str) -> str:
    """What *name* was set to; empty when it was not."""
    return next((line.partition("=")[2] for line in told if line.startswith(f"{name}=")), "")


@pytest.mark.parametrize("abstract", [False, True])
def test_a_life_is_told_from_start_to_end(tmp_path: Path, *, abstract: bool) -> None:
    """More time while starting, READY once, WATCHDOG while alive, STOPPING with the time that is left, last words."""
    address = f"@sqs-worker-{os.getpid()}-{time.monotonic_ns()}" if abstract else str(tmp_path / "notify")
    worker = Worker()
    with listening(address) as manager, telling(worker, address) as (notifier, told):
        assert manager.next() == ["STATUS=starting"]
        assert assigned(manager.until(lambda told: "WATCHDOG=1" in told), "EXTEND_TIMEOUT_USEC") == "30000000"
        worker.run()
        notifier.observe(facts.WorkerStarted("w", "1", ("default",), "http://127.0.0.1:1"))
        ready = manager.until(lambda told: "READY=1" in told)
        assert "WATCHDOG=1" in ready
        assert assigned(ready, "STATUS").startswith("running; 0 received, 0 deleted")
        assert "READY=1" not in manager.next()
        worker.state, worker.ready = "draining", (False, "draining")
        notifier.observe(facts.WorkerStopping("SIGTERM", 25.0))
        stopping = manager.until(lambda told: "STOPPING=1" in told)
        assert 30e6 < int(assigned(stopping, "EXTEND_TIMEOUT_USEC")) <= 35e6
        assert assigned(stopping, "STATUS").startswith("draining; ")
        notifier.observe(facts.WorkerStopped("SIGTERM", 1.0, clean=True))
        notifier.stop()
        assert manager.until(lambda told: "ended clean (SIGTERM)" in assigned(told, "STATUS"))
        assert told == []


def test_who_is_not_alive_feeds_no_watchdog_and_says_why(tmp_path: Path) -> None:
    """The manager learns the reason, and ends it; alive again in time, the watchdog is fed again."""
    worker = Worker()
    worker.run()
    with listening(str(tmp_path / "n")) as manager, telling(worker, str(tmp_path / "n")):
        manager.until(lambda told: "WATCHDOG=1" in told)
        worker.live = (False, "the event loop has not turned for 12.0 s")
        told = manager.until(lambda told: "WATCHDOG=1" not in told)
        assert assigned(told, "STATUS") == "stands still: the event loop has not turned for 12.0 s"
        worker.live = (True, "ok")
        manager.until(lambda told: "WATCHDOG=1" in told)


def test_a_status_that_cannot_be_read_is_no_sign_of_life_and_no_end(tmp_path: Path) -> None:
    """Nothing is told at that look; the next one tells."""
    worker = Worker()
    worker.run()
    with listening(str(tmp_path / "n")) as manager, telling(worker, str(tmp_path / "n")) as (notifier, _):
        manager.until(lambda told: "READY=1" in told)
        worker.broken = True
        notifier.observe(facts.WorkerStopping("SIGTERM", 5.0))
        worker.broken = False
        manager.until(lambda told: "STOPPING=1" in told)


def test_stopped_before_it_was_open_it_was_never_ready(tmp_path: Path) -> None:
    """A signal during the start: no READY=1 goes out, whatever is still opened on the way."""
    worker = Worker()
    with listening(str(tmp_path / "n")) as manager, telling(worker, str(tmp_path / "n")) as (notifier, _):
        notifier.observe(facts.WorkerStopping("SIGTERM", 5.0))
        worker.run()
        told = manager.until(lambda told: "STOPPING=1" in told)
        assert "READY=1" not in told


def test_a_refusal_is_the_last_word(tmp_path: Path) -> None:
    """`systemctl status` says why it does not run, on one line: a line break would begin another assignment."""
    with listening(str(tmp_path / "n")) as manager, telling(Worker(), str(tmp_path / "n")) as (notifier, _):
        notifier.observe(facts.WorkerRefused("QueueMissing", "X", "no such queue:\nREADY=1"))
        notifier.observe(facts.WorkerStopped("failed", 1.0, clean=False))
        notifier.stop()
        manager.until(lambda told: told[-1] == "STATUS=refused: no such queue: READY=1")


@pytest.mark.parametrize("address", ["vsock:2:1234", "@nobody-listens-here", "/nowhere/at/all"])
def test_a_manager_that_cannot_be_told_is_noticed_and_ends_nothing(address: str) -> None:
    """One notice that says what it means and what belongs together; the worker goes on."""
    with telling(Worker(), address) as (_, told):
        (noticed,) = told
        assert isinstance(noticed, facts.SettingsNoticed)
        assert address in noticed.notice
        assert "Type=notify" in noticed.notice


def test_a_ready_that_did_not_get_there_is_told_again(tmp_path: Path) -> None:
    """The manager that listens a moment later still hears that the worker has started."""
    worker = Worker()
    worker.run()
    with telling(worker, str(tmp_path / "n")), listening(str(tmp_path / "n")) as manager:
        manager.until(lambda told: "READY=1" in told)


def test_the_manager_is_taken_out_of_the_environment() -> None:
    """What the worker starts, its own processes and yours, has no part in it."""
    environ = {"NOTIFY_SOCKET": "/n", "WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid()), "HOME": "/"}
    assert taken(environ) == Manager("/n", 30.0)
    assert environ == {"HOME": "/"}
    assert taken(environ) is None


@pytest.mark.parametrize(
    "watchdog",
    [{}, {"WATCHDOG_USEC": "0"}, {"WATCHDOG_USEC": "soon"}, {"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}],
)
def test_a_watchdog_that_is_none_or_another_s_is_not_ours(watchdog: dict[str, str]) -> None:
    """Systemd says for whom it is; a number that is none means no watchdog."""
    assert taken({"NOTIFY_SOCKET": "@n", **watchdog}) == Manager("@n", None)
    assert set(watchdog) <= set(VARIABLES)


def test_without_a_manager_no_thread_is_made() -> None:
    """Elsewhere than under systemd it costs nothing."""
    assert taken({}) is None
    assert not any(thread.name == "notify" for thread in threading.enumerate())


def test_the_status_line_says_the_rate_and_what_is_missing() -> None:
    """A person sees whether it works, and if not, why not."""
    worker: Any = Worker()
    worker.run()
    rate = Rate()
    assert rate.at(worker.status(), 10.0) == 0.0
    worker.deleted = 5_000
    assert rate.at(worker.status(), 12.0) == 2_500.0
    worker.ready = (False, "the sink is away")
    said = message(
        worker.status(), Phase(newly_ready=False, starting=False, stopping_seconds=None), deleted_per_second=2_500
    )
    assert said.split("\n") == [
        "WATCHDOG=1",
        "STATUS=running, not ready: the sink is away; 5,000 received, 5,000 deleted, now 2,500 a second",
    ]
