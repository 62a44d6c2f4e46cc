"""One run: a contestant empties a queue, and is measured while it is at it.

Takes a contestant and a load, gives `Figures` over a window: it opens a while after the first delete, when everything
is warm, and closes after some seconds, or just before the queue is empty. What starting and stopping cost is not in it.
"""

from __future__ import annotations

import sqlite3
import tempfile
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bench.books import Books
from bench.machine import busy_seconds, cpu_seconds, memory_bytes, peak_bytes
from bench.programs import Failed, Lost, contestant, log_of, loopback

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

    from bench.books import Page
    from bench.contestants import Contestant
    from bench.load import Load

LOOK_SECONDS: Final = 0.02
PATIENCE_SECONDS: Final = 30.0
"""For the first delete."""
SHARE_OF_ALL: Final = 0.97
"""When so many are deleted the rest is an end, no steady state."""


@dataclass(frozen=True, slots=True)
class Window:
    """How long to look. With no warm-up it opens at the last look before the first delete."""

    warm_seconds: float = 1.0
    seconds: float = 3.0


@dataclass(frozen=True, slots=True)
class Figures:
    """What a window showed."""

    messages: int
    """Deleted."""
    seconds: float
    cpu_seconds: float
    loopback_cpu_seconds: float
    requests_per_message: float
    peak_bytes: int
    others_cpu_seconds: float = 0.0
    """What else this machine did meanwhile, the one who looks included."""

    @property
    def rate(self) -> float:
        """Messages a second."""
        return self.messages / self.seconds

    @property
    def cpu_microseconds(self) -> float:
        """CPU of the contestant for a message."""
        return self.cpu_seconds / self.messages * 1e6

    @property
    def loopback_share(self) -> float:
        """How busy the loopback's core was with it; near 1 the loopback is what was measured."""
        return self.loopback_cpu_seconds / self.seconds

    @property
    def core_share(self) -> float:
        """How busy the contestant kept its own core."""
        return self.cpu_seconds / self.seconds

    @property
    def others_share(self) -> float:
        """Cores that were busy with neither of the two."""
        return self.others_cpu_seconds / self.seconds


@dataclass(frozen=True, slots=True)
class Sample:
    """One look at everything."""

    at: float
    page: Page
    cpu: float
    loopback_cpu: float
    machine_cpu: float = 0.0


class Run:
    """The two processes of a run, while they are there."""

    def __init__(
        self, process: subprocess.Popen[bytes], place: subprocess.Popen[str], books: Books, folder: Path
    ) -> None:
        self.process = process
        self.books = books
        self.folder = folder
        self._place = place

    def sample(self) -> Sample:
        """Look now.

        Raises:
            Failed: the contestant is gone.
        """
        if self.process.poll() is not None:
            raise Failed(f"ended with {self.process.returncode}: {last_words(self.folder)}")
        page = self.books.look()
        cpu, loopback_cpu = cpu_seconds(self.process.pid), cpu_seconds(self._place.pid)
        return Sample(time.monotonic(), page, cpu, loopback_cpu, busy_seconds())

    def until(self, holds: Callable[[Sample], bool], *, patience_seconds: float) -> tuple[Sample, Sample]:
        """The last look at which it did not hold, and the first at which it did."""
        before = self.sample()
        deadline = before.at + patience_seconds
        while True:
            time.sleep(LOOK_SECONDS)
            now = self.sample()
            if holds(now):
                return before, now
            if now.at > deadline:
                raise Failed(f"nothing came of it in {patience_seconds:.0f} s: {last_words(self.folder)}")
            before = now

    def memory_bytes(self) -> int:
        """Of the contestant, now."""
        return memory_bytes(self.process.pid)

    def peak_bytes(self) -> int:
        """Of the contestant, so far."""
        return peak_bytes(self.process.pid)


def drain(one: Contestant, load: Load, window: Window, folder: Path | None = None) -> Figures:
    """Let *one* at *load*.

    Raises:
        Failed: it ended early, or deleted nothing.
        Lost: it deleted more than it wrote.
    """
    if folder is None:
        with tempfile.TemporaryDirectory(prefix="bench-") as made:
            return drain(one, load, window, Path(made))
    with loopback(load) as (place, url), Books(url, certificate_of(load)) as books:
        with contestant(one, url, folder, load) as process:
            run = Run(process, place, books, folder)
            figures = look(run, load, window)
        if one.rows:
            _compare(rows_in(folder), books.look().deleted)
    return figures


def look(run: Run, load: Load, window: Window) -> Figures:
    """Measure a run over *window*."""
    enough = load.waiting * SHARE_OF_ALL if not (load.held or load.rate) else float("inf")
    last_before, first = run.until(lambda now: now.page.deleted > 0, patience_seconds=PATIENCE_SECONDS)
    begin = last_before
    if window.warm_seconds and first.page.deleted < enough / 2:
        warm = first.at + window.warm_seconds
        _, begin = run.until(
            lambda now: now.at >= warm or now.page.deleted >= enough / 2, patience_seconds=window.warm_seconds + 1
        )
    close = begin.at + window.seconds
    _, end = run.until(
        lambda now: now.at >= close or now.page.deleted >= enough, patience_seconds=window.seconds + PATIENCE_SECONDS
    )
    return between(begin, end, run.peak_bytes())


def between(begin: Sample, end: Sample, peak: int) -> Figures:
    """What happened from one look to another."""
    messages = end.page.deleted - begin.page.deleted
    if not messages:
        raise Failed("it deleted nothing while it was measured")
    cpu, loopback_cpu = end.cpu - begin.cpu, end.loopback_cpu - begin.loopback_cpu
    return Figures(
        messages,
        end.at - begin.at,
        cpu,
        loopback_cpu,
        _requests_per_message(begin.page, end.page),
        peak,
        max(0.0, end.machine_cpu - begin.machine_cpu - cpu - loopback_cpu),
    )


def _requests_per_message(begin: Page, end: Page) -> float:
    """Every request counts, empty receives too. Receives are held against what was received and all others against
    what was deleted, so that what was in flight at the begin or the end does not bend the figure.
    """
    received, deleted = end.received - begin.received, end.deleted - begin.deleted
    return (end.receives - begin.receives) / max(received, 1) + (end.others - begin.others) / deleted


def certificate_of(load: Load) -> Path | None:
    """The certificate of a loopback with TLS."""
    return None if load.tls is None else Path(load.tls[0])


def rows_in(folder: Path) -> int:
    """Rows that a contestant left."""
    with closing(sqlite3.connect(folder / "rows.sqlite")) as connection:
        return int(connection.execute("SELECT count(*) FROM messages").fetchone()[0])


def _compare(rows: int, deleted: int) -> None:
    if rows < deleted:
        raise Lost(f"{deleted} messages were deleted and only {rows} rows written")


def last_words(folder: Path) -> str:
    """The end of what a contestant said."""
    said = log_of(folder).read_text(errors="replace").strip().splitlines() if log_of(folder).exists() else []
    return " / ".join(said[-3:])[-400:] or "it said nothing"
