"""How thorough a run is: rounds, messages, seconds. Takes what was typed, gives one plan for all sections."""

from __future__ import annotations

from dataclasses import dataclass, field

from bench.drain import Window


@dataclass(frozen=True, slots=True)
class Plan:
    """The full run, which fits into a quarter of an hour on two cores."""

    rounds: int = 5
    """Of the peers."""
    rounds_of_others: int = 3
    waiting: int = 200_000
    waiting_of_others: int = 100_000
    window: Window = field(default_factory=lambda: Window(1.0, 2.5))
    depths: tuple[int, ...] = (1_000, 100_000, 1_000_000)
    latency_seconds: float = 6.0
    """After the warm-up."""
    memory_seconds: float = 60.0
    body_bytes: int = 1024 * 1024 * 1024
    """Of all bodies that wait, where their size is what is looked at; most share their text."""

    @property
    def short_window(self) -> Window:
        """For comparisons among ourselves."""
        return Window(self.window.warm_seconds, min(1.5, self.window.seconds))


QUICK = Plan(
    rounds=1,
    rounds_of_others=1,
    waiting=40_000,
    waiting_of_others=40_000,
    window=Window(0.5, 1.0),
    depths=(1_000, 100_000),
    latency_seconds=2.0,
    memory_seconds=6.0,
    body_bytes=256 * 1024 * 1024,
)
