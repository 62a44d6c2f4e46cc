"""Keys at hand: how often the chain is asked for them, by whom, and what happens when it has none."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.model.simloop import simulated
from worker.errors import CredentialsRefused, QueueError, QueueRefused, QueueUnavailable
from worker.facts import CredentialsKept, CredentialsRenewed, Fact
from worker.sqs.key_ring import (
    AGAIN_SECONDS,
    ASK_SECONDS,
    DENIED_SECONDS,
    EARLY_SECONDS,
    Granted,
    KeyRing,
    pause_before_asking,
)
from worker.sqs.sign import Keys

OLD, NEW = Keys("OLD", "s", "token"), Keys("NEW", "s", "token")
EXPIRED = CredentialsRefused("receive", "ExpiredToken", "SQS's words")
DENIED = QueueRefused("receive", "AccessDenied", "SQS's words")


def now() -> float:
    """Loop time; the wall clock of these tests as well."""
    return asyncio.get_running_loop().time()


class Chain:
    """What is asked; takes a tenth of a second, or as long as a test says."""

    def __init__(self, lifetime: float | None = None) -> None:
        self.answer: Keys | QueueError = OLD
        """Written by the test, as the next two."""
        self.lifetime = lifetime
        """Seconds that the keys of an answer live from then on."""
        self.ends_at: float | None = None
        """Instead: when they all end."""
        self.seconds = 0.1
        self.asked: list[float] = []
        """When. Written by `__call__`."""

    async def __call__(self) -> Granted:
        """The next answer."""
        self.asked.append(now())
        answer = self.answer
        await asyncio.sleep(self.seconds)
        if isinstance(answer, QueueError):
            raise answer
        end = None if self.lifetime is None else now() + self.lifetime
        return Granted(Keys(answer.access_key, answer.secret_key, answer.token), self.ends_at or end)


class Rig:
    """A ring, its chain and its facts."""

    def __init__(self, lifetime: float | None = None) -> None:
        self.chain = Chain(lifetime)
        self.facts: list[Fact] = []
        self.ring = KeyRing(self.chain, self.facts.append, pipeline="orders", wall=now)

    async def sign(self, seconds: float, *, every: float = 0.5) -> None:
        """A request *every* so often, for so long: none of them ever waits."""
        for _ in range(round(seconds / every)):
            assert self.ring.at_hand(now()) is not None
            await asyncio.sleep(every)


@simulated
async def test_keys_without_an_end_are_asked_for_once() -> None:
    """Whoever comes first waits, a hundred at once cost one question, and a day later there was no other."""
    rig = Rig()
    assert rig.ring.at_hand(now()) is None
    assert set(await asyncio.gather(*(rig.ring.first() for _ in range(100)))) == {OLD}
    await asyncio.sleep(86_400)
    assert rig.ring.at_hand(now()) == OLD
    assert len(rig.chain.asked) == 1


@simulated
async def test_near_their_end_keys_are_asked_for_a_few_times_not_at_every_request() -> None:
    """A process that prints the same keys until they end is run fewer than twenty times in an hour."""
    rig = Rig()
    rig.chain.ends_at = now() + 3_600
    await rig.ring.first()
    await rig.sign(3_600 - EARLY_SECONDS - 1)
    assert len(rig.chain.asked) == 1
    await rig.sign(EARLY_SECONDS)
    assert len(rig.chain.asked) < 20
    assert min(b - a for a, b in zip(rig.chain.asked, rig.chain.asked[1:], strict=False)) >= AGAIN_SECONDS


@pytest.mark.parametrize("lifetime", [20.0, 60.0, 900.0, 3_600.0])
@simulated
async def test_keys_are_renewed_before_they_end(lifetime: float) -> None:
    """Short-lived ones in the middle of their life, so the number of questions follows from how long they live."""
    rig = Rig(lifetime)
    await rig.ring.first()
    await rig.sign(10 * lifetime, every=lifetime / 200)
    lived = [b - a for a, b in zip(rig.chain.asked, rig.chain.asked[1:], strict=False)]
    assert max(lived) < lifetime
    assert min(lived) >= min(lifetime / 2, lifetime - EARLY_SECONDS) or min(lived) >= lifetime / 2 - 1
    await rig.ring.close()


@simulated
async def test_equal_keys_stay_the_same_object_and_others_replace_them() -> None:
    """A signer keeps what it prepared until the keys really change."""
    rig = Rig(lifetime=60)
    first = await rig.ring.first()
    await rig.sign(40)
    assert len(rig.chain.asked) == 2
    assert rig.ring.at_hand(now()) is first
    rig.chain.answer = NEW
    await rig.sign(40)
    assert rig.ring.at_hand(now()) == NEW
    await rig.ring.close()


@simulated
async def test_all_who_wait_share_one_refusal() -> None:
    """Each has an exception of its own, with the same words, and the next to come asks again."""
    rig = Rig()
    rig.chain.answer = CredentialsRefused("sign", "NoCredentialsError", "none")
    errors = await asyncio.gather(*(rig.ring.first() for _ in range(10)), return_exceptions=True)
    assert {str(error) for error in errors} == {"sign: NoCredentialsError: none"}
    assert len({id(error) for error in errors}) == 10
    assert len(rig.chain.asked) == 1
    rig.chain.answer = NEW
    assert await rig.ring.first() == NEW


@simulated
async def test_one_who_is_cancelled_does_not_cancel_the_question() -> None:
    """The others get their answer from the same one."""
    rig = Rig()
    async with asyncio.TaskGroup() as group:
        impatient = group.create_task(rig.ring.first())
        other = group.create_task(rig.ring.first())
        await asyncio.sleep(0.05)
        impatient.cancel()
    assert (other.result(), len(rig.chain.asked)) == (OLD, 1)


@pytest.mark.parametrize(
    "error", [QueueUnavailable("sign", "X", "away"), CredentialsRefused("sign", "X", "no")], ids=["away", "refused"]
)
@simulated
async def test_nothing_stops_while_keys_cannot_be_renewed_and_live(error: QueueError) -> None:
    """No request waits; the operator is told how long they still live; the first answer that is good again is taken."""
    rig = Rig(lifetime=3_600)
    await rig.ring.first()
    rig.chain.answer = error
    await rig.sign(3_590)
    kept = [fact for fact in rig.facts if isinstance(fact, CredentialsKept)]
    assert 5 < len(kept) < 20
    assert (kept[0].code, kept[0].detail) == ("X", error.detail)
    assert kept[0].left_seconds == pytest.approx(EARLY_SECONDS, abs=1)
    rig.chain.answer = NEW
    await rig.sign(AGAIN_SECONDS + 1)
    assert rig.ring.at_hand(now()) == NEW


@simulated
async def test_a_chain_that_hangs_holds_up_nobody_who_has_keys() -> None:
    """The question is given up after a minute, and asked again later."""
    rig = Rig(lifetime=1_000)
    await rig.ring.first()
    rig.chain.seconds = 3_600
    await rig.sign(900)
    assert len(rig.chain.asked) > 2
    assert {fact.code for fact in rig.facts if isinstance(fact, CredentialsKept)} == {"Timeout"}
    await rig.ring.close()


@simulated
async def test_a_first_question_that_takes_too_long_is_a_passing_failure() -> None:
    """Without keys there is nothing to sign with."""
    rig = Rig()
    rig.chain.seconds = 3_600
    began = now()
    with pytest.raises(QueueUnavailable, match="Timeout"):
        await rig.ring.first()
    assert now() - began == pytest.approx(ASK_SECONDS)


@simulated
async def test_keys_that_sqs_refuses_are_asked_for_again_at_once_and_once() -> None:
    """Whoever revoked them or put others in their place: eighty requests refused together cause one question."""
    rig = Rig()
    await rig.ring.first()
    await asyncio.sleep(60)
    rig.chain.answer = NEW
    assert all(await asyncio.gather(*(rig.ring.replaced(OLD, EXPIRED) for _ in range(80))))
    assert (rig.ring.at_hand(now()), len(rig.chain.asked)) == (NEW, 2)
    assert rig.facts == [CredentialsRenewed("orders", "ExpiredToken")] * len(rig.facts)


@simulated
async def test_one_who_was_refused_with_keys_of_before_asks_nobody() -> None:
    """The request is made again with those that came meanwhile."""
    rig = Rig()
    await rig.ring.first()
    assert await rig.ring.replaced(NEW, EXPIRED)
    assert len(rig.chain.asked) == 1


@simulated
async def test_refusals_ask_at_most_once_in_ten_seconds() -> None:
    """As long as there are no others, and then at once: SQS is told the truth about each refusal meanwhile."""
    rig = Rig()
    await rig.ring.first()
    for _ in range(600):
        assert not await rig.ring.replaced(OLD, EXPIRED)
        await asyncio.sleep(0.1)
    assert len(rig.chain.asked) <= 1 + 1 + 60 / AGAIN_SECONDS
    rig.chain.answer = NEW
    while not await rig.ring.replaced(OLD, EXPIRED):  # noqa: ASYNC110 - a request each tenth of a second
        await asyncio.sleep(0.1)
    assert rig.chain.asked[-1] - rig.chain.asked[-2] < AGAIN_SECONDS + 1


@simulated
async def test_access_denied_asks_seldom_and_only_where_a_session_may_have_been_revoked() -> None:
    """Missing permissions are denied for ever; keys that are no session cannot be revoked by its time."""
    rig = Rig()
    await rig.ring.first()
    for _ in range(600):
        assert not await rig.ring.replaced(OLD, DENIED)
        await asyncio.sleep(1)
    assert len(rig.chain.asked) <= 1 + 1 + 600 / DENIED_SECONDS
    rig.chain.answer = NEW
    await asyncio.sleep(DENIED_SECONDS)
    assert await rig.ring.replaced(OLD, DENIED)
    asked = len(rig.chain.asked)
    await asyncio.sleep(DENIED_SECONDS)
    rig.ring.keys = static = Keys("STATIC", "s")
    assert not await rig.ring.replaced(static, DENIED)
    assert not await rig.ring.replaced(NEW, QueueRefused("receive", "InvalidAddress"))
    assert len(rig.chain.asked) == asked


@simulated
async def test_a_refusal_says_why_there_are_no_other_keys() -> None:
    """SQS's words are half of it: the other half is what the chain said."""
    rig = Rig()
    await rig.ring.first()
    assert rig.ring.explained(EXPIRED) is EXPIRED
    await asyncio.sleep(60)
    rig.chain.answer = CredentialsRefused("sign", "SSOTokenLoadError", "sign in")
    assert not await rig.ring.replaced(OLD, EXPIRED)
    told = rig.ring.explained(EXPIRED)
    assert (type(told), told.code) == (CredentialsRefused, "ExpiredToken")
    assert told.detail == "SQS's words; there are no other credentials: SSOTokenLoadError: sign in"


@simulated
async def test_closing_ends_the_question_under_way() -> None:
    """No task is left, and who waits hears of it."""
    rig = Rig()
    rig.chain.seconds = 3_600
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(refusal(rig.ring))
        await asyncio.sleep(1)
        await rig.ring.close()
    assert waiting.result() == "Closed"
    assert {task.get_name() for task in asyncio.all_tasks()}.isdisjoint({"renew-credentials"})


async def refusal(ring: KeyRing) -> str:
    with pytest.raises(QueueError) as raised:
        await ring.first()
    return raised.value.code


@given(st.floats(min_value=-1e6, max_value=1e7), st.booleans())
def test_whatever_the_end_there_is_a_pause_and_it_ends_before(left: float, progress: bool) -> None:  # noqa: FBT001
    """Never a question at every request, and keys that live a while are asked for while they do."""
    pause = pause_before_asking(left, progress=progress)
    assert pause >= 1.0
    if left > 4 * AGAIN_SECONDS:
        assert pause < left
