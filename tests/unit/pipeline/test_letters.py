"""Dead letters that arrive: whatever their queue takes, and as their sender sent them when they are put back."""

from __future__ import annotations

import asyncio
import json
import random
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.model.simloop import simulated
from tests.unit.pipeline.bench import Bench
from worker import facts
from worker.errors import QueueRefused
from worker.loopback.in_memory import MemoryQueue
from worker.loopback.service import LoopbackSqs
from worker.message import Attribute, Delivery, Outgoing
from worker.outcome import Rejected, Retried
from worker.pipeline.deadletter import CONTEXT, LOOK_SECONDS, TOO_LARGE, DeadLetters
from worker.pipeline.letter import Draft, past_of, restored
from worker.sqs.queue import EntryFailed, EntryResult
from worker.sqs.quotas import MESSAGE_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from worker.facts import Fact
    from worker.message import Message

USUAL_BYTES = 262_144
"""The limit of a queue that was made before Amazon raised it."""


def made(number: int, body: str, *, group: str | None = None, **attributes: Attribute) -> Delivery:
    """A delivery as a receive would bring it."""
    return Delivery(
        f"m-{number}", "h", body, 1.0, 2.0, 1, asyncio.get_running_loop().time(), group, attributes=attributes
    )


class Dead(MemoryQueue):
    """A dead-letter queue that keeps count, and may refuse a batch as a whole."""

    def __init__(self, *, largest: int = MESSAGE_BYTES, fifo: bool = False) -> None:
        self.sqs = LoopbackSqs(rng=random.Random(0))
        name = "dead.fifo" if fifo else "dead"
        self.sqs.create_queue(name, {"FifoQueue": "true"} if fifo else {})
        super().__init__(self.sqs, name)
        self.sends: list[int] = []
        self.looks = 0
        self.refuse: Callable[[Sequence[Outgoing]], QueueRefused | None] = lambda _: None
        self.take(largest)

    def take(self, largest: int) -> None:
        """From now on nothing larger."""
        self.sqs.set_queue_attributes(self.name, {"MaximumMessageSize": str(largest)})

    async def send(self, messages: Sequence[Outgoing]) -> list[EntryResult]:
        """As SQS, or refused."""
        self.sends.append(len(messages))
        if refusal := self.refuse(messages):
            raise refusal
        return await super().send(messages)

    async def attributes(self) -> Any:
        """As SQS."""
        self.looks += 1
        return await super().attributes()

    async def letters(self) -> list[Delivery]:
        """What has arrived."""
        found: list[Delivery] = []
        while got := await self.receive(10, 0):
            found += got
        return found


class Sent:
    """Letters on their way to a queue, and what was told of them."""

    def __init__(self, dead: Dead, *, known: int | None = None) -> None:
        self.facts: list[Fact] = []
        largest = MESSAGE_BYTES if known is None else known
        self.letters = DeadLetters(
            dead,
            source="orders",
            worker="w",
            fifo=dead.name.endswith(".fifo"),
            emit=self.facts.append,
            pipeline="p",
            largest=largest,
        )

    async def send(self, *deliveries: Delivery, detail: str = "why") -> set[str]:
        """Reject all of them."""
        return await self.letters.send([(one, Rejected("decode", detail)) for one in deliveries])

    def refused(self) -> list[facts.DeadLetterRefused]:
        """What an operator is told."""
        return [fact for fact in self.facts if isinstance(fact, facts.DeadLetterRefused)]


def context_of(letter: Delivery) -> dict[str, Any]:
    """What a letter says of its rejection."""
    return json.loads(letter.attributes[CONTEXT].value) if CONTEXT in letter.attributes else {}


# ── what the dead-letter queue takes ────────────────────────────────────────────────────────────────────────────────


@simulated
async def test_the_queues_own_limit_decides_how_much_a_letter_says() -> None:
    """Room for everything, for the short context, for none: the body arrives whole each time."""
    dead = Dead(largest=USUAL_BYTES)
    sent = Sent(dead, known=USUAL_BYTES)
    bodies = ["x" * (USUAL_BYTES - room) for room in (2_000, 250, 0)]
    accepted = await sent.send(*(made(n, body) for n, body in enumerate(bodies)), detail="d" * 400)
    assert accepted == {"m-0", "m-1", "m-2"}
    arrived = {letter.body: context_of(letter) for letter in await dead.letters()}
    assert set(arrived) == set(bodies)
    full, short, bare = (arrived[body] for body in bodies)
    assert (full["reason"], full["detail"]) == ("decode", "d" * 400)
    assert short == {"reason": "decode", "attempts": 1, "rejections": 1, "message_id": "m-1", "source": "orders"}
    assert bare == {}
    assert sent.facts == []


@simulated
async def test_a_limit_that_was_lowered_is_read_again_when_a_letter_is_refused() -> None:
    """The first refusal is enough: the same letters go out again with fewer words, in the same call of `send`."""
    dead = Dead(largest=USUAL_BYTES)
    sent = Sent(dead, known=MESSAGE_BYTES)
    assert await sent.send(made(1, "x" * USUAL_BYTES), made(2, "small")) == {"m-1", "m-2"}
    assert sent.letters._largest == USUAL_BYTES
    assert {len(letter.body): bool(context_of(letter)) for letter in await dead.letters()} == {
        USUAL_BYTES: False,
        5: True,
    }


@simulated
async def test_a_limit_that_was_raised_is_noticed_within_a_minute() -> None:
    """Letters are not cut for ever because their queue once was small; it is not asked for each letter either."""
    dead = Dead(largest=1_024)
    sent = Sent(dead, known=1_024)
    body = "x" * 1_000
    for number in range(5):
        await sent.send(made(number, body))
    assert dead.looks == 1
    dead.take(USUAL_BYTES)
    await asyncio.sleep(LOOK_SECONDS)
    await sent.send(made(9, body))
    found = {context_of(letter).get("message_id") for letter in await dead.letters()}
    assert found == {None, "m-9"}


@simulated
async def test_what_is_too_large_even_alone_is_kept_and_told_with_both_sizes() -> None:
    """It is not accepted, so it is not deleted; the others arrive; an operator reads what to set to what."""
    dead = Dead(largest=1_024)
    sent = Sent(dead, known=1_024)
    assert await sent.send(made(1, "x" * 1_025), made(2, "small")) == {"m-2"}
    (told,) = sent.refused()
    assert (told.code, told.dead_letter_queue, told.level) == (TOO_LARGE, "dead", "error")
    assert "1025" in told.detail
    assert "1024" in told.detail
    assert "MaximumMessageSize to 1025" in told.fix
    dead.take(2_048)  # which is seen at its next try
    assert await sent.send(made(1, "x" * 1_025)) == {"m-1"}


@simulated
async def test_a_batch_is_no_larger_than_the_largest_message() -> None:
    """Ten letters of 100 KB go to a queue of 256 KiB two at a time."""
    dead = Dead(largest=USUAL_BYTES)
    sent = Sent(dead, known=USUAL_BYTES)
    assert len(await sent.send(*(made(n, "x" * 100_000) for n in range(10)))) == 10
    assert dead.sends == [2, 2, 2, 2, 2]


@simulated
@pytest.mark.parametrize("code", ["BatchRequestTooLong", "InvalidParameterValue", "MissingParameter"])
async def test_a_batch_that_is_refused_as_a_whole_is_asked_one_by_one(code: str) -> None:
    """A FIFO queue refuses a whole batch for one bad entry: the other nine arrive, and the bad one alone is told."""
    dead = Dead(fifo=True)
    dead.refuse = lambda messages: (
        QueueRefused("send", code, "SQS's own words") if any(m.body == "bad" for m in messages) else None
    )
    sent = Sent(dead)
    accepted = await sent.send(*(made(n, "bad" if n == 4 else f"{n}", group=f"g{n}") for n in range(10)))
    assert accepted == {f"m-{n}" for n in range(10)} - {"m-4"}
    (told,) = sent.refused()
    assert (told.code, told.detail) == (code, "SQS's own words")


@simulated
@pytest.mark.parametrize(
    ("code", "fix"),
    [("AccessDenied", "sqs:SendMessage"), ("KmsAccessDenied", "kms:GenerateDataKey"), ("QueueDoesNotExist", "create")],
)
async def test_a_refusal_that_is_about_the_queue_costs_one_call_and_says_what_to_do(code: str, fix: str) -> None:
    """Ten letters do not ask eleven times for what one person must mend; SQS's words are in the fact."""
    dead = Dead()
    dead.refuse = lambda _: QueueRefused("send", code, "SQS's own words")
    sent = Sent(dead)
    assert await sent.send(*(made(n, "x") for n in range(10))) == set()
    assert dead.sends == [10]
    assert {(told.code, told.detail) for told in sent.refused()} == {(code, "SQS's own words")}
    assert all(fix in told.fix for told in sent.refused())


@simulated
async def test_an_entry_that_is_refused_for_our_words_is_sent_without_them() -> None:
    """Whatever SQS has against the context, the message arrives."""
    dead = Dead()
    send = MemoryQueue.send

    async def picky(messages: Sequence[Outgoing]) -> list[EntryResult]:
        answers = await send(dead, [m for m in messages if CONTEXT not in m.attributes] or [Outgoing("none")])
        taken = iter(answers)
        refused = EntryFailed("InvalidParameterValue", retry=False, detail="no such attribute here")
        return [refused if CONTEXT in m.attributes else next(taken) for m in messages]

    dead.send = picky  # type: ignore[method-assign] # SQS with a taste of its own
    sent = Sent(dead)
    assert await sent.send(made(1, "body", mine=Attribute("String", "kept"))) == {"m-1"}
    assert sent.refused() == []


# ── a FIFO group behind a letter that cannot arrive ─────────────────────────────────────────────────────────────────


@simulated
async def test_a_group_is_not_held_for_ever_by_what_the_dead_letter_queue_refuses_us() -> None:
    """The redrive policy takes it after its receives (no limit of size is documented for that); the others are done."""
    bench = Bench(fifo=True, max_receives=3).with_dead_letters()
    bench.sqs.set_queue_attributes("dead.fifo", {"MaximumMessageSize": "1024"})
    await bench.send_body("no json " + "x" * 2_000, group="g")
    await bench.send([1, 2, 3], group="g")
    async with asyncio.timeout(3_600):
        await bench.drain()
    assert bench.sink.ids() == [1, 2, 3]
    assert [body[:7] for body in await bench.dead_bodies()] == ["no json"]
    assert bench.told(facts.DeadLetterRefused)


# ── without a redrive policy ───────────────────────────────────────────────────────────────────────────────────────


@simulated
async def test_without_a_redrive_policy_what_keeps_failing_is_dead_lettered_after_so_many_receives() -> None:
    """Three tries, then a letter with the reason of the last; what only waited beside it is done and spends nothing."""
    bench = Bench().with_dead_letters()
    tries: list[int] = []

    def answer(records: Sequence[Message]) -> list[Retried | None]:
        tries.extend(record.receive_count for record in records if record.body == '{"n":3}')
        return [Retried("KeyError", detail="no id") if record.body == '{"n":3}' else None for record in records]

    bench.sink.answer = answer
    bench.spec = replace(bench.spec, max_receives=3)
    await bench.send(range(6))
    await bench.drain()
    assert tries == [1, 2, 3]
    assert bench.sink.ids() == [0, 1, 2, 4, 5]
    (letter,) = await bench.dead.receive(10, 0)
    context = context_of(letter)
    assert (context["reason"], context["detail"]) == ("KeyError", "tried 3 times; the last time: no id")


@simulated
async def test_tries_in_hand_of_a_fifo_queue_are_counted_too() -> None:
    """The first of a group always fails: three tries, one receive, one letter, and the others are done in order."""
    bench = Bench(fifo=True, max_receives=None).with_dead_letters()
    tries: list[str] = []

    def answer(records: Sequence[Message]) -> list[Retried | None]:
        tries.extend(record.body for record in records)
        return [Retried("KeyError") if record.body == '{"n":0}' else None for record in records]

    bench.sink.answer = answer
    bench.spec = replace(bench.spec, max_receives=3)
    await bench.send(range(4), group="g")
    async with asyncio.timeout(3_600):
        await bench.drain()
    assert tries.count('{"n":0}') == 3
    assert bench.sink.ids() == [1, 2, 3]
    assert await bench.dead_bodies() == ['{"n":0}']


# ── put back ────────────────────────────────────────────────────────────────────────────────────────────────────────


@simulated
async def test_a_dead_letter_that_is_put_back_is_the_message_that_was_sent() -> None:
    """Ten attributes, one of them displaced by the context: after a move the sink sees the ten and nothing of ours."""
    bench = Bench(max_receives=1_000).with_dead_letters()
    attributes = {f"a{n}": Attribute("String", f"{n}") for n in range(9)} | {"raw": Attribute("Binary.png", b"\0\xff")}
    await MemoryQueue(bench.sqs, "source").send([Outgoing('{"n":1}', attributes=attributes)])
    bench.sink.answer = lambda records: [Rejected("bad") for _ in records]
    await bench.drain()
    await moved_back(bench)
    bench.sink.answer = None
    await bench.drain()
    (row,) = bench.sink.rows
    assert row.attributes == attributes


@simulated
async def test_a_second_rejection_is_counted_and_the_first_is_kept() -> None:
    """Rejected, put back, rejected again for something else: the letter tells both, and the first id."""
    bench = Bench(max_receives=1_000).with_dead_letters()
    await bench.send([1])
    for reason in ("first", "second", "third"):
        bench.sink.answer = lambda records, reason=reason: [Rejected(reason) for _ in records]
        await bench.drain()
        if reason != "third":
            await moved_back(bench)
    (letter,) = await bench.dead.receive(10, 0)
    context = context_of(letter)
    assert (context["reason"], context["rejections"]) == ("third", 3)
    assert context["first"]["reason"] == "first"
    assert context["first"]["message_id"] != context["message_id"]
    assert set(letter.attributes) == {CONTEXT}


@simulated
async def test_who_reads_a_dead_letter_queue_sees_why() -> None:
    """The context is taken off where the message was rejected, and nowhere else."""
    bench = Bench().with_dead_letters()
    await bench.send([1])
    bench.sink.answer = lambda records: [Rejected("bad") for _ in records]
    await bench.drain()
    (letter,) = await bench.dead.receive(10, 0)
    assert restored(letter.attributes, "dead") is letter.attributes
    assert restored(letter.attributes, "source") == {}


async def moved_back(bench: Bench) -> None:
    """What AWS's move task does: a new message with the same body and attributes."""
    letters = await bench.dead.receive(10, 0)
    await MemoryQueue(bench.sqs, bench.source).send([Outgoing(one.body, one.attributes) for one in letters])
    await bench.dead.delete(letters)


OURS: dict[str, Any] = {"reason": "r", "message_id": "m", "source": "orders", "attempts": 1, "rejections": 1}


@pytest.mark.parametrize(
    "value",
    [
        "no json",
        "[]",
        "[" * 100_000,
        '{"reason":"forged","attempts":999}',
        json.dumps(OURS | {"attempts": "1"}),
        json.dumps(OURS | {"attempts": True}),
        json.dumps(OURS | {"rejections": 0}),
        json.dumps(OURS | {"source": None}),
        json.dumps(OURS | {"displaced_attributes": []}),
        json.dumps(OURS | {"displaced_attributes": {"a": ["Object", "x"]}}),
        json.dumps(OURS | {"displaced_attributes": {"a": ["String", 1]}}),
        json.dumps(OURS | {"displaced_attributes": {"a": ["Binary", "no digits"]}}),
        json.dumps(OURS | {"displaced_attributes": {"a": ["String"]}}),
        json.dumps(OURS | {"displaced_attributes": {f"a{n}": ["String", "x"] for n in range(11)}}),
        json.dumps(OURS | {"first": {"reason": "r"}}),
        b"bytes",
    ],
)
def test_an_attribute_of_that_name_in_another_shape_is_the_senders_own(value: str | bytes) -> None:
    """Nothing is restored from it, and it reaches the sink as it came."""
    attributes = {CONTEXT: Attribute("Binary" if isinstance(value, bytes) else "String", value)}
    assert past_of(attributes) is None
    assert restored(attributes, "orders") is attributes


texts = st.text(min_size=1, max_size=5)
values = st.one_of(
    st.builds(Attribute, st.sampled_from(["String", "Number", "String.x"]), texts),
    st.builds(Attribute, st.sampled_from(["Binary", "Binary.png"]), st.binary(min_size=1, max_size=5)),
)


@given(st.dictionaries(texts.filter(lambda name: name != CONTEXT), values, max_size=10), st.integers(0, 3))
def test_whatever_was_sent_is_restored(attributes: dict[str, Attribute], times: int) -> None:
    """However many attributes there were, and however often it went round."""
    delivery = Delivery("m", "h", "body", 1.0, 2.0, 1, 0.0, attributes=attributes)
    for _ in range(times + 1):
        letter = Draft(delivery, Rejected("r"), "w", "orders", 3.0, fifo=False).cut_to(MESSAGE_BYTES)
        assert letter is not None
        assert len(letter.attributes) <= 10
        delivery = Delivery("m", "h", letter.body, 1.0, 2.0, 1, 0.0, attributes=letter.attributes)
    past = past_of(delivery.attributes)
    assert past is not None
    assert (past.attributes, past.rejections) == (attributes, times + 1)
