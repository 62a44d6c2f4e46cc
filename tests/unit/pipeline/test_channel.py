"""The channel: closable, gathers by count, weight and age, loses nothing to a cancelled taker."""

from __future__ import annotations

import asyncio

import pytest

from tests.model.simloop import simulated
from worker.pipeline.channel import Channel, ChannelClosed


@simulated
async def test_a_full_batch_is_taken_at_once() -> None:
    """Nobody waits for the age of a batch that is complete by count."""
    channel: Channel[int] = Channel()
    channel.put([1, 2, 3])
    assert await channel.take(2, linger=60) == [1, 2]
    assert asyncio.get_running_loop().time() == 0


@simulated
async def test_an_incomplete_batch_is_taken_when_its_oldest_item_is_old_enough() -> None:
    """The age counts from the arrival of the oldest item, not from the taker's."""
    channel: Channel[int] = Channel()
    channel.put([1])
    await asyncio.sleep(0.06)
    channel.put([2])
    assert await channel.take(10, linger=0.1) == [1, 2]
    assert asyncio.get_running_loop().time() == pytest.approx(0.1)


@simulated
async def test_what_is_flushed_waits_for_nothing_more() -> None:
    """Whoever waits is given what there is, and so is who comes next; what is put afterwards is young again."""
    channel: Channel[int] = Channel()
    waiting = asyncio.create_task(channel.take(2, linger=60))
    await asyncio.sleep(1)
    channel.flush()
    channel.put([1])
    await asyncio.sleep(1)
    assert not waiting.done()
    channel.flush()
    assert await waiting == [1]
    channel.put([2])
    channel.flush()
    assert await channel.take(2, linger=60) == [2]
    assert asyncio.get_running_loop().time() == 2
    channel.put([3])
    assert await channel.take(2, linger=60) == [3]
    assert asyncio.get_running_loop().time() == 62


@simulated
async def test_weight_completes_a_batch_and_bounds_it() -> None:
    """A batch ends before the item that would make it too heavy; a single heavier item still comes, alone."""
    channel: Channel[int] = Channel(lambda item: item)
    channel.put([4, 5, 3, 50])
    assert await channel.take(10, weight=9, linger=60) == [4, 5]
    assert await channel.take(10, weight=9, linger=60) == [3]
    assert await channel.take(10, weight=9, linger=60) == [50]
    channel.put([4, 5])
    assert await channel.take(10, weight=9, linger=60) == [4, 5]
    assert (channel.weight, asyncio.get_running_loop().time()) == (0, 0)


@simulated
async def test_an_item_that_completes_the_batch_wakes_the_taker() -> None:
    """The gathering taker returns in the moment in which its batch is complete."""
    channel: Channel[int] = Channel()
    async with asyncio.TaskGroup() as tasks:
        taking = tasks.create_task(channel.take(3, linger=60))
        await asyncio.sleep(1)
        channel.put([1, 2])
        await asyncio.sleep(1)
        channel.put([3, 4])
    assert taking.result() == [1, 2, 3]
    assert asyncio.get_running_loop().time() == 2


@simulated
async def test_closing_hands_out_the_rest_and_then_empty_batches() -> None:
    """Nothing that was put is lost by closing, and every waiting taker comes to its end."""
    channel: Channel[int] = Channel()
    channel.put([1, 2])
    async with asyncio.TaskGroup() as tasks:
        takers = [tasks.create_task(channel.take(10, linger=60)) for _ in range(3)]
        await asyncio.sleep(1)
        channel.close()
    assert sorted(taker.result() for taker in takers) == [[], [], [1, 2]]


@simulated
async def test_putting_into_a_closed_channel_is_an_error() -> None:
    """A producer that outlives the order of stopping is found at once."""
    channel: Channel[int] = Channel()
    channel.close()
    with pytest.raises(ChannelClosed):
        channel.put([1])


@simulated
async def test_a_cancelled_taker_has_taken_nothing() -> None:
    """Items leave the channel in the same step in which take returns, so none falls between two stools."""
    channel: Channel[int] = Channel()
    async with asyncio.TaskGroup() as tasks:
        taking = tasks.create_task(channel.take(10, linger=60))
        channel.put([1, 2])
        await asyncio.sleep(1)
        taking.cancel()
    assert await channel.take(10) == [1, 2]


@simulated
async def test_takers_are_served_in_the_order_in_which_they_came() -> None:
    """One taker gathers at a time; the next starts when it has its batch."""
    channel: Channel[int] = Channel()
    order: list[tuple[str, list[int]]] = []

    async def taker(name: str) -> None:
        order.append((name, await channel.take(1)))

    async with asyncio.TaskGroup() as tasks:
        for name in "abc":
            tasks.create_task(taker(name))
            await asyncio.sleep(0.1)
        channel.put([1, 2, 3])
    assert order == [("a", [1]), ("b", [2]), ("c", [3])]


@simulated
async def test_the_rest_of_a_taken_arrival_keeps_its_age() -> None:
    """What is left of one put after a batch is as old as before, so it does not wait its whole age again."""
    channel: Channel[int] = Channel()
    channel.put([1, 2, 3])
    assert await channel.take(2, linger=10) == [1, 2]
    assert await channel.take(2, linger=10) == [3]
    assert asyncio.get_running_loop().time() == 10


@simulated
async def test_empty_takes_everything_out_at_once() -> None:
    """What waits can be given back instead of handled."""
    channel: Channel[int] = Channel(lambda item: item)
    channel.put([1, 2])
    assert channel.empty() == [1, 2]
    assert len(channel) == channel.weight == 0


@simulated
async def test_many_takers_are_served_in_the_step_in_which_their_batches_come() -> None:
    """Fifty whole batches are on their way at once, not one for each turn of the loop."""
    channel: Channel[int] = Channel()
    async with asyncio.TaskGroup() as tasks:
        taking = [tasks.create_task(channel.take(2, linger=60)) for _ in range(50)]
        await asyncio.sleep(1)
        channel.put(range(100))
        assert len(channel) == 100  # still nobody's
        await asyncio.sleep(0)
        assert len(channel) == 0
    assert [taken.result() for taken in taking] == [[n, n + 1] for n in range(0, 100, 2)]


@simulated
async def test_a_taker_cancelled_in_the_moment_it_is_served_has_taken_nothing() -> None:
    """What it was given goes back to the front, for whoever comes next."""
    channel: Channel[int] = Channel()
    taking = asyncio.get_running_loop().create_task(channel.take(2, linger=60))
    await asyncio.sleep(1)
    channel.put([1, 2, 3])
    taking.cancel()
    await asyncio.wait([taking])
    assert taking.cancelled()
    assert await channel.take(3) == [1, 2, 3]


@simulated
async def test_emptying_takes_back_what_was_served_in_the_same_step() -> None:
    """At a stop nothing is begun any more, not even what somebody is just being handed."""
    channel: Channel[int] = Channel()
    taking = asyncio.get_running_loop().create_task(channel.take(2, linger=60))
    await asyncio.sleep(1)
    channel.put([1, 2, 3])
    assert channel.empty() == [1, 2, 3]
    channel.close()
    assert await taking == []
    assert len(channel) == 0


@simulated
async def test_what_goes_back_to_the_front_is_weighed_and_waits_anew() -> None:
    """A cancelled taker's batch comes first and in order, counts again, and lingers from the moment it came back."""
    channel: Channel[int] = Channel(lambda item: item)
    taking = asyncio.get_running_loop().create_task(channel.take(2, linger=60))
    await asyncio.sleep(1)
    channel.put([1, 2])
    channel.put([3])
    taking.cancel()
    await asyncio.wait([taking])
    assert (len(channel), channel.weight) == (3, 6)
    began = asyncio.get_running_loop().time()
    assert await channel.take(10, linger=5) == [1, 2, 3]
    assert asyncio.get_running_loop().time() - began == pytest.approx(5)
    assert (len(channel), channel.weight) == (0, 0)
    channel.put([4])
    assert await channel.take(1) == [4]


@simulated
async def test_a_batch_is_bounded_by_count_and_by_weight_to_the_unit() -> None:
    """Whichever comes first; what fits exactly is in it, and one that is too heavy comes alone."""
    channel: Channel[int] = Channel(lambda item: item)
    channel.put([1, 1, 1, 4, 5, 50, 1])
    assert await channel.take(2, weight=100) == [1, 1]
    assert await channel.take(10, weight=10) == [1, 4, 5]
    assert (await channel.take(10, weight=10), channel.weight) == ([50], 1)
    assert await channel.take(10, weight=10) == [1]
    assert channel.weight == 0


@simulated
async def test_what_came_later_is_not_as_old_as_what_was_taken_before_it() -> None:
    """The age of an arrival leaves with the last item of it, though it left in several batches."""
    channel: Channel[int] = Channel()
    channel.put([1, 2, 3])
    await asyncio.sleep(5)
    channel.put([4])
    assert [await channel.take(2), await channel.take(1)] == [[1, 2], [3]]
    assert await channel.take(2, linger=10) == [4]
    assert asyncio.get_running_loop().time() == pytest.approx(15)


@simulated
async def test_who_comes_later_does_not_overtake_who_waits_for_more() -> None:
    """Items that are there go to the first in the row, though the second would take them as they are."""
    channel: Channel[int] = Channel(lambda item: item)
    tasks = asyncio.get_running_loop()
    first = tasks.create_task(channel.take(3, linger=10))
    await asyncio.sleep(1)
    channel.put([1])
    second = tasks.create_task(channel.take(1))
    await asyncio.sleep(1)
    channel.put([2])
    assert channel.weight == 3
    second.cancel()
    await asyncio.wait([second])
    channel.put([3, 4])
    assert await first == [1, 2, 3]
    assert (await channel.take(1), channel.weight) == ([4], 0)


@simulated
async def test_when_one_that_gathers_is_sent_to_other_work_the_next_is_served() -> None:
    """What was too little for the first may be a whole batch for the second."""
    channel: Channel[int] = Channel()
    loop = asyncio.get_running_loop()
    first, second = (loop.create_task(channel.take(limit, linger=60)) for limit in (3, 1))
    await asyncio.sleep(1)
    channel.put([1])
    channel.nudge()
    assert (await first, await second, loop.time()) == ([], [1], 1)


@simulated
@pytest.mark.parametrize("before", [True, False])
async def test_a_nudge_of_one_that_is_cancelled_is_the_next_one_s(before: bool) -> None:  # noqa: FBT001 - pytest's
    """There is other work, and somebody has to look for it, whether the cancellation came before the nudge or after."""
    channel: Channel[int] = Channel()
    loop = asyncio.get_running_loop()
    first, second = (loop.create_task(channel.take(1)) for _ in range(2))
    await asyncio.sleep(1)
    for act in (first.cancel, channel.nudge) if before else (channel.nudge, first.cancel):
        act()
    await asyncio.wait([first, second])
    assert (first.cancelled(), second.result(), loop.time()) == (True, [], 1)


@simulated
async def test_what_was_emptied_is_not_waited_for_any_longer() -> None:
    """The age of what has gone gives nobody a batch; what comes next waits its own time."""
    channel: Channel[int] = Channel()
    taking = asyncio.get_running_loop().create_task(channel.take(10, linger=5))
    await asyncio.sleep(1)
    channel.put([1])
    await asyncio.sleep(1)
    assert channel.empty() == [1]
    await asyncio.sleep(100)
    assert not taking.done()
    channel.put([2])
    assert (await taking, asyncio.get_running_loop().time()) == ([2], 107)
