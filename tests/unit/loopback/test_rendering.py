"""Each message shows what is its own, although much of it is made once for many."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.loopback.world import START, World
from worker.loopback.errors import SqsFault
from worker.loopback.faults import OMITTED
from worker.loopback.long_poll import ReceiveRequest
from worker.loopback.params import ReceiveParams
from worker.loopback.rendering import batch_json, no_more, received_json

if TYPE_CHECKING:
    from worker.loopback.messages import Stored

NAMES = (
    "SenderId",
    "SentTimestamp",
    "ApproximateReceiveCount",
    "ApproximateFirstReceiveTimestamp",
    "MessageGroupId",
    "SequenceNumber",
    "MessageDeduplicationId",
    "AWSTraceHeader",
    "DeadLetterQueueSourceArn",
)
AGES = st.lists(st.sampled_from([0.0, 0.25, 3.0]), min_size=1, max_size=6)


def received(world: World, name: str, system: tuple[str, ...]) -> list[tuple[Stored, Any]]:
    """Everything that waits, each with the attributes it shows; it is visible again at once."""
    found: list[Stored] = []
    request = ReceiveRequest(10, 0, 0)
    world.sqs.receive_message(name, request, found.extend)
    shown = received_json(world.sqs.queue(name), found, ReceiveParams(request, system, ()))
    return list(zip(found, (one.get("Attributes") for one in shown), strict=True))


def expected(message: Stored, *, fifo: bool) -> dict[str, str]:
    """All system attributes of a message that was never moved and has no trace."""
    shown = {
        "SenderId": "AIDALOOPBACKSQSSENDER",
        "SentTimestamp": str(int(message.sent_at * 1000)),
        "ApproximateReceiveCount": str(message.receive_count),
        "ApproximateFirstReceiveTimestamp": str(int(message.first_received_at * 1000)),
    }
    if fifo:
        shown["MessageGroupId"] = message.group_id or ""
        shown["SequenceNumber"] = f"{18_850_000_000_000_000_000 + message.number * 256}"
        shown["MessageDeduplicationId"] = message.deduplication_id or ""
    return shown


@given(AGES, AGES, st.sets(st.sampled_from(NAMES)), st.sampled_from(["jobs", "jobs.fifo"]))
def test_every_message_shows_its_own_times_and_counts(
    ages: list[float], waits: list[float], names: set[str], name: str
) -> None:
    """Sent and received at the same times or at others; all that there is, a choice of it, or none."""
    world, fifo = World(), name.endswith(".fifo")
    world.queue(name)
    for number, age in enumerate(ages):
        world.now += age
        world.send(f"m{number}", name, group=f"g{number % 2}" if fifo else None)
    for wait in waits:
        world.now += wait
        for message, everything in received(world, name, ("All",)):
            assert everything == expected(message, fifo=fifo)
        for message, chosen in received(world, name, (*sorted(names), "Unknown")):
            assert chosen == {one: text for one, text in expected(message, fifo=fifo).items() if one in names}
        assert all(nothing is None for _, nothing in received(world, name, ()))
    assert world.now >= START


@given(st.lists(st.sampled_from([None, OMITTED, SqsFault("InternalError", "x")]), min_size=1, max_size=10))
def test_a_batch_that_went_well_is_answered_as_its_half_of_one_that_did_not(answers: list[Any]) -> None:
    """Every Id that succeeded is there with nothing else, in order."""
    ids = [str(number) for number in range(len(answers))]
    told = batch_json(ids, answers, no_more)
    assert told["Successful"] == [{"Id": one} for one, answer in zip(ids, answers, strict=True) if answer is None]
    assert len(told.get("Failed", ())) == sum(isinstance(one, SqsFault) for one in answers)  # type: ignore[arg-type] # a list
    assert told == batch_json(ids, answers, lambda _: {})
