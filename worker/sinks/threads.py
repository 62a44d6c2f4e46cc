"""Threads for calls that block: a fixed number of them, fed in order.

Takes a call, gives what it returned or raised. A caller that is cancelled goes away at once; its call, if it has begun,
runs to its end and nobody hears of it. The threads are daemons, unlike those of `concurrent.futures`: a call that hangs
(a dead network disk, a function of yours) must not keep the process from leaving after its last batch.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from threading import Thread, get_native_id
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from worker.errors import SinkUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

_TASKS: Final = Path("/proc/self/task")
"""Linux keeps a folder for each thread that lives."""


@dataclass(frozen=True, slots=True)
class _PoolCall(Generic[T]):
    """One call on its way through a thread and back to its loop."""

    function: Callable[[], T]
    answer: asyncio.Future[T]
    ended: Callable[[], None]

    def perform(self) -> None:
        """In the thread: call, and send the end of it home. A caller that left before the start is not served."""
        result: T | None = None
        error: BaseException | None = None
        if not self.answer.cancelled():
            try:
                result = self.function()
            except BaseException as raised:  # noqa: BLE001 - it belongs to the caller, whatever it is
                error = RuntimeError("StopIteration") if isinstance(raised, StopIteration) else raised
        try:
            self.answer.get_loop().call_soon_threadsafe(self._deliver, result, error)
        except RuntimeError:
            return  # the loop is closed, so nobody waits

    def _deliver(self, result: T | None, error: BaseException | None) -> None:
        """In the loop."""
        self.ended()
        if self.answer.done():
            return
        if error is None:
            self.answer.set_result(result)  # type: ignore[arg-type]  # without an error it is what the function gave
        else:
            self.answer.set_exception(error)


class Threads:
    """*size* threads, started with the first call."""

    def __init__(self, size: int, *, name: str) -> None:
        self._calls: deque[_PoolCall[object]] = deque()
        """Written by `run`, and by the threads."""
        self._woken: SimpleQueue[bool] = SimpleQueue()
        """A True for each call, so that nobody need look; a False ends a thread."""
        self._performing: dict[int, _PoolCall[object] | None] = {}
        """What each thread is at, by the system's own number of it. Written by the threads, and by `replace`."""
        self._made = 0
        """Threads so far, for their names. Written by `_start_one`."""
        self._size = size
        self._name = name
        self._started = False
        """Written by `run`, in the loop."""
        self._stopped = False
        """Written by `stop`, in the loop."""

    async def run(self, function: Callable[[], T], *, ended: Callable[[], None] = lambda: None) -> T:
        """What *function* returns or raises; *ended* is called in the loop when it is really over.

        Raises:
            SinkUnavailable: the threads were stopped, so nobody would ever call it.
        """
        if self._stopped:
            raise SinkUnavailable(f"{self._name}: was written to after it was closed")
        self._start()
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._calls.append(_PoolCall(function, answer, ended))  # type: ignore[arg-type]  # calls of any type
        self._woken.put(True)  # noqa: FBT003 - what it means is said above
        return await answer

    async def end_with(self, function: Callable[[], object]) -> None:
        """Run *function* behind all that is queued, and stop. Once: a second time there is nothing left to do."""
        if not self._stopped:
            await self.run(function)
            self.stop()

    def stop(self) -> None:
        """Let every thread end after what is queued. Waits for nothing."""
        self._stopped = True
        for _ in range(self._size if self._started else 0):
            self._woken.put(False)  # noqa: FBT003 - what it means is said above

    def replace(self, function: Callable[[], object]) -> bool:
        """Whether the thread that performs *function* has died; then there is another one in its place.

        Native code can end a thread under Python's feet, which Python itself never learns. Linux is asked.
        """
        for number, call in tuple(self._performing.items()):
            if call is not None and call.function is function and _is_gone(number):
                del self._performing[number]
                self._start_one()
                return True
        return False

    def _start(self) -> None:
        if self._started:
            return
        self._started = True
        for _ in range(self._size):
            self._start_one()

    def _start_one(self) -> None:
        Thread(target=self._work, name=f"{self._name}-{self._made}", daemon=True).start()
        self._made += 1

    def _work(self) -> None:
        """A thread. What is raised into it from another one (some libraries do) ends what it is at, and not itself."""
        number = get_native_id()
        while True:
            with suppress(BaseException):
                while self._calls or self._woken.get():
                    self._perform_next(number)
                return

    def _perform_next(self, number: int) -> None:
        """In a function of its own, or an idle thread would hold the last batch in memory."""
        try:
            call = self._performing[number] = self._calls.popleft()
        except IndexError:  # another thread was faster
            return
        call.perform()
        self._performing[number] = None


def _is_gone(number: int) -> bool:
    return _TASKS.is_dir() and not (_TASKS / str(number)).exists()
