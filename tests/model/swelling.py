"""A world in which messages grow: what the long polls have set aside then leaves hardly any room for an answer.

Takes numbers of an ordinary world, gives those of one whose queue measures its answers, in a room of few large
messages, and what happens in it. Nothing goes wrong: every message is to be received once.
"""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from tests.model.workload import make_item
from tests.model.world import World

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from tests.model.world import Terms

    Event = tuple[float, str, Callable[[World], None]]

EVERY: Final = 28
"""Of so many seeds one has such a world."""
PLACE: Final = 16
LARGE_BYTES: Final = 800
"""Of padding."""


def with_swelling(seed: int, terms: Terms) -> Terms:
    """*terms*, or those of such a world if it is the turn of *seed*: its long polls outlast its leases."""
    if seed % EVERY != PLACE:
        return terms
    return replace(
        terms,
        swelling=True,
        measured=True,
        groups=0,
        lease_seconds=6,
        wait_seconds=20.0,
        receivers=4,
        receive_limit=10,
        max_messages=60,
        max_bytes=5_000,
        write_limit_seconds=None,
        strike_at=None,
    )


def events_of_growth(random: Random) -> list[Event]:
    """Small messages together, after which the long polls ask for little; then large ones, one by one."""
    count = random.randint(8, 20)
    small = [make_item(number, "good") for number in range(count)]
    events: list[Event] = [
        (0.0, "send small ones", functools.partial(World.send, items=small)),
        (0.0, "start", World.start_if_none),
    ]
    at = 0.0
    for number in range(count, count + random.randint(4, 12)):
        at += random.uniform(0.1, 3.0)
        large = [make_item(number, "good", padding=LARGE_BYTES)]
        events.append((at, "send a large one", functools.partial(World.send, items=large)))
    return events
