"""Saying a thing once: the same trouble is logged once per interval, with the number of times it was left unsaid.

Takes damped facts and the time; gives the number suppressed since the last line, or None for "not now". A pure policy:
it has no clock and ends with `left_unsaid`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from worker.facts import Fact

INTERVAL_SECONDS: Final = 10.0
KINDS_MAX: Final = 1_000
"""Reasons may be invented by handlers; beyond this many they share one entry."""
TELLING: Final = ("pipeline", "operation", "code", "reason", "transition", "place", "final", "dead_lettered")
"""The fields that tell one trouble from another; counts, ids and details do not."""

Trouble = tuple[type["Fact"], tuple[tuple[str, object], ...]]


@dataclass(slots=True)
class _Damped:
    """Written by `Damper` only."""

    at: float
    suppressed: int = 0


class Damper:
    """Remembers when each trouble was last said."""

    def __init__(self, *, interval_seconds: float = INTERVAL_SECONDS) -> None:
        self._interval = interval_seconds
        self._said: dict[Trouble, _Damped] = {}
        """Written by `ask` and `left_unsaid`."""

    def ask(self, fact: Fact, now: float) -> int | None:
        """How many like *fact* were suppressed since the last line, if it is time to say it again; else None."""
        trouble = self._trouble(fact)
        said = self._said.get(trouble)
        if said is None:
            self._said[trouble] = _Damped(now)
            return 0
        if now - said.at < self._interval:
            said.suppressed += 1
            return None
        suppressed, said.at, said.suppressed = said.suppressed, now, 0
        return suppressed

    def left_unsaid(self) -> Iterator[tuple[Trouble, int]]:
        """What was suppressed and never said, and forget it."""
        for trouble, said in self._said.items():
            if said.suppressed:
                yield trouble, said.suppressed
        self._said.clear()

    def _trouble(self, fact: Fact) -> Trouble:
        kind = type(fact)
        told: Trouble = (kind, tuple((n, getattr(fact, n)) for n in TELLING if hasattr(fact, n)))
        return told if told in self._said or len(self._said) < KINDS_MAX else (kind, ())
