"""The settler alone: what it asks of SQS, how often, and what becomes of a delivery whatever SQS answers."""

from __future__ import annotations

import asyncio
import random
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from unittest.mock import patch

import pytest

from tests.model.simloop import simulated
from worker import facts
from worker.loopback.in_memory import MemoryQueue
from worker.loopback.service import LoopbackSqs
from worker.message import Delivery
from worker.outcome import DONE, Done, Rejected, Released, Retried
from worker.pipeline import life
from worker.pipeline.backoff import lease_left
from worker.pipeline.buffer import Arrivals
from worker.pipeline.deadletter import DeadLetters
from worker.pipeline.ledger import Ledger
from worker.pipeline.room import Room
from worker.pipeline.settle import Settler, SettleSettings
from worker.pipeline.sizing import BatchSettings, Sizing
from worker.sqs.queue import OK, UNKNOWN, EntryFailed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from worker.facts import Fact
    from worker.outcome import Outcome, OutcomeName
    from worker.sqs.queue import EntryResult


def receipt(message_id: str, *, leased_at: float = 0.0) -> Delivery:
    """The fourth of its message."""
    return Delivery(
        message_id=message_id,
        receipt_handle="h",
        body="x",
        sent_at=0.0,
        received_at=0.0,
        receive_count=4,
        leased_at=leased_at,
    )


class Scripted(MemoryQueue):
    """Answers as it is told, by message id; keeps what it was asked."""

    def __init__(self) -> None:
        sqs = LoopbackSqs(rng=random.Random(1), clock=asyncio.get_running_loop().time)
        sqs.create_queue("source", {})
        super().__init__(sqs, "source")
        self.answers: dict[str, EntryResult] = {}
        self.silent = False
        self.deletes: list[list[str]] = []
        self.changes: list[dict[str, int]] = []

    async def delete(self, deliveries: Sequence[Delivery]) -> list[EntryResult]:
        """By id."""
        self.deletes.append([one.message_id for one in deliveries])
        return [self.answers.get(one.message_id, OK) for one in deliveries]

    async def change_visibility(self, deliveries: Sequence[Delivery], seconds: Sequence[int]) -> list[EntryResult]:
        """By id; or never."""
        ids = [one.message_id for one in deliveries]
        self.changes.append(dict(zip(ids, seconds, strict=True)))
        if self.silent:
            await asyncio.Event().wait()
        return [self.answers.get(message_id, OK) for message_id in ids]


class Letters(DeadLetters):
    """A dead-letter queue that takes what it is told to."""

    def __init__(self, *, taken: set[str], never: set[str]) -> None:
        super().__init__(Scripted(), source="source", worker="w", fifo=False, emit=lambda _: None, pipeline="test")
        self._taken = taken
        self._never = never

    async def send(self, rejected: Sequence[tuple[Delivery, Rejected]]) -> set[str]:
        """Takes some; some it will never take."""
        ids = {delivery.message_id for delivery, _ in rejected}
        self.lasting = ids & self._never
        return ids & self._taken


class Keeping(Arrivals):
    """Keeps what it is told to in hand, and what it was offered."""

    def __init__(self, kept: set[str]) -> None:
        super().__init__(Sizing(BatchSettings(max_rows=10, max_bytes=1_000, max_wait_seconds=0.1)))
        self._kept = kept
        self.offered: list[tuple[str, Retried | Rejected]] = []
        self.unresolved: list[str] = []

    def keep(self, delivery: Delivery, retried: Retried) -> bool:
        """To be tried again here."""
        self.offered.append((delivery.message_id, retried))
        return delivery.message_id in self._kept

    def await_turn(self, delivery: Delivery, rejected: Rejected) -> bool:
        """To be given back when its turn comes."""
        self.offered.append((delivery.message_id, rejected))
        return delivery.message_id in self._kept

    def departed(
        self, deliveries: Sequence[Delivery], outcome: OutcomeName, unresolved: Sequence[Delivery]
    ) -> list[tuple[Delivery, Outcome]]:
        """Nothing is held back by what left."""
        self.unresolved += [one.message_id for one in unresolved]
        return super().departed(deliveries, outcome, unresolved)


class Settling:
    """A settler, a ledger and a queue that answers as it is told."""

    def __init__(
        self,
        *,
        lease_seconds: int = 30,
        letters: DeadLetters | None = None,
        kept: Sequence[str] = (),
        alone_seconds: int | None = None,
    ) -> None:
        self.facts: list[Fact] = []
        room = Room(max_messages=100, max_bytes=100_000, largest_message=100, frame_bytes=None)
        self.ledger = Ledger(room=room, lease_seconds=lease_seconds, emit=self.facts.append, pipeline="test")
        self.queue = Scripted()
        self.buffer = Keeping(set(kept))
        self.settler = Settler(
            self.queue,
            settings=SettleSettings(
                deletes=1,
                changes=1,
                linger_seconds=0.05,
                retry_base_seconds=2,
                retry_max_seconds=60,
                alone_seconds=alone_seconds,
            ),
            ledger=self.ledger,
            dead_letters=letters,
            buffer=self.buffer,
            random=random.Random(3),
            emit=self.facts.append,
            pipeline="test",
        )

    def enter(self, message_id: str, *, leased_at: float = 0.0) -> Delivery:
        """One delivery in flight, and with a handler."""
        delivery = receipt(message_id, leased_at=leased_at)
        self.ledger.enter([delivery])
        self.ledger.begin([delivery])
        return delivery

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Settler]:
        """Runs dry at the end of the block: nothing is pending, and every call of SQS was counted."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.settler.run())
            yield self.settler
            self.settler.close()
        assert self.settler.pending == 0

    def left(self) -> dict[str, int]:
        """How many left in which way."""
        return {name: count for name, count in self.ledger.left.items() if count}

    def rejected(self) -> list[tuple[str, bool]]:
        """What was told as rejected, and whether the dead-letter queue has it."""
        told = [fact for fact in self.facts if isinstance(fact, facts.MessageRejected)]
        return [(fact.message_id, fact.dead_lettered) for fact in told]

    def failed(self) -> list[tuple[str, str, int, bool]]:
        """What did not go through: operation, code, count, and whether it was given up."""
        told = [fact for fact in self.facts if isinstance(fact, facts.SettleFailed) and fact.pipeline == "test"]
        return [(fact.operation, fact.code, fact.count, fact.final) for fact in told]


@simulated
async def test_a_delete_that_sqs_never_confirms_is_given_up_with_its_lease_and_remembered() -> None:
    """It may have been done: if the message comes again, it is deleted and not written."""
    here = Settling()
    here.queue.answers["a"] = UNKNOWN
    async with here.running() as settler:
        settler.settle([(here.enter("a"), DONE), (here.enter("b"), DONE)])
    assert here.left() == {"deleted": 1, "expired": 1}
    assert here.failed() == [("delete", "LeaseOver", 1, True)]
    assert here.queue.deletes[:2] == [["a", "b"], ["a"]]
    assert settler.calls == len(here.queue.deletes) > 2
    again = receipt("a", leased_at=9)
    assert here.ledger.enter([again]).written == [again]


@simulated
async def test_a_visibility_that_sqs_refuses_is_given_up_and_told() -> None:
    """The lease runs out by itself; the one beside it has its pause."""
    here = Settling()
    here.queue.answers["a"] = EntryFailed("InvalidParameterValue", retry=False)
    async with here.running() as settler:
        settler.settle([(here.enter("a"), Retried("busy", after=5)), (here.enter("b"), Retried("busy", after=7))])
    assert here.queue.changes == [{"a": 5, "b": 7}]
    assert (here.left(), settler.calls) == ({"retried": 1, "expired": 1}, 1)
    assert here.failed() == [("change", "InvalidParameterValue", 1, True)]
    assert here.facts[0] == facts.MessageRetried("test", "a", "busy", "", 4, 5)


@simulated
async def test_a_visibility_call_without_an_answer_is_given_up_when_the_lease_ends() -> None:
    """What it would do later would be done to somebody else's message; and nothing is asked any more."""
    here = Settling()
    here.queue.silent = True
    async with here.running() as settler:
        settler.settle([(here.enter("a"), Released())])
        await asyncio.sleep(29)
        assert here.failed() == []
        await asyncio.sleep(7)
        assert here.left() == {"expired": 1}
    assert here.queue.changes == [{"a": 0}]
    assert here.failed() == [("change", "LeaseOver", 1, False), ("change", "LeaseOver", 1, True)]
    assert settler.calls == 1


@simulated
@pytest.mark.parametrize(("pause", "outcome"), [(0, "expired"), (20, "retried")])
async def test_a_giving_back_of_which_nobody_knows_is_asked_again_only_within_its_pause(
    pause: int, outcome: str
) -> None:
    """SQS may have done it: from the end of the pause on the message can be another worker's."""
    here = Settling()
    here.queue.answers["a"] = UNKNOWN
    async with here.running() as settler:
        settler.settle([(here.enter("a"), Retried("busy", after=pause))])
        await asyncio.sleep(0.2)
        del here.queue.answers["a"]
        await asyncio.sleep(20)
    assert (len(here.queue.changes) > 1) == (pause > 0)
    assert here.left() == {outcome: 1}


@simulated
async def test_what_comes_again_while_a_renewal_is_awaited_is_given_back_without_asking() -> None:
    """Its message is visible, since we have received it; its handle is void, and only its own."""
    here = Settling()
    older, other = here.enter("a"), here.enter("b")
    answered = asyncio.get_running_loop().create_future()
    here.ledger.renewing([older], answered)
    async with here.running() as settler:
        settler.settle([(older, Released()), (other, Released())])
        await asyncio.sleep(1)
        newer = here.enter("a", leased_at=1.0)
        answered.set_result(None)
        await asyncio.sleep(1)
        settler.settle([(newer, DONE)])
    assert here.queue.changes == [{"b": 0}]
    assert here.left() == {"deleted": 1, "released": 2}


@simulated
async def test_what_comes_again_before_its_giving_back_was_asked_for_has_expired() -> None:
    """Its lease was over already, so nobody gave it back; the newer receipt goes its own way."""
    here = Settling()
    async with here.running() as settler:
        settler.settle([(here.enter("a"), Released())])
        newer = here.enter("a", leased_at=0.01)
        settler.settle([(newer, DONE)])
    assert (here.queue.changes, here.queue.deletes) == ([], [["a"]])
    assert here.left() == {"expired": 1, "deleted": 1}


@simulated
async def test_what_nobody_had_begun_is_not_deleted_whatever_is_said_of_it() -> None:
    """Neither is what was settled before: each is told, and what can go back does."""
    here = Settling()
    unbegun, twice = receipt("a"), here.enter("b")
    here.ledger.enter([unbegun])
    with patch.object(life, "strict", new=False):
        async with here.running() as settler:
            settler.settle([(unbegun, DONE), (twice, Released())])
            settler.settle([(twice, DONE), (twice, WHY), (twice, Released())])
    assert here.queue.deletes == []
    assert here.left() == {"released": 2}
    told = [fact for fact in here.facts if isinstance(fact, facts.TransitionRefused)]
    assert [(fact.message_id, fact.transition, fact.state) for fact in told] == [
        ("a", "accept", "held"),
        ("b", "accept", "returning"),
        ("b", "reject", "returning"),
        ("b", "give back", "returning"),
    ]


@simulated
async def test_outcomes_wait_a_little_for_others_to_fill_a_call() -> None:
    """Deletes and visibilities each; every way of saying done is one."""
    here = Settling()
    async with here.running() as settler:
        for number in range(3):
            settler.settle([(here.enter(f"d{number}"), Done() if number else DONE)])
            settler.settle([(here.enter(f"r{number}"), Released())])
            assert settler.pending == 2 * number + 2
            await asyncio.sleep(0.01)
    assert here.queue.deletes == [["d0", "d1", "d2"]]
    assert [list(asked) for asked in here.queue.changes] == [["r0", "r1", "r2"]]
    assert settler.calls == 2


@simulated
async def test_a_pause_ends_inside_the_twelve_hours_from_the_receipt() -> None:
    """SQS refuses a longer one."""
    here = Settling(lease_seconds=43_000)
    delivery = here.enter("a", leased_at=100)
    async with here.running() as settler:
        await asyncio.sleep(20_000)
        settler.settle([(delivery, Retried("busy", after=43_000))])
    assert here.queue.changes == [{"a": lease_left(held_seconds=19_900)}]


@simulated
async def test_a_rejected_one_without_a_dead_letter_queue_is_left_to_the_redrive_policy() -> None:
    """With a pause, and told as rejected; one whose lease is over is nobody's business here any more."""
    here = Settling()
    kept, lost = here.enter("a"), here.enter("b")
    here.ledger.lose(lost)
    async with here.running() as settler:
        settler.settle([(kept, Rejected("decode", "why")), (lost, Rejected("decode", "why"))])
    assert [list(asked) for asked in here.queue.changes] == [["a"]]
    assert (here.queue.deletes, settler.calls) == ([], 2)
    assert here.left() == {"rejected": 1, "expired": 1}
    assert here.failed() == [("dead-letter", "LeaseOver", 1, True)]
    assert [fact for fact in here.facts if isinstance(fact, facts.MessageRejected)] == [
        facts.MessageRejected("test", "a", "decode", "why", 4, dead_lettered=False)
    ]


WHY = Rejected("decode", "no number")


@simulated
async def test_a_rejected_one_leaves_when_the_dead_letter_queue_has_it_and_else_is_tried_again() -> None:
    """Kept in hand where that is possible, given back with a pause where it is not."""
    here = Settling(letters=Letters(taken={"a"}, never=set()), kept=["b"])
    async with here.running() as settler:
        settler.settle([(here.enter(message_id), WHY) for message_id in "abc"])
        await asyncio.sleep(1)
        assert settler.pending == 0
        settler.settle([(here.enter("d"), WHY)])
    assert here.queue.deletes == [["a"]]
    assert [list(asked) for asked in here.queue.changes] == [["c"], ["d"]]
    assert here.rejected() == [("a", True)]
    refused = Retried("dead-letter-refused", detail="decode")
    assert here.buffer.offered == [(message_id, refused) for message_id in "bcd"]
    assert [fact.reason for fact in here.facts if isinstance(fact, facts.MessageRetried)] == [refused.reason] * 2
    assert [one.message_id for one in here.ledger.deliveries()] == ["b"]
    assert (here.left(), here.buffer.unresolved) == ({"rejected": 1, "retried": 2}, ["c", "d"])
    assert settler.calls == 5


@simulated
async def test_without_a_dead_letter_queue_a_rejected_one_is_kept_for_its_own_reason() -> None:
    """The words of whoever rejected it, for the line that tells of it."""
    here = Settling(kept=["a"])
    async with here.running() as settler:
        settler.settle([(here.enter("a"), WHY)])
    assert here.buffer.offered == [("a", Retried("decode", detail="no number"))]
    assert (here.queue.changes, here.left()) == ([], {})


@simulated
async def test_what_only_the_redrive_policy_can_move_waits_for_its_turn_or_goes_back_alone() -> None:
    """With groups, and where the dead-letter queue never takes it; one that it may take later is tried again."""
    here = Settling(letters=Letters(taken=set(), never={"a", "b"}), kept=["a"], alone_seconds=3)
    async with here.running() as settler:
        settler.settle([(here.enter(message_id), WHY) for message_id in "abc"])
    refused = Retried("dead-letter-refused", detail="decode")
    assert here.buffer.offered == [("a", WHY), ("b", WHY), ("c", refused)]
    assert here.queue.changes[0]["b"] == 3
    assert here.rejected() == [("b", False)]
    assert here.left() == {"rejected": 1, "retried": 1}


@pytest.mark.parametrize("late", [True, False])
def test_what_is_deleted_after_its_lease_is_remembered(*, late: bool) -> None:
    """SQS says yes to the delete of an expired handle and may not have done it; in time, yes means yes."""

    @simulated
    async def play() -> None:
        here = Settling()
        delivery = here.enter("a")
        async with here.running() as settler:
            await asyncio.sleep(30 if late else 29)
            settler.settle([(delivery, DONE)])
        again = receipt("a", leased_at=40)
        assert here.left() == {"deleted": 1}
        assert bool(here.ledger.enter([again]).written) is late

    play()


@simulated
async def test_each_loop_has_a_name_that_says_which_it_is() -> None:
    """As the line does that tells of the end of one."""
    here = Settling()
    async with here.running():
        await asyncio.sleep(1)
        names = {task.get_name() for task in asyncio.all_tasks()}
    assert names >= {"reject-test", "delete-test-0", "change-test-0"}
