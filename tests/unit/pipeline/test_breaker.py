"""The breaker's own decisions, in simulated time."""

from __future__ import annotations

import asyncio
import random

from tests.model.simloop import simulated
from worker.errors import SinkUnavailable
from worker.pipeline.breaker import Breaker
from worker.pipeline.others import OTHERS, OTHERS_SECONDS
from worker.pipeline.trial import Trial


def opened() -> Breaker:
    """One whose sink is away."""
    breaker = Breaker(
        hold_seconds=60.0, random=random.Random(1), restored=lambda: None, emit=lambda _: None, pipeline="orders"
    )
    breaker.failed(SinkUnavailable("away"), Trial(), began=0.0, rows=10)
    assert breaker.is_open
    return breaker


@simulated
async def test_with_nothing_in_hand_a_receive_is_let_through_whatever_came_before() -> None:
    """Receives that were under way when it opened bring as many messages as may be received to find out; when their
    leases are over nothing is left that could notice that the sink is back.
    """
    breaker = opened()
    breaker.heard_another(OTHERS + 20)
    assert not breaker.wants_another(0)
    await asyncio.sleep(OTHERS_SECONDS)
    assert breaker.wants_another(0)
    assert not breaker.wants_another(1)
