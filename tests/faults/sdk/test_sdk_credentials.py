"""Keys out of real sources (a program, a container's and a machine's metadata), refused, renewed, and not to be had."""

from __future__ import annotations

import asyncio
import os
import random
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from tests.faults.sdk.issuer import SOURCES, Issuer, Source, issuing
from tests.faults.wire.ways import WAYS
from worker.errors import QueueError
from worker.facts import CredentialsKept, CredentialsRenewed, Fact, RequestMade
from worker.loopback.faults import FaultRule, Faults
from worker.loopback.server import LoopbackServer
from worker.loopback.service import LoopbackSqs

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from worker.sqs.queue import Queue


class Place:
    """A queue whose server refuses the keys that it is told to, and an issuer of keys."""

    def __init__(self, way: str, issuer: Issuer) -> None:
        self._way = WAYS[way]
        self.issuer = issuer
        self.facts: list[Fact] = []
        self.faults = Faults(rng=random.Random(0), clock=time.time)
        self.sqs = LoopbackSqs(rng=random.Random(0), clock=time.time)
        self.sqs.create_queue("orders", {})

    def revoke(self, key: str) -> None:
        """SQS does not take *key* any more."""
        self.faults.set([FaultRule("expired_token", access_key=key)])

    def codes(self) -> list[str]:
        """How the receives ended."""
        return [fact.code for fact in self.facts if isinstance(fact, RequestMade) and fact.operation == "receive"]

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Queue]:
        """The queue, by its way."""
        async with LoopbackServer(self.sqs, faults=self.faults) as server:
            queue = await self._way(server.endpoint_url, "orders", None, self.facts.append)
            try:
                yield queue
            finally:
                await queue.close()


@pytest.fixture(params=SOURCES)
def source(request: pytest.FixtureRequest) -> Source:
    found: Source = request.param
    return found


@pytest.fixture(params=sorted(WAYS))
async def place(
    request: pytest.FixtureRequest, source: Source, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> AsyncIterator[Place]:
    for name in os.environ:
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    async with issuing(tmp_path) as issuer:
        for name, value in issuer.environment(source).items():
            monkeypatch.setenv(name, value)
        yield Place(request.param, issuer)


@pytest.mark.parametrize("seconds", [3_600.0, -600.0], ids=["alive", "prolonged"])
async def test_a_key_that_sqs_refuses_while_it_seems_to_live_is_replaced(
    place: Place, source: Source, seconds: float
) -> None:
    """One refused request, one question, and the receive has its answer: also when a machine prolongs an ended key."""
    if seconds < 0 and source != "machine":
        seconds = 60.0  # only a machine's keys are prolonged
    place.issuer.give("FIRST", seconds=seconds)
    async with place.open() as queue:
        asked = place.issuer.asked
        place.revoke("FIRST")
        place.issuer.give("SECOND", seconds=3_600)
        assert await queue.receive(10, 0) == []
        assert await queue.receive(10, 0) == []
    assert place.codes() == ["ExpiredToken", "ok", "ok"]
    assert place.issuer.asked == asked + 1
    assert CredentialsRenewed("orders", "ExpiredToken") in place.facts


@pytest.mark.parametrize("source", ["container"])
async def test_many_requests_refused_together_ask_once(place: Place) -> None:
    """And none of them fails."""
    place.issuer.give("FIRST", seconds=3_600)
    async with place.open() as queue:
        asked = place.issuer.asked
        place.revoke("FIRST")
        place.issuer.give("SECOND", seconds=3_600)
        await asyncio.gather(*(queue.receive(10, 0) for _ in range(2)), *(queue.attributes() for _ in range(6)))
    assert place.issuer.asked == asked + 1


@pytest.mark.parametrize("source", ["process"])
async def test_near_their_end_keys_are_not_asked_for_at_every_request(place: Place) -> None:
    """Five minutes are near for the SDK; a hundred requests cause no question."""
    place.issuer.give("FIRST", seconds=300)
    async with place.open() as queue:
        asked = place.issuer.asked
        for _ in range(100):
            await queue.attributes()
        assert place.issuer.asked == asked
    assert asked <= 2


@pytest.mark.parametrize("source", ["process", "container"])
async def test_nothing_stops_while_nobody_gives_keys_and_those_at_hand_live(place: Place) -> None:
    """The question that brings none is told of, and all requests meanwhile are answered.

    (A machine's keys are not asked for so soon: near their end the SDK itself prolongs them by minutes.)
    """
    place.issuer.give("FIRST", seconds=4)
    async with place.open() as queue:
        place.issuer.leave()
        while not any(isinstance(fact, CredentialsKept) for fact in place.facts):
            await queue.attributes()
            await queue.receive(10, 0)
    assert set(place.codes()) == {"ok"}


@pytest.mark.parametrize("source", ["process", "container"])
async def test_a_refusal_without_other_keys_says_why_there_are_none(place: Place) -> None:
    """SQS's words, and those of who should have given others."""
    place.issuer.give("FIRST", seconds=3_600)
    async with place.open() as queue:
        place.revoke("FIRST")
        place.issuer.leave()
        none = r"ExpiredToken.* (there are no other credentials: \w+|getting others took too long)"
        with pytest.raises(QueueError, match=none):
            await queue.receive(10, 0)
    assert place.codes() == ["ExpiredToken"]
