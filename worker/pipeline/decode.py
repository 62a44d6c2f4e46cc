"""Decode: a batch of deliveries becomes messages for the sink, and what is left out with its outcome.

Takes what the buffer handed out; gives a message for each delivery whose lease lives and whose body has a value and a
key. It works in portions, so that hostile bodies do not hold up the loop, and waits for nothing else.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from worker import speedups
from worker.errors import DecodeError
from worker.message import DEAD_LETTER, message_of
from worker.outcome import Rejected, Retried
from worker.pipeline.batch_leases import LEASE_OVER, leases_over
from worker.pipeline.deduplication import by_message_id
from worker.pipeline.lane import HELD_BACK
from worker.pipeline.letter import restored

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from worker.codecs.codec import Codec
    from worker.facts import Emit
    from worker.message import Delivery, Message
    from worker.outcome import Outcome

DECODE_BYTES: Final = 256 * 1024
"""Decoded in one step of the loop. The dearest body costs 45 ms for 200 KB, and a batch may hold twenty of them."""


@dataclass(slots=True)
class Decoded:
    """What came of a batch: what is to be written, and what is not."""

    deliveries: list[Delivery] = field(default_factory=list)
    """Decoded; one for each record."""
    records: list[Message] = field(default_factory=list)
    left_out: list[tuple[Delivery, Outcome]] = field(default_factory=list)
    """Not to be written: undecodable, behind such a one in its group, or no longer ours."""
    stopped: set[str] = field(default_factory=set)
    """Groups in which something is left out; stays empty on a standard queue."""


class Decoder:
    """What all handlers of a pipeline decode with. Holds no batch."""

    def __init__(
        self,
        codec: Codec,
        key: Callable[[object, Delivery], str],
        *,
        source: str,
        ordered: bool,
        emit: Emit,
        pipeline: str,
    ) -> None:
        self._codec = codec
        self._key = key
        self._source = source
        """Name of the queue: a dead letter of it that is put back is a message as it was sent."""
        self._ordered = ordered
        self._emit = emit
        self._pipeline = pipeline

    async def decode(self, deliveries: list[Delivery], now: float) -> Decoded:
        """What is to be written and what is left out, of *deliveries* that are looked at from loop time *now* on."""
        decoded = Decoded()
        for number, portion in enumerate(portions(deliveries)):
            if number:
                await asyncio.sleep(0)
            self._add(decoded, portion, now)
        return decoded

    def _add(self, decoded: Decoded, deliveries: list[Delivery], now: float) -> None:
        """Decode *deliveries* into *decoded*, or leave them out."""
        values = self._values(deliveries)
        alike = self._key is by_message_id and not decoded.stopped
        alike = alike and not (self._ordered and any(delivery.over(now) for delivery in deliveries))
        records = speedups.messages(deliveries, values, now) if alike else None
        if records is None:
            self._add_each(decoded, deliveries, values, now)
        else:
            decoded.deliveries += deliveries
            decoded.records += records

    def _values(self, deliveries: Sequence[Delivery]) -> list[object]:
        """The decoded bodies, up to the first that has no value."""
        decode, values = self._codec.decode, list[object]()
        with suppress(BaseException):  # met again by whoever wants that value, who has an outcome for it
            for delivery in deliveries:
                values.append(decode(delivery.body))
        return values

    def _add_each(self, decoded: Decoded, deliveries: Sequence[Delivery], values: Sequence[object], now: float) -> None:
        """One by one; the first of them have their *values*."""
        decode, key, stopped = self._codec.decode, self._key, decoded.stopped
        for place, delivery in enumerate(deliveries):
            if stopped and delivery.group_id in stopped:
                self._leave_out(decoded, delivery, HELD_BACK)
                continue
            if delivery.over(now):
                self._emit(leases_over(self._pipeline, 1))
                self._leave_out(decoded, delivery, LEASE_OVER)
                continue
            try:
                value = values[place] if place < len(values) else decode(delivery.body)
                record = message_of(delivery, key(value, delivery), value)
                if DEAD_LETTER in delivery.attributes:
                    record = record._replace(attributes=restored(delivery.attributes, self._source))
            except BaseException as error:  # noqa: BLE001 - a codec's bug must not end the worker, again at each redelivery
                self._leave_out(decoded, delivery, undecoded(error))
                continue
            decoded.deliveries.append(delivery)
            decoded.records.append(record)

    def _leave_out(self, decoded: Decoded, delivery: Delivery, outcome: Outcome) -> None:
        """With order in the groups, what is behind it in its group cannot be written either."""
        decoded.left_out.append((delivery, outcome))
        if self._ordered and delivery.group_id is not None:
            decoded.stopped.add(delivery.group_id)


def portions(deliveries: list[Delivery]) -> Iterator[list[Delivery]]:
    """*deliveries* in order, at most `DECODE_BYTES` each time or a larger one alone; the first may be empty."""
    if sum([delivery.weight for delivery in deliveries]) <= DECODE_BYTES:
        yield deliveries
        return
    begin, size = 0, 0
    for place, delivery in enumerate(deliveries):
        size += delivery.weight
        if size > DECODE_BYTES:
            yield deliveries[begin:place]
            begin, size = place, delivery.weight
    yield deliveries[begin:]


def undecoded(error: BaseException) -> Outcome:
    """How a delivery ends whose body was not decoded, or had no key."""
    if isinstance(error, DecodeError):
        return Rejected(error.reason, error.detail)
    return Retried(type(error).__name__, detail="unexpected in the codec")
