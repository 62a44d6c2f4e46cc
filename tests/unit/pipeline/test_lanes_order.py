"""What the simulation found in the lanes, each as small as it can be said: nothing overtakes what goes back."""

from __future__ import annotations

from random import Random

from tests.model.simloop import simulated
from worker.message import Delivery, State
from worker.outcome import Rejected, Retried
from worker.pipeline.backoff import Backoff
from worker.pipeline.holding import Holding
from worker.pipeline.lane import HELD_BACK
from worker.pipeline.lanes import Lanes
from worker.pipeline.life import Life
from worker.pipeline.sizing import BatchSettings, Sizing


def delivery(number: int) -> Delivery:
    """The *number*-th message of one group."""
    place, state = str(number), State.HELD
    return Delivery(
        f"m{number}", f"r{number}", "{}", 0.0, 0.0, 1, 0.0, group_id="g", sequence_number=place, state=state
    )


def lanes(*, rows: int = 1) -> Lanes:
    """Batches of *rows*, at once."""
    sizing = Sizing(BatchSettings(max_rows=rows, max_bytes=1_000, max_wait_seconds=0.0))
    holding = Holding(max_messages=0, max_bytes=0, backoff=Backoff(1, 1, Random(1)))
    return Lanes(
        sizing,
        holding,
        life=Life(emit=lambda _: None, pipeline="test"),
        settle=lambda _: None,
        rested=lambda: None,
        emit=lambda _: None,
        pipeline="test",
    )


@simulated
async def test_a_failure_takes_back_what_waits_instead_of_handing_it_out() -> None:
    """With one row a batch the second message waits: it goes back with the first and is given to no handler."""
    first, second = delivery(1), delivery(2)
    buffer = lanes()
    buffer.put([first, second])
    assert await buffer.take() == [first]
    assert buffer.decided([(first, Retried("later"))]) == [(second, HELD_BACK), (first, Retried("later"))]
    buffer.close()
    assert await buffer.take() == []


@simulated
async def test_behind_a_message_on_its_way_back_nothing_is_begun() -> None:
    """SQS hands the group out again before its answer arrives: what is new of it waits here until then."""
    first, second = delivery(1), delivery(2)
    buffer = lanes()
    buffer.put([first])
    buffer.decided([(one, Retried("later")) for one in await buffer.take()])
    assert buffer.put([second]) == []
    again = delivery(1)
    assert buffer.put([again]) == []
    assert not buffer._runs
    buffer.departed([first], "retried", [first])
    assert await buffer.take() == [again]


@simulated
async def test_a_rejected_message_that_went_back_holds_its_group() -> None:
    """Without an accepted dead letter it is in the queue again, so what waits behind it follows it."""
    first, second = delivery(1), delivery(2)
    buffer = lanes()
    buffer.put([first, second])
    buffer.decided([(one, Rejected("decode")) for one in await buffer.take()])
    assert buffer.departed([first], "retried", [first]) == [(second, HELD_BACK)]


@simulated
async def test_an_accepted_dead_letter_lets_its_group_go_on() -> None:
    """Whatever becomes of its delete, the rejected message is resolved."""
    first, second = delivery(1), delivery(2)
    buffer = lanes()
    buffer.put([first, second])
    buffer.decided([(one, Rejected("decode")) for one in await buffer.take()])
    assert buffer.departed([first], "rejected", []) == []
    assert await buffer.take() == [second]
