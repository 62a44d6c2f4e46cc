"""Does memory grow? One worker at a steady rate for as long as is wanted, its resident memory once a second.

Gives what it held at first and in the end, and the slope of a line through the second half, when everything is warm.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bench.books import Books
from bench.contestants import ourselves, quicker_transport
from bench.drain import PATIENCE_SECONDS, Run
from bench.load import Load
from bench.programs import contestant, loopback
from bench.results import Section, Table

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bench.plan import Plan

RATE: Final = 2_000.0
"""Slow enough that an hour's rows fit on a disk."""
MIB: Final = 2**20
LEAST: Final = 4
"""Looks that a slope is drawn from."""


def memory(plan: Plan, _: Mapping[str, float], say: Callable[[str], None]) -> Section:
    """The section: one row."""
    load = Load(0, rate=RATE)
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as made,
        loopback(load) as (place, url),
        Books(url) as books,
        contestant(ourselves(quicker_transport()), url, Path(made), load) as process,
    ):
        run = Run(process, place, books, Path(made))
        run.until(lambda now: now.page.deleted > 0, patience_seconds=PATIENCE_SECONDS)
        found = _watch(run, plan.memory_seconds)
        peak, deleted = run.peak_bytes(), books.look().deleted
    growth = slope(found[len(found) // 2 :])
    say(
        f"memory: {found[0][1] / MIB:.1f} MiB at first, {found[-1][1] / MIB:.1f} in the end, {growth:+.2f} MiB a minute"
    )
    text = f"{RATE:,.0f} messages a second into SQLite, {plan.memory_seconds / 60:.1f} minutes (`MINUTES=10` for more)."
    columns = ("resident, MiB", "at first", "in the end", "at the most", "slope, MiB/minute", "messages")
    row = (
        "worker",
        *(f"{one / MIB:.1f}" for one in (found[0][1], found[-1][1], peak)),
        f"{growth:+.2f}",
        f"{deleted:,}",
    )
    return Section("Memory over time", text, Table(columns, [row]), facts={"slope.memory": growth})


def _watch(run: Run, seconds: float) -> list[tuple[float, int]]:
    """Seconds and bytes, at each second."""
    begun, found = time.monotonic(), list[tuple[float, int]]()
    while (passed := time.monotonic() - begun) < seconds or len(found) < LEAST:
        found.append((passed, run.memory_bytes()))
        time.sleep(1.0)
        run.sample()
    return found


def slope(found: list[tuple[float, int]]) -> float:
    """MiB that a minute adds, by least squares."""
    seconds, sizes = zip(*found, strict=True)
    return statistics.linear_regression(seconds, sizes).slope * 60 / MIB
