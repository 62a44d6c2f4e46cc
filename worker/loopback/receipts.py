"""Which message a receipt handle points at: the latest receipt of each, and that there were older ones.

Takes messages as they are handed out, gives them back by handle; a message leaves it when it is gone. Owned and written
by one queue's state.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from worker.loopback.errors import SqsFault, invalid_parameter
from worker.loopback.handles import Handles
from worker.loopback.messages import IN_FLIGHT
from worker.loopback.rules import Rules

if TYPE_CHECKING:
    from worker.loopback.messages import Stored


EXPIRED: Final = "The receipt handle has expired."


class Older(NamedTuple):
    """An older receipt of a message that is still there."""

    message: Stored
    receipt: int


class Receipts:
    """The receipts of one queue, numbered in the order in which they were given out."""

    def __init__(self, tag: str) -> None:
        self.handles = Handles(tag)
        self.latest: dict[str, Stored] = {}
        """Handed out and not gone, by the handle of the latest receipt, which so need not be taken apart."""
        self._repeated: dict[int, Stored] = {}
        """Those of them that were handed out more than once, by number: what older handles can point at."""
        self._given = 0

    def give(self, message: Stored) -> None:
        """The next receipt is *message*'s."""
        if message.receipt:
            del self.latest[message.handle]
            self._repeated[message.number] = message
        self._given = message.receipt = receipt = self._given + 1
        message.handle = handle = self.handles.write(message.number, receipt)
        self.latest[handle] = message

    def find(self, handle: str) -> tuple[Stored | None, int]:
        """The message behind *handle* if it is still there, and the number of the handle's receipt.

        Raises:
            SqsFault: see `older`.
        """
        message = self.latest.get(handle)
        if message is not None:
            return message, message.receipt
        return self.older(handle) or (None, 0)

    def older(self, handle: str) -> Older | None:
        """What a handle points at that is not the latest; None if that is gone.

        Raises:
            SqsFault: this queue has never given out such a handle.
        """
        number, receipt = self.handles.read(handle)
        message = self._repeated.get(number)
        if receipt > self._given or (message is not None and receipt > message.receipt):
            raise SqsFault("ReceiptHandleIsInvalid", "The input receipt handle is invalid.")
        return None if message is None else Older(message, receipt)

    def drop(self, message: Stored) -> None:
        """*message* is gone, and its handles point at nothing."""
        self.latest.pop(message.handle, None)
        self._repeated.pop(message.number, None)

    def clear(self) -> None:
        """Everything is gone; handles given out so far stay known as this queue's."""
        self.latest.clear()
        self._repeated.clear()


def expired(handle: str) -> SqsFault:
    """FIFO's refusal of a delete by a handle that has lost its message."""
    return invalid_parameter("ReceiptHandle", handle, EXPIRED)


def in_batch(fault: SqsFault) -> SqsFault:
    """The same as the answer for an entry of a batch: there SQS was seen to use the handle's own code."""
    return SqsFault("ReceiptHandleIsInvalid", EXPIRED.removesuffix(".")) if EXPIRED in fault.detail else fault


def may_change(message: Stored, receipt: int, rules: Rules, *, fifo: bool) -> bool:
    """Whether that receipt may change the visibility of its message; on standard queues as recorded, any may.

    Raises:
        SqsFault: as documented, the message is not in flight.
    """
    if rules is Rules.RECORDED and not fifo:
        return True
    if receipt == message.receipt and message.state != IN_FLIGHT and rules is Rules.DOCUMENTED:
        raise SqsFault("MessageNotInflight", "The specified message isn't in flight.")
    return receipt == message.receipt and message.state == IN_FLIGHT
