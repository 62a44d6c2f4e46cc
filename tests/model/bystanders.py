"""Worlds of bystanders: one worker, and a few messages among many with a trouble of their own.

Takes the numbers of a world and gives those of one in which nothing else goes wrong, with its events. What is wrong is
one of `OWN_TROUBLES`; the good messages are done in spite of it, soon, and without spending receive counts.
"""

from __future__ import annotations

import functools
from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING, Final

from tests.model.workload import OWN_TROUBLES, make_item
from tests.model.world import World
from worker.sqs.quotas import MESSAGE_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.model.workload import Item
    from tests.model.world import Terms

    Event = tuple[float, str, Callable[[World], None]]

EVERY: Final = 13
"""Of so many seeds one has such a world."""
PLACE: Final = 12
SENDING_SECONDS: Final = 10.0
DONE_SECONDS: Final = 170.0
"""By then all good messages must be done; the one tenant's server is still down (`simsink.HEALED_AT`)."""
RESTART_SECONDS: Final = 2.0
MAX_RECEIVES: Final = 3


def with_bystanders(seed: int, terms: Terms) -> Terms:
    """*terms*, or those of such a world if it is the turn of *seed*."""
    if seed % EVERY != PLACE:
        return terms
    return replace(
        terms,
        own_trouble=Random(f"{seed}:bystanders").choice(OWN_TROUBLES),
        groups=0,
        lease_seconds=min(terms.lease_seconds, 30),
        wait_seconds=max(terms.wait_seconds, 1.0),
        max_messages=max(terms.max_messages, 20),
        max_bytes=500_000,
        batch_bytes=100_000,
        dead_letters=True,
        letter_bytes=MESSAGE_BYTES,
        max_receives=None,
        max_receive_count=MAX_RECEIVES,
        write_limit_seconds=None,
        strike_at=None,
    )


def events_among(random: Random, terms: Terms) -> list[Event]:
    """Messages, a worker that is started again whenever it is gone, and a look at who is done."""
    restarts = [at * RESTART_SECONDS for at in range(int(SENDING_SECONDS * 30 / RESTART_SECONDS))]
    events: list[Event] = [(at, "start, unless it runs", World.start_if_none) for at in restarts]
    items = _items(random, terms)
    for first in range(0, len(items), 7):
        at = 0.0 if random.random() < 0.5 else SENDING_SECONDS * random.random()
        events.append((at, "send", functools.partial(World.send, items=items[first : first + 7])))
    if terms.own_trouble != "killer":  # then it is a matter of leases
        events.append((DONE_SECONDS, "the good ones are done", World.look_at_bystanders))
    return events


def _items(random: Random, terms: Terms) -> list[Item]:
    count = random.randint(15, 45)
    troubled = set(random.sample(range(count), random.randint(1, 3)))
    return [make_item(n, terms.own_trouble if n in troubled else "good") for n in range(count)]  # type: ignore[arg-type] # set in such worlds
