"""From a batch of deliveries to records and what is left out, held against the rules one delivery at a time."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

from hypothesis import given
from hypothesis import strategies as st

from tests.model.simloop import simulated
from tests.unit.pipeline.bench import Bench
from worker import facts
from worker.codecs.json.codec import JsonCodec
from worker.message import Delivery, Message, message_of
from worker.outcome import DONE, Rejected, Retried
from worker.pipeline.answers import outcomes_of
from worker.pipeline.batch_leases import LEASE_OVER
from worker.pipeline.decode import DECODE_BYTES, portions
from worker.pipeline.deduplication import make_key
from worker.pipeline.lane import HELD_BACK

if TYPE_CHECKING:
    from worker.outcome import Outcome

NOW = 100.0


def made(number: int, *, body: str = "{}", weight: int = 2, group: str | None = None) -> Delivery:
    """A delivery with its lease before it."""
    return Delivery(
        message_id=f"m-{number}",
        receipt_handle="handle",
        body=body,
        sent_at=float(number),
        received_at=number + 0.5,
        receive_count=1,
        leased_at=0.0,
        group_id=group,
        deadline=NOW + 1,
        weight=weight,
    )


@given(st.lists(st.sampled_from([1, 500, DECODE_BYTES // 3, DECODE_BYTES // 2, DECODE_BYTES, DECODE_BYTES + 1])))
def test_portions_are_the_deliveries_in_order_and_none_is_too_large(weights: list[int]) -> None:
    """Only a body that is too large by itself makes a portion that is, and then it is alone in it."""
    deliveries = [made(number, weight=weight) for number, weight in enumerate(weights)]
    found = list(portions(deliveries))
    assert [one for portion in found for one in portion] == deliveries
    for portion, behind in pairwise(found):
        assert sum(one.weight for one in portion) + behind[0].weight > DECODE_BYTES
    assert all(len(portion) == 1 or sum(one.weight for one in portion) <= DECODE_BYTES for portion in found)


class Picky:
    """Refuses some bodies, and has a bug that others show."""

    name = "picky"

    def decode(self, body: str) -> object:
        """As JSON, or the bug."""
        if body == "bug":
            raise RecursionError
        return JsonCodec().decode(body)


@dataclass(frozen=True, slots=True)
class Draft:
    """What is drawn of a delivery."""

    body: Literal["{}", "[]", "bug"]
    group: str | None
    lost: bool
    over: bool


DRAFTS = st.lists(
    st.builds(
        Draft,
        st.sampled_from(["{}", "{}", "[]", "bug"]),
        st.sampled_from([None, "a", "b"]),
        st.booleans(),
        st.booleans(),
    ),
    max_size=8,
)


def expected(drafts: list[Draft], *, ordered: bool) -> list[Outcome | None]:
    """The rules, one at a time: None is written, all else is left out with this outcome."""
    found: list[Outcome | None] = []
    stopped: set[str] = set()
    for draft in drafts:
        outcome: Outcome | None = None
        if draft.group in stopped:
            outcome = HELD_BACK
        elif draft.lost or draft.over:
            outcome = LEASE_OVER
        elif draft.body == "[]":
            outcome = Rejected("schema", "an object is expected, not an array")
        elif draft.body == "bug":
            outcome = Retried("RecursionError", detail="unexpected in the codec")
        if outcome is not None and ordered and draft.group is not None:
            stopped.add(draft.group)
        found.append(outcome)
    return found


@given(DRAFTS, st.booleans())
def test_each_delivery_is_decoded_or_left_out_by_the_rules(drafts: list[Draft], ordered: bool) -> None:  # noqa: FBT001 - drawn
    """Whatever is beside it in the batch; a lease that is over is told once for each delivery."""

    @simulated
    async def check() -> None:
        await asyncio.sleep(0)
        bench = Bench(fifo=ordered)
        decoder = bench.pipeline().handler._decoder
        decoder._codec = Picky()
        deliveries = [made(n, body=draft.body, group=draft.group) for n, draft in enumerate(drafts)]
        for delivery, draft in zip(deliveries, drafts, strict=True):
            delivery.lost = draft.lost
            delivery.deadline = NOW if draft.over else NOW + 1
        batch = await decoder.decode(deliveries, NOW)
        ends = dict(zip(deliveries, expected(drafts, ordered=ordered), strict=True))
        assert batch.deliveries == [one for one, end in ends.items() if end is None]
        assert batch.records == [message_of(one, one.message_id, {}) for one in batch.deliveries]
        assert batch.left_out == [(one, end) for one, end in ends.items() if end is not None]
        assert len(bench.told(facts.LeasesLost)) == sum(end is LEASE_OVER for end in ends.values())

    check()


def test_a_message_is_what_its_class_would_have_made() -> None:
    """Made below the class's own constructor, and no less of a message."""
    delivery = made(1, body='{"a":1}', group="g")
    delivery.trace_header, delivery.sequence_number, delivery.deduplication_id = "Root=1", "18", "d-1"
    message = message_of(delivery, make_key(None)({}, delivery), {"a": 1})
    assert type(message) is Message
    assert message == Message(
        key="m-1",
        value={"a": 1},
        body='{"a":1}',
        id="m-1",
        sent_at=1.0,
        received_at=1.5,
        receive_count=1,
        group_id="g",
        attributes={},
        trace_header="Root=1",
        sequence_number="18",
        deduplication_id="d-1",
    )


@given(st.lists(st.sampled_from([None, None, Retried("x"), Rejected("y")])))
def test_what_the_sink_says_nothing_of_is_done(answers: list[Retried | Rejected | None]) -> None:
    """None is done, and all else is what it is."""
    assert outcomes_of(answers, len(answers)) == [DONE if answer is None else answer for answer in answers]
