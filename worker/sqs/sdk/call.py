"""One call of the SDK: its own wall clock, its fact, its error in our words, and fresh credentials when refused.

`Caller.call` takes a method of a client and its parameters and gives what the SDK parsed, or raises one of our errors.
It ends with `close`; a call under way then fails as `QueueUnavailable`, and a cancelled call stays cancelled.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from worker.cancellation import meant
from worker.errors import QueueError, QueueRefused, QueueUnavailable
from worker.facts import RequestMade
from worker.sqs.sdk.errors import translated
from worker.sqs.sdk.proxy import named

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from worker.facts import Emit
    from worker.sqs.key_ring import KeyRing
    from worker.sqs.sign import Keys

    Method = Callable[..., Awaitable[Any]]


class Connected(Protocol):
    """Clients of the SDK that go the same way with the same keys."""

    @property
    def ring(self) -> KeyRing:
        """Their keys."""
        ...

    @property
    def any_client(self) -> Any:
        """One of them."""
        ...

    async def close(self) -> None:
        """Give every connection back."""
        ...


C = TypeVar("C", bound=Connected)


class Caller(Generic[C]):
    """Makes every request of one queue, or of one sink."""

    def __init__(self, clients: C, emit: Emit, *, pipeline: str, settle_seconds: float) -> None:
        self.clients = clients
        self._emit = emit
        self._pipeline = pipeline
        self._settle_seconds = settle_seconds
        self._closed = False
        """Written by `close`."""

    async def call(self, operation: str, method: Method, asked: dict[str, Any], *, seconds: float | None = None) -> Any:
        """One request with the parameters *asked* within *seconds* (None: the time of a settling call).

        When SQS refuses the keys and there are others, the request is made once more: a refused request was not
        performed.
        """
        limit = self._settle_seconds if seconds is None else seconds
        keys = self.clients.ring.keys
        try:
            return await self._request(operation, method, limit, asked)
        except QueueRefused as error:
            if keys is None or not await self._signs_otherwise(keys, error):
                told = self.clients.ring.explained(error)
                if told is error:
                    raise  # an error that is its own cause would have no end
                raise told from error
        return await self._request(operation, method, limit, asked)

    async def close(self) -> None:
        """Give the connections back. Calls under way and later ones fail."""
        self._closed = True
        await self.clients.close()

    async def _signs_otherwise(self, keys: Keys, error: QueueRefused) -> bool:
        """Whether there are other keys now than *keys*, by this call's doing or another's."""
        try:
            async with asyncio.timeout(self._settle_seconds):
                return await self.clients.ring.replaced(keys, error)
        except TimeoutError as late:
            raise self.clients.ring.late(error) from late

    async def _request(self, operation: str, method: Method, seconds: float, asked: dict[str, Any]) -> Any:
        if self._closed:
            raise QueueUnavailable(operation, "Closed")
        loop = asyncio.get_running_loop()
        began, code = loop.time(), "cancelled"
        try:
            answer = await self._guarded(operation, method, seconds, asked)
            code = "ok"
        except QueueError as error:
            code = error.code
            raise
        finally:
            self._emit(RequestMade(self._pipeline, operation, code, loop.time() - began))
        return answer

    async def _guarded(self, operation: str, method: Method, seconds: float, asked: dict[str, Any]) -> Any:
        try:
            async with asyncio.timeout(seconds):
                return await method(**asked)
        except asyncio.CancelledError:
            # Closing a pool cancels whoever waits for one of its connections, though nobody cancelled the task. A time
            # limit around this call may come to nothing then; it was for a call that has ended now.
            if self._closed and not meant():
                raise QueueUnavailable(operation, "Closed") from None
            raise
        except Exception as error:
            if self._closed:
                raise QueueUnavailable(operation, "Closed") from error
            raise named(translated(operation, error), self.clients.any_client) from error
