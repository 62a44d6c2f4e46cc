"""Capacity: how many messages a second one process takes out of its queue while it has any in hand.

Takes deletions, and looks several times a second; gives a rate that idle time, a sink that is away and calls that hang
do not spoil. Newer times count more: what is older than a few minutes of work is forgotten by halves, so that a job of
a quarter of an hour is measured as well as a thousand writes a second.
"""

from __future__ import annotations

from typing import Final

HALF_LIFE_SECONDS: Final = 300.0
"""Of work: after that long a second of it counts half."""
SURE_SECONDS: Final = 5.0
"""Of work before anything is said: the first second opens connections."""


class Capacity:
    """One pipeline. Written on the loop's thread, `per_second` is read on any."""

    def __init__(self, now: float) -> None:
        self._looked_at = now
        """Written by `look`, as the next two."""
        self._lately = 0
        """Deleted since the latest look. Written by `deleted` too."""
        self._known = (0.0, 0.0)
        """Messages and seconds of work, the older ones faded. Replaced whole."""

    def deleted(self, count: int) -> None:
        """Count *count* more messages done with."""
        self._lately += count

    def look(self, now: float, *, working: bool) -> None:
        """Book the time since the last look; *working* while something is in hand and can go on."""
        passed, self._looked_at = now - self._looked_at, now
        if not working and not self._lately:
            return
        messages, seconds = self._known
        kept = 0.5 ** (passed / HALF_LIFE_SECONDS)
        self._known = messages * kept + self._lately, seconds * kept + passed
        self._lately = 0

    @property
    def per_second(self) -> float | None:
        """Messages per second of work; None before that was seen."""
        messages, seconds = self._known
        return messages / seconds if messages and seconds >= SURE_SECONDS else None
