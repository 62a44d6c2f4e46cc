"""Deadlines: any number of loop times with one timer among them.

Takes keys with the loop time at which each is due, and calls *due* with a key when its time has come. Nearly all of
them are dropped long before: a timer of its own for each would be made and thrown away for nothing. So the shared one
is only ever moved forward; when it goes off and nobody is due, it looks again at the first of those that are left.

A process that stood still finds many due at once: they are called in the order in which they were first set.
"""

from __future__ import annotations

import asyncio
from math import inf
from typing import TYPE_CHECKING, Final, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

K = TypeVar("K")

RESOLUTION_SECONDS: Final = 0.001
"""uvloop's timers have whole milliseconds, and may go off that much too soon: what is due within it is due."""


class Deadlines(Generic[K]):
    """Of one owner. Keys are compared by identity or cheaply."""

    def __init__(self, due: Callable[[K], None]) -> None:
        self._due = due
        """May drop any key and set any; a key that it leaves as it was is not due again."""
        self.at: dict[K, float] = {}
        """Loop times by key, in the order in which the keys were set first; inf: never. Written by `set` and `_look`;
        whoever has ended takes its key out."""
        self._looking_at = inf
        """Loop time of the timer, no later than the first of all. Written by `_look_at` and `_look`."""
        self._timer: asyncio.TimerHandle | None = None
        """Written with `_looking_at`."""

    def set(self, key: K, at: float) -> None:
        """*key* is due at loop time *at*, whatever was said of it before."""
        self.at[key] = at
        if at < self._looking_at:
            self._look_at(at)

    def stop(self) -> None:
        """Take the timer down; the next `set` puts one up again."""
        self._look_at(inf)

    def _look_at(self, at: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_at(at, self._look) if at < inf else None
        self._looking_at = at

    def _look(self) -> None:
        """Call what is due, and look again when the next one is."""
        now = asyncio.get_running_loop().time() + RESOLUTION_SECONDS
        self._timer, self._looking_at = None, -inf  # whatever is set meanwhile is seen at the end
        try:
            for key in [key for key, at in self.at.items() if at <= now]:
                self._call(key, now)
        finally:
            self._look_at(min(self.at.values(), default=inf))

    def _call(self, key: K, now: float) -> None:
        if self.at.get(key, inf) > now:
            return  # dropped or set anew by what was called before it
        try:
            self._due(key)
        finally:
            if self.at.get(key, inf) <= now:
                self.at[key] = inf
