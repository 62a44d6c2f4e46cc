"""The nemesis' plan: which fault when and at whom, the same for the same seed. Pure.

Faults stand in lanes (each worker, guests that crash, SQS, each sink), spread over the load with jitter; lanes know
nothing of each other, so faults of different lanes overlap, while one worker suffers one thing at a time.
"""

from __future__ import annotations

import itertools
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from tests.system.chaos.crashing import POINTS
from tests.system.chaos.profiles import STALL_LEASES, STALL_SECONDS_BEYOND

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tests.system.chaos.profiles import Profile

T = TypeVar("T")
SQS_KINDS: dict[str, list[dict[str, object]]] = {
    "throttle": [{"action": "error", "code": "RequestThrottled", "status": 400, "probability": 0.5}],
    "internal-error": [{"action": "error", "code": "InternalError", "status": 500, "probability": 0.5}],
    "unavailable": [{"action": "status", "status": 503, "probability": 0.5}],
    "lost-answers": [{"action": "lose_answer", "probability": 0.3}],
    "partial": [{"action": "partial", "share": 0.4, "probability": 0.7}],
    "omitted": [{"action": "omit", "share": 0.4, "probability": 0.5, "performed": True}],
    "duplicates": [{"action": "duplicate", "share": 0.5}],
    "resets": [{"action": "reset", "probability": 0.3}],
    "truncated": [{"action": "truncate", "size": 60, "probability": 0.3}],
    "html": [{"action": "html", "probability": 0.3}],
    "no-request-id": [{"action": "no_request_id", "probability": 0.3}],
    "latency": [{"action": "latency", "seconds": 0.05, "seconds_max": 0.5, "probability": 0.5}],
    "still-visible": [{"action": "still_visible", "queue": "orders", "probability": 0.2}],
    "wrong-md5": [{"action": "wrong_md5", "share": 0.2, "probability": 0.5}],
    "outage": [
        {"action": "status", "status": 503, "operation": "ReceiveMessage"},
        {"action": "status", "status": 503, "operation": "DeleteMessageBatch"},
        {"action": "status", "status": 503, "operation": "ChangeMessageVisibilityBatch"},
    ],
}
"""Rules of the loopback's control address."""
REFUSE_ALL = "outage"
"""Nothing works at all."""
ALWAYS = (REFUSE_ALL, "partial")
"""In every run, however small: how often the workers ask in vain is measured, and what failed in part must be asked
again.
"""
WINDOW_SHARE = 0.6
"""Of its slot, at most, that a window of trouble lasts."""
WINDOW_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Planned:
    """One fault to come."""

    at_seconds: float
    """From the beginning of the load."""
    kind: str
    detail: str = "-"
    target: int = 0
    """Which worker."""
    seconds: float = 0.0
    """How long it lasts."""


def plan(profile: Profile, seed: int) -> list[Planned]:
    """Everything that will go wrong, in the order of time."""
    draw = random.Random(f"nemesis:{seed}")
    lanes = [*_bodily(profile, draw), _crashes(profile, draw), _troubles(profile, draw), *_sinks(profile, draw)]
    return sorted((one for lane in lanes for one in lane), key=lambda one: one.at_seconds)


def _slots(count: int, profile: Profile, draw: random.Random) -> Iterator[tuple[float, float]]:
    """Begin and length of *count* slots of the load; the begin is jittered, and the last ends before the load does."""
    length = profile.load_seconds / max(1, count)
    for number in range(count):
        yield number * length + draw.uniform(0, 0.25 * length), length


def _bodily(profile: Profile, draw: random.Random) -> Iterator[Iterable[Planned]]:
    """The first worker is only stopped and continued; the others are killed, told to end, and stalled."""
    stopped = 2.0 * profile.visibility
    yield [Planned(at, "stop", seconds=stopped) for at, _ in _slots(profile.stops, profile, draw)]
    kinds = ["kill"] * profile.kills + ["term"] * profile.terms + ["stall"] * profile.stalls
    draw.shuffle(kinds)
    mortal = profile.workers - 1
    for number in range(mortal):
        mine = kinds[number::mortal]
        slots = _slots(len(mine), profile, draw)
        stalls = itertools.cycle((profile.visibility + STALL_SECONDS_BEYOND, STALL_LEASES * profile.visibility))
        yield [
            Planned(at, kind, target=1 + number, seconds=next(stalls) if kind == "stall" else 0.0)
            for (at, _), kind in zip(slots, mine, strict=True)
        ]


def _crashes(profile: Profile, draw: random.Random) -> Iterable[Planned]:
    """A guest for each: a worker beside the others, that dies at one point. Every point comes equally often."""
    slots = list(_slots(profile.crashes, profile, draw))
    points = _dealt(list(POINTS), profile.crashes, draw)
    return [Planned(at, "crash", point) for (at, _), point in zip(slots, points, strict=True)]


def _troubles(profile: Profile, draw: random.Random) -> Iterable[Planned]:
    others = [kind for kind in SQS_KINDS if kind not in ALWAYS]
    kinds = [*ALWAYS, *_dealt(others, profile.sqs - len(ALWAYS), draw)]
    draw.shuffle(kinds)
    return [
        Planned(at, "sqs", kind, seconds=min(WINDOW_SECONDS, WINDOW_SHARE * length))
        for (at, length), kind in zip(_slots(profile.sqs, profile, draw), kinds, strict=True)
    ]


def _sinks(profile: Profile, draw: random.Random) -> Iterator[Iterable[Planned]]:
    """SQLite files in turn are held for less than a lease or for more; PostgreSQL restarts, or commits unheard."""
    shares = _dealt([0.5, 1.3], profile.locks, draw)
    yield [
        Planned(at, "lock", ("orders", "ledger")[number % 2], seconds=profile.visibility * shares[number])
        for number, (at, _) in enumerate(_slots(profile.locks, profile, draw))
    ]
    servers = ["stop", "crash"] * profile.restarts
    kinds = servers[: profile.restarts] + ["commit-loss"] * profile.commit_losses
    draw.shuffle(kinds)
    slots = _slots(len(kinds), profile, draw)
    yield [Planned(at, "database", kind, seconds=1.0) for (at, _), kind in zip(slots, kinds, strict=True)]


def _dealt(names: list[T], count: int, draw: random.Random) -> list[T]:
    """*count* of *names*, shuffled, each as often as any other but once."""
    dealt: list[T] = []
    while len(dealt) < count:
        draw.shuffle(names)
        dealt += names
    return dealt[:count]
