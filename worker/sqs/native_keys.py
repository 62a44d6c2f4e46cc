"""The credentials that requests are signed with, asked of the SDK at most once a second and shared by all.

`KeyRing` takes what asks the SDK; `fresh` gives the keys at hand without waiting, or None, and `renewed` asks, once
for however many wait. When to renew credentials is the SDK's business, and it knows their expiry; here they are only
kept for so short a time that they are never the older ones for long.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from worker.errors import QueueError, QueueUnavailable
from worker.sqs.native_sign import Keys

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

FRESH_SECONDS: Final = 1.0
"""How long keys are handed out without asking again."""
MEANWHILE_SECONDS: Final = 60.0
"""How long while somebody asks. The SDK begins to renew ten minutes and more before an expiry: the old ones hold."""
PATIENCE_SECONDS: Final = 15.0
"""How long after they could not be renewed: the SDK gives up while they are still good, and asking may take seconds."""
ASK_SECONDS: Final = 8.0
"""How long the SDK may take; less than a call has, which would else end before it could use the keys at hand."""


class KeyRing:
    """The keys of one set of credentials. Ends with nothing: it holds no resource and no task."""

    def __init__(self, ask: Callable[[], Awaitable[Keys]]) -> None:
        self._ask = ask
        self._lock = asyncio.Lock()
        self._answer: Keys | QueueError | None = None
        """What signing begins with, or why it cannot. Written by `renewed` and `forget`."""
        self._answers = 0
        """How many questions were answered. Written by `renewed`."""
        self._asked = 0.0
        """Loop time of the SDK's last good answer. Written by `_next`."""
        self._until = 0.0
        """Loop time up to which there is no need to ask. Written by `_next`."""

    def fresh(self, now: float) -> Keys | None:
        """The keys to sign with at loop time *now*; None: `renewed` has them."""
        if now < self._until or (self._lock.locked() and now < self._asked + MEANWHILE_SECONDS):
            return self._answer if isinstance(self._answer, Keys) else None
        return None

    async def renewed(self) -> Keys:
        """Ask the SDK, or wait for who is asking already. Keys that it cannot renew are used until SQS refuses them.

        Raises:
            QueueError: there are none; as `Clients.keys` says.
        """
        answers = self._answers
        async with self._lock:
            if self._answers == answers or self._answer is None:
                self._answer = await self._next()
                self._answers += 1
            answer = self._answer
        if isinstance(answer, QueueError):
            raise type(answer)(answer.operation, answer.code, answer.detail) from answer  # one for each who waits
        return answer

    def forget(self) -> None:
        """SQS refused the keys, or the SDK has others now: the next to sign asks."""
        self._answer = None

    async def _next(self) -> Keys | QueueError:
        now = asyncio.get_running_loop().time
        try:
            async with asyncio.timeout(ASK_SECONDS):
                given = await self._ask()
        except TimeoutError:
            return self._instead(QueueUnavailable("sign", "Timeout", "the credentials took too long to come"), now())
        except QueueError as error:
            return self._instead(error, now())
        self._asked = now()
        self._until = self._asked + FRESH_SECONDS
        known = self._answer
        if isinstance(known, Keys) and known == given:
            return known  # the same object: what a signer prepared for it stays good
        return given

    def _instead(self, error: QueueError, now: float) -> Keys | QueueError:
        """What is answered after *error*: the keys at hand, if there are any."""
        if not isinstance(self._answer, Keys):
            return error
        self._until = now + PATIENCE_SECONDS
        return self._answer
