"""What FIFO queues remember for five minutes: deduplication ids, and receives that may be asked for again.

Both forget on access, from the oldest, so remembering costs nothing while nobody asks.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Generic, TypeVar

from worker.loopback.messages import IN_FLIGHT
from worker.sqs.quotas import DEDUPLICATION_SECONDS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.loopback.messages import Stored

T = TypeVar("T")


class Window(Generic[T]):
    """Values by key, each for five minutes from its first `put`."""

    def __init__(self) -> None:
        self._values: dict[str, T] = {}
        self._ends: deque[tuple[float, str]] = deque()

    def get(self, key: str, now: float) -> T | None:
        """The value put for *key* within the window."""
        while self._ends and self._ends[0][0] <= now:
            self._values.pop(self._ends.popleft()[1], None)
        return self._values.get(key)

    def put(self, key: str, value: T, now: float) -> None:
        """Remember *value*; a key that is still there keeps its end."""
        if key not in self._values:
            self._ends.append((now + DEDUPLICATION_SECONDS, key))
        self._values[key] = value

    def clear(self) -> None:
        """Forget everything."""
        self._values.clear()
        self._ends.clear()


class Attempts:
    """Receives by ReceiveRequestAttemptId."""

    def __init__(self) -> None:
        self._window: Window[list[tuple[Stored, int, float]]] = Window()

    def keep(self, attempt_id: str, messages: Sequence[Stored], now: float) -> None:
        """Remember what was handed out, with the receipts and deadlines it had."""
        self._window.put(attempt_id, [(one, one.receipt, one.visible_at) for one in messages], now)

    def again(self, attempt_id: str, now: float) -> list[Stored]:
        """The same messages if none was touched since, else nothing: then it is a receive like any other."""
        kept = self._window.get(attempt_id, now) or []
        untouched = all(m.state == IN_FLIGHT and m.receipt == r and m.visible_at == at for m, r, at in kept)
        return [message for message, _, _ in kept] if untouched else []

    def clear(self) -> None:
        """Forget everything."""
        self._window.clear()
