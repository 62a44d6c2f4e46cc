"""Keys at hand: how often the SDK is asked, by whom, and what happens when it has none."""

from __future__ import annotations

import asyncio

import pytest

from tests.model.simloop import simulated
from worker.errors import CredentialsRefused, QueueError, QueueUnavailable
from worker.sqs.native_keys import ASK_SECONDS, FRESH_SECONDS, MEANWHILE_SECONDS, PATIENCE_SECONDS, KeyRing
from worker.sqs.native_sign import Keys

OLD, NEW = Keys("OLD", "s"), Keys("NEW", "s")


class Sdk:
    """What is asked for keys; takes a tenth of a second, or as long as a test says."""

    def __init__(self) -> None:
        self.answer: Keys | QueueError = OLD
        """Written by the test."""
        self.seconds = 0.1
        """Written by the test."""
        self.asked = 0
        """Written by `__call__`."""

    async def __call__(self) -> Keys:
        """The next answer."""
        self.asked += 1
        answer = self.answer
        await asyncio.sleep(self.seconds)
        if isinstance(answer, QueueError):
            raise answer
        return Keys(answer.access_key, answer.secret_key)


def now() -> float:
    """Loop time."""
    return asyncio.get_running_loop().time()


@simulated
async def test_keys_are_asked_for_once_a_second() -> None:
    """At hand without waiting for a second, then asked for again."""
    sdk = Sdk()
    ring = KeyRing(sdk)
    assert ring.fresh(now()) is None
    given = await ring.renewed()
    assert given == OLD
    assert ring.fresh(now()) is given
    await asyncio.sleep(FRESH_SECONDS - 0.001)
    assert ring.fresh(now()) is given
    await asyncio.sleep(0.002)
    assert ring.fresh(now()) is None
    assert sdk.asked == 1


@simulated
async def test_equal_keys_stay_the_same_object_and_others_replace_them() -> None:
    """A signer keeps what it prepared until the keys really change."""
    sdk = Sdk()
    ring = KeyRing(sdk)
    first = await ring.renewed()
    assert await ring.renewed() is first
    sdk.answer = NEW
    assert await ring.renewed() == NEW


@simulated
async def test_all_who_wait_share_one_question() -> None:
    """A hundred requests that begin at once cost one call of the SDK."""
    sdk = Sdk()
    ring = KeyRing(sdk)
    assert set(await asyncio.gather(*(ring.renewed() for _ in range(100)))) == {OLD}
    assert sdk.asked == 1


@simulated
async def test_all_who_wait_share_one_refusal() -> None:
    """Each has an exception of its own, with the same words, and the next to come asks again."""
    sdk = Sdk()
    sdk.answer = CredentialsRefused("sign", "NoCredentialsError", "none")
    ring = KeyRing(sdk)
    errors = await asyncio.gather(*(ring.renewed() for _ in range(10)), return_exceptions=True)
    assert {str(error) for error in errors} == {"sign: NoCredentialsError: none"}
    assert len({id(error) for error in errors}) == 10
    assert sdk.asked == 1
    sdk.answer = NEW
    assert await ring.renewed() == NEW


@simulated
async def test_a_cancelled_question_is_asked_by_the_next_who_waits() -> None:
    """Nobody waits for an answer that was cancelled with the one who asked."""
    sdk = Sdk()
    ring = KeyRing(sdk)
    async with asyncio.TaskGroup() as group:
        first = group.create_task(ring.renewed())
        second = group.create_task(ring.renewed())
        await asyncio.sleep(0.05)
        first.cancel()
    assert (second.result(), sdk.asked) == (OLD, 2)


@simulated
async def test_while_one_asks_the_others_go_on_with_the_old_keys() -> None:
    """A slow renewal holds up one request, and for a minute at most."""
    sdk = Sdk()
    ring = KeyRing(sdk)
    given = await ring.renewed()
    await asyncio.sleep(2)
    sdk.seconds = 5
    async with asyncio.TaskGroup() as group:
        group.create_task(ring.renewed())
        await asyncio.sleep(1)
        assert ring.fresh(now()) is given
        assert ring.fresh(now() + MEANWHILE_SECONDS) is None


@pytest.mark.parametrize(
    "error", [QueueUnavailable("sign", "X"), CredentialsRefused("sign", "X")], ids=["away", "refused"]
)
@simulated
async def test_keys_that_cannot_be_renewed_are_used_on(error: QueueError) -> None:
    """The SDK gives up minutes before they expire; it is asked again in a while, not for every request."""
    sdk = Sdk()
    ring = KeyRing(sdk)
    given = await ring.renewed()
    sdk.answer = error
    assert await ring.renewed() is given
    assert ring.fresh(now() + PATIENCE_SECONDS - 0.01) is given
    assert ring.fresh(now() + PATIENCE_SECONDS) is None


@simulated
async def test_keys_that_sqs_refused_are_not_used_on() -> None:
    """Once forgotten they do not come back, neither at hand nor in the place of a refusal."""
    sdk = Sdk()
    ring = KeyRing(sdk)
    await ring.renewed()
    ring.forget()
    assert ring.fresh(now()) is None
    sdk.answer = CredentialsRefused("sign", "X")
    with pytest.raises(CredentialsRefused):
        await ring.renewed()
    assert ring.fresh(now()) is None


@simulated
async def test_an_answer_forgotten_before_it_is_used_is_asked_for_again() -> None:
    """Who waited does not get keys that were refused meanwhile."""
    sdk = Sdk()
    ring = KeyRing(sdk)

    async def renewed_and_forgotten() -> None:
        await ring.renewed()
        ring.forget()

    async with asyncio.TaskGroup() as group:
        group.create_task(renewed_and_forgotten())
        second = group.create_task(ring.renewed())
        await asyncio.sleep(0.05)
        sdk.answer = NEW
    assert second.result() == NEW


@simulated
async def test_a_question_that_takes_too_long_is_a_passing_failure() -> None:
    """With keys at hand they are used on; without, the caller hears of it before its own time is over."""
    sdk = Sdk()
    ring = KeyRing(sdk)
    sdk.seconds = 3_600
    began = now()
    with pytest.raises(QueueUnavailable, match="Timeout"):
        await ring.renewed()
    assert now() - began == pytest.approx(ASK_SECONDS)
    sdk.seconds = 0.1
    given = await ring.renewed()
    sdk.seconds = 3_600
    assert await ring.renewed() is given
