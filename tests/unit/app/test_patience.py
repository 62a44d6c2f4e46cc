"""Patience at the start: what is away is waited for a minute, what is refused is not."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tests.model.simloop import simulated
from worker.app.patience import PAUSE_MAX_SECONDS, START_SECONDS, patiently
from worker.errors import QueueRefused, QueueUnavailable
from worker.facts import StartDelayed

if TYPE_CHECKING:
    from worker.facts import Fact


class Starting:
    """What answers from a time on, or refuses then."""

    def __init__(self, *, up_after: float, refuses: bool = False) -> None:
        self._up_after = up_after
        self._refuses = refuses

    async def __call__(self) -> str:
        """An answer.

        Raises:
            QueueUnavailable: it is too early.
            QueueRefused: it was told to.
        """
        if asyncio.get_running_loop().time() < self._up_after:
            raise QueueUnavailable("attributes", "EndpointConnectionError", "nobody listens there")
        if self._refuses:
            raise QueueRefused("attributes", "AWS.SimpleQueueService.NonExistentQueue", "no such queue")
        return "there"


@simulated
async def test_what_starts_beside_us_is_waited_for() -> None:
    """It is had one pause after it answers, at the latest; each try in vain is told of."""
    told: list[Fact] = []
    assert await patiently(Starting(up_after=30), told.append) == "there"
    assert 30 <= asyncio.get_running_loop().time() <= 30 + PAUSE_MAX_SECONDS
    assert {type(fact) for fact in told} == {StartDelayed}


@simulated
async def test_nobody_is_waited_for_for_ever() -> None:
    """After a minute it is said that nobody answered."""
    with pytest.raises(QueueUnavailable):
        await patiently(Starting(up_after=600), lambda _: None)
    assert START_SECONDS <= asyncio.get_running_loop().time() <= START_SECONDS + PAUSE_MAX_SECONDS


@simulated
async def test_what_is_refused_is_not_waited_for() -> None:
    """A queue that does not exist is told at once."""
    with pytest.raises(QueueRefused):
        await patiently(Starting(up_after=0, refuses=True), lambda _: None)
    assert asyncio.get_running_loop().time() == 0
