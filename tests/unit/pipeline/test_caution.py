"""After a start: what may have ended a process is handled alone, and nothing else is made to wait for long."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from tests.model.simloop import simulated
from tests.unit.pipeline.bench import Bench
from worker import facts
from worker.message import Delivery
from worker.outcome import Released
from worker.pipeline.caution import SUSPECTS, Caution
from worker.pipeline.sizing import BatchSettings
from worker.pipeline.suspects import Suspects

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.message import Message
    from worker.outcome import Outcome

SINGLE = BatchSettings(max_rows=1, max_bytes=100_000, max_wait_seconds=0)


async def received_before(bench: Bench, numbers: Sequence[int], *, group: str | None = None) -> None:
    """Put messages into the queue that somebody has received, and never deleted."""
    await bench.send(numbers, group=group)
    while await bench.queue.receive(10, 0):
        pass
    await asyncio.sleep(bench.spec.lease_seconds + 1)


@simulated
@pytest.mark.parametrize("rows", [1, 20])
async def test_what_was_received_before_is_handled_with_nothing_else_in_hand(rows: int) -> None:
    """One by one: what became of a suspect has reached SQS before the next is even received."""
    bench = Bench(own_code=True, batch=BatchSettings(max_rows=rows, max_bytes=100_000, max_wait_seconds=0.1))
    await received_before(bench, range(12))
    in_flight: list[int] = []

    async def write(records: Sequence[Message]) -> list[None]:
        await asyncio.sleep(0.3)
        in_flight.append((await bench.counts())[1])
        bench.sink.rows += records
        return [None] * len(records)

    bench.sink.write = write  # type: ignore[method-assign] # one that counts
    async with bench.running():
        await asyncio.sleep(20)
    assert in_flight == [1] * 12
    assert {row.receive_count for row in bench.sink.rows} == {2}
    assert len(bench.told(facts.SuspectTried)) == 12


@simulated
async def test_groups_keep_their_order_around_suspects() -> None:
    """FIFO: what is behind a suspect in its group waits for it, and follows it."""
    bench = Bench(fifo=True, own_code=True)
    for group in ("a", "b"):
        await received_before(bench, range(3), group=group)
    await bench.send(range(3, 6), group="a")
    async with bench.running():
        await asyncio.sleep(60)
    for group in ("a", "b"):
        numbers = [row.value["n"] for row in bench.sink.rows if row.group_id == group and isinstance(row.value, dict)]
        assert numbers == list(range(6 if group == "a" else 3))


@simulated
async def test_fresh_messages_are_received_by_tens_from_the_second_receive_on() -> None:
    """A healthy start is not held up: the first receive asks for one message, those after it for what there is room."""
    bench = Bench(own_code=True)
    await bench.send(range(95))
    async with bench.running():
        await asyncio.sleep(2)
        assert len(bench.sink.rows) == 95
        received = bench.told(facts.MessagesReceived)
        assert [getattr(fact, "asked", 0) for fact in received[:3]] == [1, 10, 10]
    assert not bench.told(facts.SuspectTried)


@simulated
async def test_what_a_crash_left_does_not_fall_into_a_receive_of_ten_that_waits() -> None:
    """Its leases end together, and beside a fresh message now and then it comes one by one all the same."""
    bench = Bench(own_code=True)
    await bench.send(range(9))
    await bench.queue.receive(10, 0)
    await asyncio.sleep(bench.spec.lease_seconds - 1)
    in_flight: list[int] = []

    async def write(records: Sequence[Message]) -> list[None]:
        in_flight.append((await bench.counts())[1])
        bench.sink.rows += records
        return [None] * len(records)

    async with bench.running():
        await asyncio.sleep(0.5)
        await bench.send([9])
        await asyncio.sleep(0.4)
        bench.sink.write = write  # type: ignore[method-assign] # one that counts
        await asyncio.sleep(10)
    assert len(bench.sink.rows) == 10
    assert in_flight == [1] * 9


def delivery(number: int, *, receive_count: int = 2) -> Delivery:
    """One receipt."""
    return Delivery(str(number), f"h{number}", "{}", 0.0, 0.0, receive_count, 0.0)


@simulated
async def test_a_crash_beside_this_process_makes_it_careful_again() -> None:
    """The parent's word opens the window anew, and what comes again is suspected however many there are."""
    caution = Caution()
    caution.watch(lambda: 0, lease_seconds=30)
    await asyncio.sleep(100)
    before = caution.active
    caution.alarm()
    assert (before, caution.active) == (False, True)
    for number in range(SUSPECTS + 1):
        caution.take([delivery(number)])
        async with caution.turn(delivery(number), lambda _: None, "p"):
            pass
    assert caution.suspects(delivery(-1))
    await asyncio.sleep(41)
    assert not caution.active


@simulated
async def test_without_a_sign_of_a_crash_so_many_suspects_are_ordinary_retries() -> None:
    """After a rollout of a worker that gave thousands back, the next one is slow for seconds and not for minutes."""
    caution = Caution()
    caution.watch(lambda: 0, lease_seconds=30)
    for number in range(SUSPECTS):
        assert caution.suspects(delivery(number))
        caution.take([delivery(number)])
        async with caution.turn(delivery(number), lambda _: None, "p"):
            pass
    assert not caution.suspects(delivery(-1))


@simulated
async def test_slow_suspects_go_side_by_side_after_a_minute_but_those_at_their_last_receive() -> None:
    """Jobs that a rollout gave back do not wait for each other for long; what one more crash would end still does."""
    caution = Caution()
    caution.watch(lambda: 0, lease_seconds=30)
    for number in range(3):
        assert caution.suspects(delivery(number), last=3)
        caution.take([delivery(number)])
        async with caution.turn(delivery(number), lambda _: None, "p"):
            await asyncio.sleep(20)
    assert caution.active
    assert not caution.suspects(delivery(-1), last=3)
    assert caution.suspects(delivery(-1, receive_count=3), last=3)
    caution.alarm()
    assert caution.suspects(delivery(-1), last=3)


@simulated
async def test_what_a_process_has_lived_through_is_no_suspect() -> None:
    """Nor is a first receipt."""
    caution = Caution()
    caution.watch(lambda: 0, lease_seconds=30)
    assert caution.suspects(delivery(1))
    caution.saw([delivery(1)])
    assert not caution.suspects(delivery(1))
    assert not caution.suspects(delivery(2, receive_count=1))


@simulated
async def test_all_pipelines_of_a_process_are_quiet_while_a_suspect_is_tried() -> None:
    """They would end with it: a suspect of one waits for what another has in hand, but not for ever."""
    caution = Caution()
    in_hand = 3
    caution.watch(lambda: in_hand, lease_seconds=None)
    caution.watch(lambda: 1, lease_seconds=30)
    loop = asyncio.get_running_loop()

    async def finish() -> None:
        nonlocal in_hand
        await asyncio.sleep(2)
        in_hand = 0

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(finish())
        caution.take([delivery(1)])
        held = caution.occupied
        async with caution.turn(delivery(1), lambda _: None, "p"):
            assert loop.time() == pytest.approx(2, abs=0.1)
    assert (held, caution.occupied) == (True, False)
    in_hand = 1
    caution.take([delivery(2)])
    async with caution.turn(delivery(2), lambda _: None, "p"):
        assert loop.time() == pytest.approx(62, abs=0.2)


@simulated
async def test_suspects_that_wait_for_a_handler_keep_no_other_waiting() -> None:
    """One receive may bring more of them than there are handlers: what waits in the buffer is not begun."""
    caution = Caution()
    caution.watch(lambda: 3, lease_seconds=30)
    caution.received([delivery(1), delivery(2), delivery(3)])
    caution.take([delivery(1)])
    began = asyncio.get_running_loop().time()
    async with caution.turn(delivery(1), lambda _: None, "p"):
        assert asyncio.get_running_loop().time() == began


@simulated
async def test_suspects_keep_no_handler_that_others_need() -> None:
    """What stands behind one is handled first, by the same handler; cancelled, those not begun are given back."""
    caution = Caution()
    in_hand = 2  # the suspect, and what stands behind it
    caution.watch(lambda: in_hand, lease_seconds=30)
    suspects = Suspects(caution, last_receive=None, ordered=False, emit=lambda _: None, pipeline="p")
    handled: list[Delivery] = []
    decided: list[tuple[Delivery, Outcome]] = []

    async def handle(deliveries: list[Delivery]) -> None:
        handled.extend(deliveries)

    loop = asyncio.get_running_loop()
    running = loop.create_task(suspects.run(handle=handle, decide=decided.extend))
    began, first, second = loop.time(), delivery(1), delivery(2)
    await suspects.handle([first], handle=handle, decide=decided.extend)
    assert (loop.time(), handled, caution.occupied) == (began, [], True)
    in_hand = 1
    await asyncio.sleep(1)
    assert (handled, caution.occupied) == ([first], False)
    in_hand = 3
    await suspects.handle([second, delivery(3, receive_count=3)], handle=handle, decide=decided.extend)
    await asyncio.sleep(1)
    running.cancel()
    await asyncio.wait([running])
    assert handled == [first]
    assert [(one.message_id, type(outcome)) for one, outcome in decided] == [("2", Released), ("3", Released)]
    assert not caution.occupied


@simulated
async def test_what_is_behind_a_suspect_in_its_group_does_not_keep_it_waiting() -> None:
    """FIFO: a receive brings it with fresh messages that can only begin after it."""
    bench = Bench(fifo=True, own_code=True, batch=SINGLE)
    await received_before(bench, [0], group="a")
    await bench.send(range(1, 9), group="a")
    received = bench.queue.receive

    async def by_tens(_: int, *arguments: Any, **others: Any) -> list[Delivery]:  # as after a fresh message
        return await received(10, *arguments, **others)

    bench.queue.receive = by_tens  # type: ignore[method-assign, assignment] # brings a suspect and others behind it
    async with bench.running():
        await asyncio.sleep(5)
        assert bench.sink.ids() == list(range(9))
    assert len(bench.told(facts.SuspectTried)) == 1
