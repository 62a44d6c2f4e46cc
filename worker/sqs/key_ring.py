"""The keys that requests are signed with, whichever way they go: asked for seldom, once for all, and in time.

`KeyRing` takes what asks for keys (the SDK's chain) and gives those at hand without waiting. It asks again, beside the
requests, as their end comes near, and when SQS refuses them although nobody saw them end: a revoked session, a slow
clock, a machine that was asleep, a file that somebody replaced. What cannot be renewed is used until SQS refuses it.
`close` ends it, and with it the question under way.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from worker.errors import CredentialsRefused, QueueError, QueueUnavailable
from worker.facts import CredentialsKept, CredentialsRenewed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from worker.facts import Emit
    from worker.sqs.sign import Keys

EARLY_SECONDS: Final = 900.0
"""How long before their end keys are asked for again, as the SDK does; short-lived ones in the middle of their life."""
SOON_SECONDS: Final = 1.0
"""The soonest that keys which were new are asked for again, however short they live."""
AGAIN_SECONDS: Final = 10.0
"""Least pause after a question that brought nothing new, and between two that refusals by SQS cause."""
DENIED_SECONDS: Final = 60.0
"""The same for AccessDenied, which means a revoked session now and then, and permissions nearly always."""
ASK_SECONDS: Final = 60.0
"""How long one question may take: a `credential_process` may wait for a person. Requests go on meanwhile."""

DENIED: Final = frozenset({"AccessDenied", "NotAuthorized"})
"""What SQS says of a session that was revoked by a policy (AWSRevokeOlderSessions), and of missing permissions."""


@dataclass(frozen=True, slots=True)
class Granted:
    """What the chain gave."""

    keys: Keys
    ends_at: float | None
    """Unix time; None: nobody knows of an end."""


class KeyRing:
    """The keys of one queue's requests. Attributes that say nothing else are written by `_begin` and `_renew`."""

    def __init__(
        self, ask: Callable[[], Awaitable[Granted]], emit: Emit, *, pipeline: str, wall: Callable[[], float]
    ) -> None:
        self._ask = ask
        self._emit = emit
        self._pipeline = pipeline
        self._wall = wall
        self._now = asyncio.get_running_loop().time
        self.keys: Keys | None = None
        """The same object for as long as they are the same keys: what a signer prepared for it stays good."""
        self._ends_at: float | None = None
        self._due = 0.0
        """Loop time from which whoever signs causes a question."""
        self._asking: asyncio.Task[None] | None = None
        self._refused_at = float("-inf")
        """Loop time of the last question that a refusal caused. Written by `replaced`."""
        self._trouble: QueueError | None = None
        """Why the last question brought no keys."""

    def at_hand(self, now: float) -> Keys | None:
        """The keys to sign with at loop time *now*, without waiting; None: there are none yet, and `first` waits."""
        if now >= self._due:
            self._begin()
        return self.keys

    async def first(self) -> Keys:
        """The keys at hand; waits when there are none.

        Raises:
            QueueError: there are none to be had.
        """
        if self.keys is None:
            await asyncio.wait([self._begin()])
        if self.keys is not None:
            return self.keys
        trouble = self._trouble or QueueUnavailable("sign", "Closed")
        raise type(trouble)(trouble.operation, trouble.code, trouble.detail)  # one for each who waits

    async def replaced(self, refused: Keys, error: QueueError) -> bool:
        """Whether there are other keys than those *refused* with *error*; asks for them if that is worth it."""
        pause = _pause_after(refused, error)
        if pause is None:
            return False
        if self.keys == refused and (self._is_asking or self._now() >= self._refused_at + pause):
            if not self._is_asking:
                self._refused_at = self._now()
            await asyncio.wait([self._begin()])
            if self.keys != refused:
                self._emit(CredentialsRenewed(self._pipeline, error.code))
        return self.keys != refused

    def explained(self, error: QueueError) -> QueueError:
        """*error* of SQS about these keys, and why there are no others."""
        if self._trouble is None:
            return error
        words = f"{error.detail}; there are no other credentials: {self._trouble.code}: {self._trouble.detail}"
        return type(error)(error.operation, error.code, words)

    def late(self, error: QueueError) -> QueueUnavailable:
        """What a request says that was refused with *error* and waited in vain: others may be here for the next."""
        words = f"SQS refused the credentials ({error.code}), and getting others took too long"
        return QueueUnavailable(error.operation, "Timeout", words)

    async def close(self) -> None:
        """Ask no more."""
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.wait([self._asking])

    @property
    def _is_asking(self) -> bool:
        return self._asking is not None and not self._asking.done()

    def _begin(self) -> asyncio.Task[None]:
        """The question under way, or a new one."""
        if self._asking is None or self._asking.done():
            self._asking = asyncio.get_running_loop().create_task(self._renew(), name="renew-credentials")
        return self._asking

    async def _renew(self) -> None:
        try:
            async with asyncio.timeout(ASK_SECONDS):
                granted = await self._ask()
        except TimeoutError:
            self._keep(QueueUnavailable("sign", "Timeout", f"no credentials came within {ASK_SECONDS:g} s"))
        except QueueError as error:
            self._keep(error)
        else:
            self._take(granted)

    def _take(self, granted: Granted) -> None:
        new = granted.keys != self.keys
        later = granted.ends_at is not None and granted.ends_at > (self._ends_at or 0.0)
        if new:
            self.keys = granted.keys
        self._ends_at = granted.ends_at
        self._trouble = None
        self._due = self._now() + pause_before_asking(self._left(), progress=new or later)

    def _keep(self, trouble: QueueError) -> None:
        self._trouble = trouble
        left = self._left()
        self._due = self._now() + pause_before_asking(left, progress=False)
        if self.keys is not None:
            self._emit(CredentialsKept(self._pipeline, trouble.code, trouble.detail, left))

    def _left(self) -> float | None:
        """Seconds that the keys still live; None: nobody knows of an end."""
        return None if self._ends_at is None else self._ends_at - self._wall()


def pause_before_asking(left: float | None, *, progress: bool) -> float:
    """Seconds until keys that live *left* seconds more are asked for again; *progress*: they came just now.

    Without progress a quarter of what is left passes before the next question: some fifteen from the first to the end.
    """
    if left is None:
        return float("inf")
    if progress:
        return max(SOON_SECONDS, left - EARLY_SECONDS, left / 2 if left < 2 * EARLY_SECONDS else 0.0)
    return max(AGAIN_SECONDS, left / 4)


def _pause_after(refused: Keys, error: QueueError) -> float | None:
    """The least pause between two questions because of *error*; None: other keys would not help."""
    if isinstance(error, CredentialsRefused):
        return AGAIN_SECONDS
    return DENIED_SECONDS if error.code in DENIED and refused.token else None
