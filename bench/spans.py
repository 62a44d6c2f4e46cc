"""Times from one moment to another, many of them, and their percentiles.

Takes pairs of monotonic nanoseconds, which all processes of a machine share, gives milliseconds.
"""

from __future__ import annotations

from array import array
from typing import Final

WARM_SECONDS: Final = 2.0
"""What was sent in the first two seconds says how a start feels, not how a load does."""


class Spans:
    """Moments at which something was sent, and how long it then took. Written by `add`."""

    def __init__(self) -> None:
        self._sent = array("q")
        self._took = array("q")

    def add(self, sent_ns: int, done_ns: int) -> None:
        """One more."""
        self._sent.append(sent_ns)
        self._took.append(done_ns - sent_ns)

    def summary(self, *, warm_seconds: float = WARM_SECONDS) -> dict[str, float]:
        """Percentiles in milliseconds of what was sent after the warm-up, and how many that were."""
        first = min(self._sent, default=0) + int(warm_seconds * 1e9)
        took = sorted(took for sent, took in zip(self._sent, self._took, strict=True) if sent >= first)
        named = {"p50": 0.50, "p95": 0.95, "p99": 0.99, "max": 1.0}
        found = {name: took[min(len(took) - 1, int(len(took) * share))] / 1e6 for name, share in named.items() if took}
        return {"count": float(len(took)), **found}
