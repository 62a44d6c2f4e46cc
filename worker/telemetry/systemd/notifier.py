"""Systemd: how the worker is, told to the service manager over the datagram socket that NOTIFY_SOCKET names.

Takes the verdicts of health and the facts of starting and stopping; sends READY=1 once receiving begins, WATCHDOG=1
while the worker is alive, STOPPING=1 with the time that it may still take, and one line of STATUS. It has a thread of
its own, so that a loop which stands still is never told as alive. Without NOTIFY_SOCKET there is none. Ends at `stop`.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from worker import facts
from worker.telemetry.systemd.words import Phase, Rate, message, one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, MutableMapping

    from worker.facts import Emit, Fact

VARIABLES: Final = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")
LOOK_SECONDS: Final = 5.0
"""Between two messages, or a third of the watchdog's time where that is less."""
START_LOOK_SECONDS: Final = 0.5
"""The same while starting: nobody waits longer for READY=1."""
STOP_MARGIN_SECONDS: Final = 10.0
"""After the time to drain: for what your code has started, and for a busy machine."""
SEND_SECONDS: Final = 1.0
"""For one message; a manager that reads none for so long is told at the next look."""


@dataclass(frozen=True, slots=True)
class Manager:
    """Where the service manager listens, and what it expects."""

    address: str
    """A path, or a name in the abstract namespace behind an @."""
    watchdog_seconds: float | None = None
    """It ends a worker that has not been alive for so long; None: it has no watchdog."""


def taken(environ: MutableMapping[str, str]) -> Manager | None:
    """Take the manager out of *environ*: nothing that is started from here shall speak in our name."""
    address, microseconds, pid = (environ.pop(name, "") for name in VARIABLES)
    ours = pid in {"", str(os.getpid())}
    watchdog = int(microseconds) / 1e6 if ours and microseconds.isdecimal() and int(microseconds) else None
    return Manager(address, watchdog) if address else None


class StatusSource(Protocol):
    """Who knows how we are."""

    def opened(self) -> bool:
        """Whether receiving has begun."""
        ...

    def status(self) -> Mapping[str, object]:
        """Everything, as `/status` says it. Called from the notifier's thread."""
        ...


class Notifier:
    """Tells the manager. `observe` is called on the loop's thread, everything private on our own."""

    def __init__(self, manager: Manager, judged: StatusSource, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._manager = manager
        self._judged = judged
        self._clock = clock
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._run, name="notify", daemon=True)
        self._over = False
        """Written by `stop`."""
        self._stops_at: float | None = None
        """When stopping is to have ended. Written by `observe`."""
        self._ready = False
        """READY=1 was taken. Written by `_look`."""
        self._last = "ended before it had begun"
        """What is said at the end. Written by `observe`."""
        self._deleted = Rate()

    def heeds(self, kind: type[Fact]) -> bool:
        """The turns of the worker's life."""
        return kind in {facts.WorkerStarted, facts.WorkerStopping, facts.WorkerRefused, facts.WorkerStopped}

    def observe(self, fact: Fact) -> None:
        """Tell at once what has changed; how it ended is told at the end."""
        match fact:
            case facts.WorkerStopping(drain_seconds=seconds):
                self._stops_at = self._clock() + seconds + STOP_MARGIN_SECONDS
            case facts.WorkerRefused(detail=detail):
                self._last = f"refused: {detail}"
            case facts.WorkerStopped(reason=reason, clean=True):
                self._last = f"ended clean ({reason})"
            case facts.WorkerStopped(reason=reason) if not self._last.startswith("refused"):
                self._last = f"ended with messages in hand or a failure ({reason}): the log says why"
        self._wake.set()

    def start(self, emit: Emit) -> None:
        """Tell from now on; a manager that cannot be told is noticed."""
        if problem := self._send("STATUS=starting"):
            emit(facts.SettingsNoticed(f"{_UNHEARD}: NOTIFY_SOCKET={self._manager.address}: {problem}"))
        self._thread.start()

    def stop(self) -> None:
        """The last words. Twice is no harm."""
        if self._over:
            return
        self._over = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(2 * SEND_SECONDS)
        self._send(f"STOPPING=1\nSTATUS={one_line(self._last)}")

    def _run(self) -> None:
        while not self._over:
            self._look()
            self._wake.wait(self._pause())
            self._wake.clear()

    def _pause(self) -> float:
        if not self._ready and self._stops_at is None:
            return START_LOOK_SECONDS
        watchdog = self._manager.watchdog_seconds
        return LOOK_SECONDS if watchdog is None else min(LOOK_SECONDS, watchdog / 3)

    def _look(self) -> None:
        try:
            status, opened = self._judged.status(), self._judged.opened()
        except Exception:  # noqa: BLE001 - read while it changes; whoever cannot say that he is alive is not told as alive
            return
        now, stops_at = self._clock(), self._stops_at
        phase = Phase(
            newly_ready=opened and not self._ready and stops_at is None,
            starting=not opened and not self._ready,
            stopping_seconds=None if stops_at is None else max(0.0, stops_at - now),
        )
        told = message(status, phase, deleted_per_second=self._deleted.at(status, now))
        if not self._send(told) and phase.newly_ready:
            self._ready = True

    def _send(self, text: str) -> str:
        """Send; empty, or why it did not get there."""
        address = self._manager.address
        if not address.startswith(("/", "@")):
            return "neither a path nor the name of an abstract socket"
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
                line.settimeout(SEND_SECONDS)
                line.sendto(text.encode(), "\0" + address[1:] if address[0] == "@" else address)
        except OSError as error:
            return error.strerror or str(error)
        return ""


_UNHEARD: Final = (
    "the service manager does not hear that the worker has started, and will end it at the end of its start timeout;"
    " Type=notify and NotifyAccess=main belong together"
)
