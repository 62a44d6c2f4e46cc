"""Rounds: every contestant once, then every contestant again, so that what disturbs the machine strikes all alike.

Takes entries, gives for each the figures of all its rounds and their middle. Who cannot run is left out, and why.
"""

from __future__ import annotations

import statistics
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from bench.drain import Figures, Window, drain
from bench.programs import Failed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from bench.contestants import Contestant
    from bench.load import Load


@dataclass(frozen=True, slots=True)
class Entry:
    """Who, at what, for how long."""

    contestant: Contestant
    load: Load
    window: Window = field(default_factory=Window)


@dataclass(slots=True)
class Result:
    """One entry after all rounds. Written by `play` alone."""

    entry: Entry
    runs: list[Figures] = field(default_factory=list)
    left_out: str | None = None
    """Why there is no row."""

    @property
    def name(self) -> str:
        """The contestant's."""
        return self.entry.contestant.name

    @property
    def ran(self) -> bool:
        """Whether there are figures."""
        return bool(self.runs) and self.left_out is None

    def middle(self, figure: Callable[[Figures], float]) -> float:
        """The median over the rounds."""
        return statistics.median(map(figure, self.runs))

    def spread(self, figure: Callable[[Figures], float]) -> tuple[float, float]:
        """The least and the most."""
        found = [figure(one) for one in self.runs]
        return min(found), max(found)


def play(entries: Sequence[Entry], rounds: int, say: Callable[[str], None]) -> list[Result]:
    """*rounds* rounds of *entries*; every other round goes backwards, so that nobody always follows the same one."""
    results = [Result(entry, left_out=entry.contestant.missing()) for entry in entries]
    for one in results:
        if one.left_out is not None:
            say(f"LEFT OUT {one.name}: {one.left_out}")
    for number in range(rounds):
        for one in _order(results, number):
            _run(one, f"round {number + 1} of {rounds}", say)
    return results


def _order(results: Sequence[Result], number: int) -> Iterator[Result]:
    ordered = results if number % 2 == 0 else results[::-1]
    return (one for one in ordered if one.left_out is None)


def _run(one: Result, which: str, say: Callable[[str], None]) -> None:
    try:
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            figures = drain(one.entry.contestant, one.entry.load, one.entry.window, Path(folder))
    except Failed as failure:
        one.left_out = str(failure)
        say(f"LEFT OUT {one.name}: {failure}")
        return
    one.runs.append(figures)
    say(f"{which}: {one.name}: {figures.rate:,.0f} messages/s, {figures.cpu_microseconds:.1f} µs CPU a message")
