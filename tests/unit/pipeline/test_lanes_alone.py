"""Lanes alone: what stays in hand of a group, what goes back, and what is counted meanwhile."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

import pytest

from tests.model.simloop import simulated
from worker.message import Delivery, State
from worker.outcome import DONE, Rejected, Retried
from worker.pipeline.backoff import Backoff
from worker.pipeline.holding import Holding
from worker.pipeline.lane import HELD_BACK
from worker.pipeline.lanes import Lanes
from worker.pipeline.life import Life
from worker.pipeline.sizing import BatchSettings, Sizing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.facts import Fact
    from worker.outcome import Outcome

WHY = Rejected("decode", "no number")
SOON = Retried("busy", after=5)


class Here:
    """Lanes with batches of two, and what they settled by themselves."""

    def __init__(self, *, max_messages: int = 100, max_bytes: int = 10_000) -> None:
        self.settled: list[tuple[Delivery, Outcome]] = []
        self.facts: list[Fact] = []
        self.lanes = Lanes(
            Sizing(BatchSettings(max_rows=2, max_bytes=1_000, max_wait_seconds=0)),
            Holding(
                max_messages=max_messages,
                max_bytes=max_bytes,
                backoff=Backoff(base_seconds=2, max_seconds=60, random=random.Random(3)),
                redrive_count=3,
            ),
            life=Life(emit=self.facts.append, pipeline="test"),
            settle=self.settled.extend,
            rested=lambda: None,
            emit=self.facts.append,
            pipeline="test",
        )

    async def taken(self, *numbers: int) -> list[Delivery]:
        """So many of one group came, and the first batch of them is out."""
        self.lanes.put([delivery(number) for number in numbers])
        return await self.lanes.take()


def delivery(number: int, *, group: str = "g") -> Delivery:
    """In flight for long."""
    one = Delivery(
        message_id=str(number), receipt_handle="h", body="x", sent_at=0, received_at=0, receive_count=3, leased_at=0,
        group_id=group, sequence_number=str(number),
    )  # fmt: skip
    one.weight, one.deadline, one.renew_until, one.state = 1, 1_000.0, 1_000.0, State.HELD
    return one


def shown(settled: Sequence[tuple[Delivery, Outcome]]) -> list[tuple[int, Outcome]]:
    """By number."""
    return [(int(one.message_id), outcome) for one, outcome in settled]


def ids(batch: Sequence[Delivery]) -> list[int]:
    """By number."""
    return [int(one.message_id) for one in batch]


@simulated
async def test_what_waits_is_counted_wherever_it_waits() -> None:
    """In its group, on its way to the handlers, and at the end until it is taken out, the newest first."""
    here = Here()
    assert ids(await here.taken(1, 2, 3, 4, 5)) == [1, 2]
    here.lanes.put([delivery(6, group="other")])
    assert (len(here.lanes), here.lanes.ready) == (4, True)
    here.lanes.close()
    assert (len(here.lanes), here.lanes.ready, here.lanes.closed) == (4, False, True)
    assert ids(here.lanes.unbegun()) == [6, 5, 4, 3]
    assert (len(here.lanes), here.lanes.unbegun()) == (0, [])


@simulated
async def test_a_hopeless_one_waits_for_what_is_before_it_and_then_goes_back_alone() -> None:
    """The earliest does not wait; nor does what is not on its way to the dead-letter queue, or of no group in hand."""
    here = Here()
    first, second = await here.taken(1, 2)
    assert not here.lanes.await_turn(first, WHY)
    assert here.lanes.decided([(first, WHY), (second, WHY)]) == [(first, WHY), (second, WHY)]
    assert not here.lanes.await_turn(delivery(3, group="other"), WHY)
    assert here.lanes.await_turn(second, WHY)
    assert not here.lanes.await_turn(second, WHY)
    assert not here.lanes.await_turn(first, WHY)
    assert here.settled == []
    assert here.lanes.departed([first], "rejected", [first]) == []
    assert here.settled == [(second, WHY)]


@simulated
async def test_a_rejected_one_that_no_queue_took_is_tried_again_here_after_its_pause() -> None:
    """It counts as one more try; what was not rejected, or is of no group in hand, does not stay."""
    here, loop = Here(), asyncio.get_running_loop()
    first, second = await here.taken(1, 2)
    assert not here.lanes.keep(first, SOON)
    here.lanes.decided([(first, WHY), (second, WHY)])
    assert not here.lanes.keep(delivery(3, group="other"), SOON)
    assert here.lanes.keep(first, SOON)
    assert not here.lanes.keep(first, SOON)
    here.lanes.departed([second], "rejected", [])
    assert here.lanes.resting == 1
    assert await here.lanes.take() == [first]
    assert (loop.time(), first.tries, first.receive_count) == (5, 1, 4)
    assert here.lanes.resting == 0


@simulated
async def test_what_is_behind_one_that_is_tried_again_here_stays_with_it() -> None:
    """Both come again together, in their order."""
    here, loop = Here(), asyncio.get_running_loop()
    first, second = await here.taken(1, 2)
    assert here.lanes.decided([(first, SOON), (second, HELD_BACK)]) == []
    assert (len(here.lanes), here.lanes.resting) == (2, 2)
    assert await here.lanes.take() == [first, second]
    assert (loop.time(), first.tries, second.tries) == (5, 1, 0)
    assert here.lanes.decided([(first, SOON), (second, HELD_BACK)]) == []
    assert await here.lanes.take() == [first, second]
    assert (loop.time(), first.tries, first.receive_count, second.tries) == (10, 2, 5, 0)


@pytest.mark.parametrize(("bounds", "stays"), [((10, 100), 5), ((100, 10), 6)], ids=["messages", "bytes"])
def test_groups_that_wait_for_one_of_theirs_hold_half_of_what_may_be_in_flight(
    bounds: tuple[int, int], stays: int
) -> None:
    """Counted with what waits behind it and what is out beside it, and with the groups that wait already."""

    @simulated
    async def play() -> None:
        for count in (stays, stays + 1):
            here = Here(max_messages=bounds[0], max_bytes=bounds[1])
            first, second = await here.taken(*range(1, count + 1))
            assert bool(here.lanes.decided([(first, SOON), (second, HELD_BACK)])) is (count > stays)
        here = Here(max_messages=bounds[0], max_bytes=bounds[1])
        first, second = await here.taken(*range(1, stays))
        assert here.lanes.decided([(first, SOON), (second, HELD_BACK)]) == []
        here.lanes.put([delivery(number, group="other") for number in range(11, 14)])
        other, behind = await here.lanes.take()
        assert shown(here.lanes.decided([(other, SOON), (behind, DONE)])) == [(12, DONE), (13, HELD_BACK), (11, SOON)]

    play()


@pytest.mark.parametrize("reason", ["closed", "lost", "late"])
def test_what_cannot_stay_goes_back_with_all_that_is_behind_it(*, reason: str) -> None:
    """The newest first: at a stop, when it is not ours any more, and where its 12 hours would end in the pause."""

    @simulated
    async def play() -> None:
        here = Here()
        first, second = await here.taken(1, 2, 3)
        behind = [(3, HELD_BACK)]
        if reason == "closed":
            here.lanes.close()
            behind = []
        first.lost = reason == "lost"
        first.renew_until = 5.0 if reason == "late" else 1_000.0
        back = here.lanes.decided([(first, SOON), (second, HELD_BACK)])
        assert shown(back) == [*behind, (2, HELD_BACK), (1, SOON)]
        assert here.lanes.departed([third for third, _ in back], "released", [third for third, _ in back]) == []
        assert len(here.lanes) == (1 if reason == "closed" else 0)

    play()


@simulated
async def test_what_follows_a_done_one_is_handed_out_while_it_is_being_deleted() -> None:
    """Unless its delete is not known to have worked: then what waits goes back, for it may be handed out again."""
    here = Here()
    first, second = await here.taken(1, 2, 3, 4)
    assert here.lanes.decided([(first, DONE), (second, DONE)]) == [(first, DONE), (second, DONE)]
    assert ids(await here.lanes.take()) == [3, 4]
    here.lanes.put([delivery(5)])
    assert here.lanes.departed([first], "deleted", []) == []
    unknown = delivery(9, group="long ago")
    assert shown(here.lanes.departed([unknown, second, first], "expired", [second])) == [(5, HELD_BACK)]
    assert len(here.lanes) == 0
