"""Under way: what the handlers of a pipeline have begun, in numbers, for whoever steers or watches it."""

from __future__ import annotations

import asyncio


class UnderWay:
    """One per pipeline."""

    def __init__(self) -> None:
        self._now = asyncio.get_running_loop().time
        self.handling = 0
        """Deliveries in a handler's hands or aside. Written by the handler and the decider."""
        self.busy = 0
        """Coroutines that handle what they took from the buffer. Written by the handler."""
        self.batches = 0
        """Finished. Written by the tries."""
        self.began_at = 0.0
        """Loop time of the last batch that was taken from the buffer. Written by the handler."""
        self._began: dict[int, float] = {}
        """Loop time by what is begun, the oldest first. Written by `begin` and `end`."""

    def begin(self, batch: object) -> float:
        """*batch* begins at the loop time that is returned."""
        began = self._began[id(batch)] = self._now()
        return began

    def end(self, batch: object) -> None:
        """It has ended, well or not."""
        del self._began[id(batch)]

    @property
    def longest_seconds(self) -> float:
        """For how long the oldest of what is begun has been that; 0 when nothing is."""
        return self._now() - next(iter(self._began.values()), self._now())
