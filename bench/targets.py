"""What this worker promises, each beside what was found.

Takes facts by name, as the sections leave them, gives verdicts; a fact that nobody measured is neither met nor missed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Target:
    """One promise about one fact."""

    fact: str
    what: str
    bound: float
    most: bool
    """The bound is the most it may be; else the least."""
    form: str

    def said(self, value: float) -> str:
        """A value with its unit."""
        return self.form.format(value)

    def judged(self, facts: Mapping[str, float]) -> Verdict:
        """Met, missed, or not measured."""
        bound = f"{'≤' if self.most else '≥'} {self.said(self.bound)}"
        value = facts.get(self.fact)
        if value is None:
            return Verdict(self.what, bound, "-", None)
        return Verdict(self.what, bound, self.said(value), value <= self.bound if self.most else value >= self.bound)


@dataclass(frozen=True, slots=True)
class Verdict:
    """A row of the table of targets."""

    what: str
    bound: str
    found: str
    met: bool | None

    @property
    def word(self) -> str:
        """For the last column."""
        return {True: "met", False: "MISSED", None: "not measured"}[self.met]


TARGETS: Final = (
    Target("cpu.sqlite", "CPU for a message, from the queue into SQLite", 28, most=True, form="{:.1f} µs"),
    Target(
        "ratio.best", "the best peer, which only receives and deletes, takes", 6, most=False, form="{:.1f} times that"
    ),
    Target("ratio.sqs-consumer", "sqs-consumer takes", 8, most=False, form="{:.1f} times that"),
    Target(
        "rate.sqlite", "one process into SQLite, the loopback on another core", 25_000, most=False, form="{:,.0f}/s"
    ),
    Target("rate.discard", "one process into nothing", 60_000, most=False, form="{:,.0f}/s"),
    Target("rate.far", "one process into SQLite, every call 40 ms longer", 15_000, most=False, form="{:,.0f}/s"),
    Target("p95.row", "95 % of messages are rows after, at half load", 50, most=True, form="{:.1f} ms"),
    Target("requests.sqlite", "requests for a message", 0.21, most=True, form="{:.3f}"),
    Target("peak.sqlite", "memory, at the most", 120, most=True, form="{:.0f} MiB"),
)


def verdicts(facts: Mapping[str, float]) -> list[Verdict]:
    """All of them."""
    return [one.judged(facts) for one in TARGETS]
