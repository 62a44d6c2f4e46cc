"""A dictionary that makes what it does not hold: to look a thing up costs no call but for the first time.

Takes a function from a key to its value; gives values. It holds everything it made, or the first *most* of it.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

K = TypeVar("K")
V = TypeVar("V")


class Memo(dict[K, V]):
    """Written by `[]` on the loop's thread alone; other threads read a copy of its values."""

    def __init__(self, make: Callable[[K], V], *, most: int = sys.maxsize) -> None:
        super().__init__()
        self._make = make
        self._most = most

    def __missing__(self, key: K) -> V:
        made = self._make(key)
        if len(self) < self._most:
            self[key] = made
        return made
