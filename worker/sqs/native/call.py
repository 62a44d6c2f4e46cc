"""One request of the native path: signed, sent, within its time, understood, reported; repeated where that is right.

`Requester.call` takes an operation with its body and what reads the answer, and gives what was read, or raises one of
our errors. A refusal of the credentials is answered with other ones if there are any, one for the clock with a better
time, each once. It ends with `close`: calls under way then fail as `QueueUnavailable`; a cancelled one stays cancelled.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from worker.errors import QueueError, QueueRefused, QueueUnavailable
from worker.facts import RequestMade
from worker.sqs.errors import shortened
from worker.sqs.native.answer import WireTrouble
from worker.sqs.native.read import NOT_UNDERSTOOD
from worker.waiting.limit import Limit, Limits

if TYPE_CHECKING:
    from collections.abc import Callable

    from worker.facts import Emit
    from worker.sqs.clock import ServerClock
    from worker.sqs.key_ring import KeyRing
    from worker.sqs.native.answer import HttpAnswer
    from worker.sqs.native.pool import Pool
    from worker.sqs.queue import Admission
    from worker.sqs.sign import Keys, Signer

T = TypeVar("T")

REPEATS: Final = 2
"""How often a refused request may be made again."""
_WRONG_SHAPE: Final = (ValueError, TypeError, KeyError, AttributeError, IndexError, ArithmeticError, RecursionError)
"""What reading raises on JSON that is not what SQS documents."""


@dataclass(frozen=True, slots=True)
class Verb:
    """One operation of SQS."""

    operation: str
    """Our name for it, a label."""
    target: str
    """SQS's name for it, as a header says it."""
    repeatable: bool = True
    """Whether performing it twice does no harm."""


@dataclass(frozen=True, slots=True)
class Signing:
    """What requests are signed with."""

    signer: Signer
    keys: KeyRing
    clock: ServerClock


@dataclass(slots=True, eq=False)
class Call(Generic[T]):
    """One request to be made, and what is learned while it is made."""

    verb: Verb
    body: bytes
    read: Callable[[HttpAnswer], T]
    """Makes what the caller wants of the answer, or raises one of our errors."""
    pool: Pool
    seconds: float
    """How long one try may take, waits for *admission* not counted."""
    admission: Admission | None = None
    until: float = inf
    """Loop time after which it is not to be sent any more, wherever it waited."""
    keys: Keys | None = None
    """What it was signed with. Written by `Requester`, as all below."""
    unix: float = 0.0
    """The time it was signed with."""
    answer: HttpAnswer | None = None
    corrected: bool = False
    """SQS's time was taken for ours because of a refusal: once is enough."""


class Requester:
    """Makes every request of one queue."""

    def __init__(self, signing: Signing, emit: Emit, *, pipeline: str) -> None:
        self._signing = signing
        self._emit = emit
        self._now = asyncio.get_running_loop().time
        self._pipeline = pipeline
        self._limits = Limits()
        """The wall clocks of the requests under way."""
        self._closed = False
        """Written by `close`."""

    async def make(self, call: Call[T]) -> T:
        """What *call* reads from its answer.

        A request that was refused was not performed, so it may be made again if it is signed otherwise: once with
        another time, once with other keys, since keys that ended unnoticed are what a slow clock brings.

        Raises:
            QueueError: with the operation's name.
        """
        for _ in range(REPEATS):
            try:
                return await self._request(call)
            except QueueRefused as error:
                if not await self._signs_otherwise(call, error):
                    told = self._signing.keys.explained(error)
                    if told is error:
                        raise  # an error that is its own cause would have no end
                    raise told from error
        return await self._request(call)

    def close(self) -> None:
        """Calls under way fail, wherever they wait, and later ones."""
        self._closed = True
        self._limits.end()

    async def _request(self, call: Call[T]) -> T:
        """One try within its time, and its fact."""
        operation = call.verb.operation
        if self._closed:
            raise QueueUnavailable(operation, "Closed")
        now = self._now
        began, code = now(), "cancelled"
        try:
            with Limit(self._limits, began + call.seconds) as limit:
                call.answer = None
                keys = self._signing.keys.at_hand(began) or await self._signing.keys.first()
                admission = None if call.admission is None else Untimed(call.admission, limit)
                repeated = self._repeated(call, began) if call.verb.repeatable else None
                call.answer = await call.pool.exchange(
                    self._signed(call, keys), admission, repeated=repeated, until=call.until
                )
            done = _understood(call, call.answer)
            code = "ok"
        except (QueueError, WireTrouble, TimeoutError) as error:
            failed = self._failed(call, error)
            code = failed.code
            raise failed from error
        finally:
            self._emit(RequestMade(self._pipeline, operation, code, now() - began))
        return done

    def _signed(self, call: Call[T], keys: Keys) -> bytes:
        """The whole request, as of now."""
        call.keys, call.unix = keys, self._signing.clock.now()
        return self._signing.signer.head(call.verb.target, call.body, keys, call.unix) + call.body

    def _failed(self, call: Call[T], error: QueueError | WireTrouble | TimeoutError) -> QueueError:
        """Our error for one that knows no operation: the keys', the wire's, or the clock's."""
        operation = call.verb.operation
        match error:
            case QueueError():
                return type(error)(operation, error.code, error.detail)
            case _ if self._closed:
                return QueueUnavailable(operation, "Closed")
            case WireTrouble():
                return QueueUnavailable(operation, error.code, error.detail)
            case _:
                return QueueUnavailable(operation, "Timeout", f"no answer within {call.seconds:g} s")

    def _repeated(self, call: Call[T], began: float) -> Callable[[WireTrouble], None]:
        """What is told of the first half of a request that met the end of a kept connection: it was one, and failed."""

        def report(trouble: WireTrouble) -> None:
            seconds = self._now() - began
            self._emit(RequestMade(self._pipeline, call.verb.operation, trouble.code, seconds))

        return report

    async def _signs_otherwise(self, call: Call[T], error: QueueRefused) -> bool:
        """Whether the request that SQS refused would be signed with another time or other keys now."""
        if call.answer is None or call.keys is None:
            return False  # nothing was sent: there are no keys
        date = call.answer.headers.get(b"date", b"").decode("latin-1")
        if not call.corrected and self._signing.clock.corrected(error.code, date, call.unix):
            call.corrected = True
            return True
        try:
            async with asyncio.timeout(call.seconds):
                return await self._signing.keys.replaced(call.keys, error)
        except TimeoutError as late:
            raise self._signing.keys.late(error) from late


class Untimed:
    """An admission whose waits are not counted by a request's wall clock: SQS has answered already."""

    def __init__(self, admission: Admission, limit: Limit) -> None:
        self._admission = admission
        self._limit = limit

    @property
    def granted(self) -> int:
        """As the admission says."""
        return self._admission.granted

    async def admit(self, size: int) -> None:
        """Wait, for however long it takes."""
        self._limit.pause()
        await self._admission.admit(size)
        self._limit.resume()


def _understood(call: Call[T], answer: HttpAnswer) -> T:
    try:
        return call.read(answer)
    except _WRONG_SHAPE as error:
        raise QueueUnavailable(call.verb.operation, NOT_UNDERSTOOD, shortened(str(error))) from error
