"""Room: both bounds are hard, and answers that wait for room get it in their order and never for ever."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.model.simloop import simulated
from worker.pipeline.room import Reservation, Room

KIB = 1024
FRAME_BYTES = 2 * KIB


def make_room(*, max_messages: int = 1_000, max_bytes: int = 100 * KIB, frame_bytes: int | None = FRAME_BYTES) -> Room:
    return Room(max_messages=max_messages, max_bytes=max_bytes, largest_message=10 * KIB, frame_bytes=frame_bytes)


def test_a_queue_that_measures_needs_no_room_for_the_largest_messages() -> None:
    """With room for one receive of the largest, many receives of the usual ones may be under way."""
    assert make_room(frame_bytes=None).free(10) == 10
    assert make_room(frame_bytes=None).free(100) == 10
    assert make_room().free(100) == 100 * KIB // FRAME_BYTES


@simulated
async def test_an_answer_that_fits_what_was_granted_is_admitted_at_once() -> None:
    """Asking costs nothing while answers are as large as the ones before."""
    room = make_room()
    reservation = room.reserve(10)
    granted = reservation.granted
    await reservation.admit(granted)
    assert (reservation.granted, room.bytes_taken) == (granted, granted)


@simulated
async def test_a_larger_answer_waits_until_there_is_room_for_it() -> None:
    """What is in hand has to leave first; the bound holds meanwhile."""
    room = make_room()
    room.hold(1, 60 * KIB)
    reservation = room.reserve(10)
    async with asyncio.TaskGroup() as tasks:
        admitted = tasks.create_task(reservation.admit(50 * KIB))
        await asyncio.sleep(1)
        assert not admitted.done()
        assert room.free(10) == 0  # and nobody asks for more while it waits
        room.leave(1, 60 * KIB)
    assert room.bytes_taken == reservation.granted == 50 * KIB


@simulated
async def test_answers_are_admitted_in_the_order_in_which_they_asked() -> None:
    """A small one does not overtake a large one, or the large one might wait for ever."""
    room = make_room()
    room.hold(1, 60 * KIB)
    large, small = room.reserve(10), room.reserve(10)
    order: list[str] = []

    async def ask(name: str, reservation: Reservation, size: int) -> None:
        await reservation.admit(size)
        order.append(name)
        room.cancel(reservation)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(ask("large", large, 80 * KIB))
        await asyncio.sleep(0.1)
        tasks.create_task(ask("small", small, 30 * KIB))
        await asyncio.sleep(0.1)
        assert order == []
        room.leave(1, 60 * KIB)
    assert order == ["large", "small"]
    assert room.messages == 0
    assert room.bytes_taken == 0


@simulated
async def test_receives_wait_for_room_in_order_and_are_served_as_soon_as_there_is_enough() -> None:
    """Room that comes free goes to who waits longest, at once and whole; and nobody else is woken."""
    room = make_room(max_messages=20)
    room.hold(20, 0)
    served: list[int] = []

    async def ask(number: int) -> None:
        reservation = await room.reserve_soon(10, within_seconds=60)
        assert reservation is not None
        served.append(number)

    async with asyncio.TaskGroup() as tasks:
        for number in range(2):
            tasks.create_task(ask(number))
            await asyncio.sleep(0.1)
        room.leave(9, 0)
        await asyncio.sleep(0.1)
        assert served == []
        room.leave(1, 0)
        await asyncio.sleep(0.1)
        assert served == [0]
        room.leave(10, 0)
    assert served == [0, 1]
    assert asyncio.get_running_loop().time() < 1
    assert room.free(10) == 0


@simulated
async def test_after_a_little_patience_a_receive_takes_what_room_there_is() -> None:
    """Less than a full receive is better than none, unless a certain number is owed."""
    room = make_room(max_messages=20)
    room.hold(16, 0)
    assert await room.reserve_soon(10, at_least=5, within_seconds=0.5) is None
    reservation = await room.reserve_soon(10, within_seconds=0.5)
    assert reservation is not None
    assert reservation.messages == 4
    assert asyncio.get_running_loop().time() == 1.0


@simulated
async def test_a_receive_that_is_cancelled_while_it_is_served_gives_the_room_back() -> None:
    """Served and cancelled in the same moment: nothing stays set aside for nobody."""
    room = make_room(max_messages=10)
    room.hold(10, 0)
    waiting = asyncio.get_running_loop().create_task(room.reserve_soon(10, within_seconds=60))
    await asyncio.sleep(0.1)
    room.leave(10, 0)
    waiting.cancel()
    await asyncio.wait([waiting])
    assert waiting.cancelled()
    assert room.free(10) == 10
    late = asyncio.get_running_loop().create_task(room.reserve_soon(10, within_seconds=60))
    await late
    assert room.free(10) == 0


@simulated
async def test_no_more_is_asked_of_room_than_the_receive_can_bring() -> None:
    """Wire bytes may be many times those of the messages: one answer must always fit into an empty room."""
    room = make_room()
    reservation = room.reserve(10)
    await reservation.admit(10_000 * KIB)
    assert reservation.granted == 100 * KIB


@simulated
async def test_who_gives_up_waiting_leaves_nothing_behind() -> None:
    """A receive that is cancelled while its answer waits blocks nobody."""
    room = make_room()
    room.hold(1, 100 * KIB - 2 * FRAME_BYTES)
    first, second = room.reserve(1), room.reserve(1)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1):
            await first.admit(9 * KIB)
    room.cancel(first)
    room.leave(1, 100 * KIB - 2 * FRAME_BYTES)
    await second.admit(9 * KIB)
    room.cancel(second)
    assert room.messages == 0
    assert room.bytes_taken == 0


@simulated
async def test_many_small_grants_that_all_turn_out_too_small_do_not_wait_for_each_other() -> None:
    """Each gives its grant up while it waits, so the first in the row always has the whole room."""
    room = make_room(max_bytes=10 * KIB)
    reservations = [room.reserve(1) for _ in range(room.free(5))]

    async def live(reservation: Reservation) -> None:
        await reservation.admit(10 * KIB)
        await asyncio.sleep(1)
        room.cancel(reservation)

    async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
        for reservation in reservations:
            tasks.create_task(live(reservation))
    assert len(reservations) > 1
    assert room.bytes_taken == 0


@given(answers=st.lists(st.tuples(st.integers(1, 10), st.integers(1, 10 * KIB)), max_size=60))
def test_expectation_follows_the_answers_and_never_passes_the_largest(answers: list[tuple[int, int]]) -> None:
    """After any answers a full receive still fits, and one reservation is never larger than its messages can be."""
    room = make_room()
    for messages, size in answers:
        room.expect(messages, messages * size)
        wanted = room.free(10)
        assert 1 <= wanted <= 10
        reservation = room.reserve(wanted)
        assert reservation.granted <= wanted * 10 * KIB
        assert room.bytes_taken <= room.max_bytes
        room.cancel(reservation)


@simulated
async def test_one_large_answer_is_expected_to_be_followed_by_others() -> None:
    """Even if it could not be taken in: else the next receive would ask for as little, and wait again."""
    room = make_room()
    reservation = room.reserve(10)
    await reservation.admit(50 * KIB)
    room.cancel(reservation)
    assert room.reserve(10).granted >= 50 * KIB


@simulated
async def test_when_one_that_wants_much_goes_away_the_next_that_wants_less_is_served() -> None:
    """Room that is too little for the first of the queue is not kept from the second when the first has gone."""
    room = make_room(max_messages=10)
    room.hold(5, 0)
    loop = asyncio.get_running_loop()
    much = loop.create_task(room.reserve_soon(10, at_least=10, within_seconds=1))
    await asyncio.sleep(0.1)
    little = loop.create_task(room.reserve_soon(3, within_seconds=60))
    assert await much is None
    assert await little is not None
    assert loop.time() == pytest.approx(1)


@simulated
async def test_a_receive_that_is_cancelled_while_it_waits_makes_way_for_the_next() -> None:
    """It ends as cancelled, is out of the queue, and the one behind it that wants less is served at once."""
    room = make_room(max_messages=10)
    room.hold(5, 0)
    loop = asyncio.get_running_loop()
    much = loop.create_task(room.reserve_soon(10, within_seconds=60))
    little = loop.create_task(room.reserve_soon(3, within_seconds=60))
    await asyncio.sleep(1)
    much.cancel()
    await asyncio.wait([much])
    assert much.cancelled()
    assert await little is not None
    assert loop.time() == pytest.approx(1)


@simulated
async def test_an_answer_that_is_here_comes_before_long_polls_that_may_bring_nothing() -> None:
    """It takes the room set aside for them; if theirs comes after all, they ask for it."""
    room = make_room(max_bytes=30 * KIB)
    polls = [room.reserve(1) for _ in range(room.free(20))]
    here = polls[-1]
    async with asyncio.timeout(1):
        await here.admit(10 * KIB)
    assert room.bytes_taken <= room.max_bytes
    revoked = [poll for poll in polls if not poll.granted]
    assert revoked
    await revoked[0].admit(1)
    assert room.bytes_taken <= room.max_bytes
    for poll in polls:
        room.cancel(poll)
    assert room.bytes_taken == 0


@simulated
async def test_an_answer_that_was_let_in_keeps_its_room_until_it_is_here() -> None:
    """Its rest is still in the socket when another one asks: that one waits, and the bound holds."""
    room = make_room(max_bytes=30 * KIB)
    first, second = room.reserve(2), room.reserve(2)
    await first.admit(20 * KIB)
    asking = asyncio.get_running_loop().create_task(second.admit(20 * KIB))
    await asyncio.sleep(1)
    assert (first.granted, asking.done()) == (20 * KIB, False)
    room.hold(2, 20 * KIB)
    room.cancel(first)
    assert room.bytes_taken == 20 * KIB
    room.leave(2, 20 * KIB)
    await asking
    assert room.bytes_taken == second.granted == 20 * KIB


@simulated
async def test_an_answer_that_was_granted_all_that_it_can_bring_keeps_it() -> None:
    """On its way it is larger than what will be held of it: nothing more is set aside, and nothing is taken away."""
    room = make_room(max_bytes=30 * KIB)
    room.expect(1, 10 * KIB)
    first = room.reserve(1)
    for _ in range(100):
        room.expect(1, 1)
    second = room.reserve(1)
    assert (first.granted, second.granted < 5 * KIB) == (10 * KIB, True)
    await first.admit(15 * KIB)
    room.hold(1, 15 * KIB)
    asking = asyncio.get_running_loop().create_task(second.admit(10 * KIB))
    await asyncio.sleep(1)
    assert (first.granted, asking.done()) == (10 * KIB, False)
    room.leave(1, 15 * KIB)
    await asking
    assert room.bytes_taken == 20 * KIB


@simulated
async def test_an_answer_that_fits_to_the_byte_takes_nothing_from_others() -> None:
    """Only as many polls lose their room as must."""
    room = make_room(max_bytes=30 * KIB)
    polls = [room.reserve(1) for _ in range(room.free(20))]
    here = polls.pop()
    gone = 10 * KIB // FRAME_BYTES - 1
    await here.admit(10 * KIB)
    assert [poll.granted for poll in polls] == [0] * gone + [FRAME_BYTES] * (len(polls) - gone)
    assert room.bytes_taken == room.max_bytes


@simulated
async def test_each_that_waits_is_sent_away_in_its_own_time() -> None:
    """They share one timer, which goes on to the next one; what fits just so is given at the end."""
    room = make_room(max_messages=10)
    room.hold(8, 0)
    loop = asyncio.get_running_loop()
    ended: list[tuple[float, bool]] = []

    async def one(seconds: float, at_least: int) -> None:
        reservation = await room.reserve_soon(10, at_least=at_least, within_seconds=seconds)
        ended.append((loop.time(), reservation is not None))
        if reservation is not None:
            assert reservation.messages == 2
            assert reservation.waited_seconds == pytest.approx(seconds)

    async with asyncio.TaskGroup() as tasks:
        for seconds, at_least in ((30, 2), (10, 3), (20, 3)):
            tasks.create_task(one(seconds, at_least))
    assert [given for _, given in ended] == [False, False, True]
    assert [at for at, _ in ended] == pytest.approx([10, 20, 30])


def test_a_receive_never_asks_for_more_than_there_could_be_room_for() -> None:
    """By either bound, and by what it wants; one is always asked for."""
    assert make_room(max_bytes=25 * KIB).most(10) == 2
    assert make_room(max_bytes=5 * KIB).most(10) == 1
    assert make_room().most(3) == 3


def test_both_bounds_are_kept_to_the_unit_where_nobody_waits() -> None:
    """What fits just so is given at once, and one message or one byte more is not."""
    room = make_room(max_messages=10)
    assert room.reserve_now(11) is None
    assert [room.reserve_now(6) is None, room.reserve_now(5) is None, room.reserve_now(4) is None] == [
        False,
        True,
        False,
    ]
    room = make_room(max_bytes=10 * FRAME_BYTES)
    assert room.reserve_now(11) is None
    assert [room.reserve_now(6) is None, room.reserve_now(5) is None, room.reserve_now(4) is None] == [
        False,
        True,
        False,
    ]
    assert room.bytes_taken == room.max_bytes


@simulated
async def test_who_wants_little_does_not_overtake_those_who_wait() -> None:
    """Whether they wait to ask or with an answer in hand."""
    room = make_room(max_messages=10)
    room.hold(5, 0)
    waiting = asyncio.get_running_loop().create_task(room.reserve_soon(10, within_seconds=1))
    await asyncio.sleep(0.1)
    assert room.reserve_now(3) is None
    last = await waiting
    assert last is not None
    room.cancel(last)
    assert room.reserve_now(3) is not None
    room = make_room()
    room.hold(1, 60 * KIB)
    answer = room.reserve(10)
    asking = asyncio.get_running_loop().create_task(answer.admit(50 * KIB))
    await asyncio.sleep(0.1)
    assert room.reserve_now(1) is None
    room.leave(1, 60 * KIB)
    await asking


@simulated
async def test_room_for_one_is_worth_a_receive_and_one_in_hand_is_company() -> None:
    """Unless more is owed; and who must be alone is told of the one that is not known of."""
    room = make_room(max_messages=10)
    room.hold(9, 0)
    one = await room.reserve_soon(10, within_seconds=1)
    assert one is not None
    assert one.messages == 1
    assert [room.alone(one), room.alone(one, beside=8), room.alone(one, beside=9)] == [False, False, True]
    room.leave(8, 0)
    assert not room.alone(one)
    room.leave(1, 0)
    assert room.alone(one)


def test_what_comes_in_and_leaves_is_added_up() -> None:
    """Of several receives, in messages and in bytes."""
    room = make_room()
    room.hold(3, 300)
    room.hold(2, 200)
    room.leave(1, 100)
    assert (room.messages, room.bytes) == (4, 400)


def test_a_little_more_is_set_aside_for_a_message_than_the_largest_lately() -> None:
    """Of a mean of 4 KiB, and not that of all of them for each."""
    room = make_room(frame_bytes=0)
    room.expect(2, 8 * KIB)
    assert room.reserve(1).granted == 5 * KIB


@simulated
async def test_when_all_lose_patience_at_once_what_there_is_goes_to_who_waited_longest() -> None:
    """The first was served whole just before, the second gets what is left, the others nothing."""
    room = make_room(max_messages=20)
    room.hold(20, 0)
    loop = asyncio.get_running_loop()
    waiting = [loop.create_task(room.reserve_soon(10, within_seconds=1)) for _ in range(4)]
    await asyncio.sleep(0.9)
    room.leave(14, 0)
    got = await asyncio.gather(*waiting)
    assert ([one.messages if one else 0 for one in got], loop.time()) == ([10, 4, 0, 0], 1)


@simulated
async def test_an_answer_that_is_cancelled_as_it_is_let_in_gives_its_room_to_the_next() -> None:
    """Served and cancelled in the same moment: the one behind it is let in instead."""
    room = make_room()
    room.hold(1, 60 * KIB)
    first, second = room.reserve(10), room.reserve(10)
    loop = asyncio.get_running_loop()
    asking = [loop.create_task(one.admit(80 * KIB)) for one in (first, second)]
    await asyncio.sleep(1)
    assert room.parked == 2
    room.leave(1, 60 * KIB)
    asking[0].cancel()
    await asyncio.wait(asking)
    assert (asking[0].cancelled(), first.granted, second.granted) == (True, 0, 80 * KIB)
    room.cancel(first)
    room.cancel(second)
    assert (room.parked, room.bytes_taken) == (0, 0)
