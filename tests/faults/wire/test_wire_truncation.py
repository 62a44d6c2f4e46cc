"""An answer cut off anywhere: all of it or our error, never a part of a delivery."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from tests.system.proxy import Trouble
from worker.errors import QueueUnavailable
from worker.message import Attribute, Outgoing
from worker.sqs.queue import OK

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.faults.wire.place import Place
    from worker.message import Delivery
    from worker.sqs.queue import Queue

BODIES: Final = ['{"n":1,"text":"Grüße"}', '{"n":2}', '{"n":3,"text":"]}]}"}']
ATTRIBUTES: Final = {"kind": Attribute("String", "order"), "raw": Attribute("Binary", b"\x00\xff")}
ANSWER_BYTES: Final = 2_100
"""A little more than the longest answer with these three."""
HEAD_BYTES: Final = 200
CLOSELY: Final = 3
WIDELY: Final = 7
"""Steps of the sweep in the head of an answer and in its body, without a common period."""


def content(deliveries: list[Delivery]) -> list[tuple[str, Mapping[str, Attribute]]]:
    """What must be whole."""
    return sorted((delivery.body, delivery.attributes) for delivery in deliveries)


async def received(queue: Queue) -> list[tuple[str, Mapping[str, Attribute]]] | None:
    """What a receive brought, or None for our error."""
    try:
        return content(await queue.receive(10, 0))
    except QueueUnavailable:
        return None


async def test_a_receive_cut_off_at_any_byte_brings_all_messages_or_our_error(place: Place) -> None:
    """Swept over the head and the body of the answer; leases of 0 s make the three messages visible each time."""
    assert await place.direct.send([Outgoing(body, attributes=ATTRIBUTES) for body in BODIES]) == [OK] * 3
    queue = await place.open(visibility_timeout=0)
    whole = content(await queue.receive(10, 0))
    assert len(whole) == len(BODIES)
    seen: Counter[str] = Counter()
    for cut in (*range(1, HEAD_BYTES, CLOSELY), *range(HEAD_BYTES, ANSWER_BYTES, WIDELY)):
        await place.hang_up()
        place.network.behave(Trouble(truncate_at=cut))
        got = await received(queue)
        assert got in (None, whole), f"cut at byte {cut}"
        seen["error" if got is None else "whole"] += 1
    assert seen["error"] > seen["whole"] > 0
    place.network.heal()
    await place.hang_up()
    assert await received(queue) == whole


async def test_the_answer_of_a_batch_cut_off_is_unknown_as_a_whole(place: Place) -> None:
    """A delete of three is answered for all three or not at all, wherever the answer ends; all are gone in the end."""
    await place.fill(*BODIES)
    queue = await place.open()
    held = await queue.receive(10, 0)
    answers: list[object] = []
    for cut in range(1, 400, 23):
        await place.hang_up()
        place.network.behave(Trouble(truncate_at=cut))
        try:
            answers.append(await queue.delete(held))
        except QueueUnavailable as error:
            answers.append(type(error))
    assert all(answer in (QueueUnavailable, [OK] * 3) for answer in answers)
    assert QueueUnavailable in answers
    assert [OK] * 3 in answers
    assert await place.counts() == (0, 0)
