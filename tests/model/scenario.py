"""A scenario from a seed: how many messages, which workers, what goes wrong, and when.

Takes a seed, gives a list of events in order of time, and plays them in a world of that seed; afterwards everything
is healed and accounted for. The scenario depends on the seed and on nothing else.
"""

from __future__ import annotations

import functools
import traceback
from dataclasses import dataclass, replace
from random import Random
from typing import TYPE_CHECKING, Final

from tests.model.bystanders import EVERY, PLACE, events_among, with_bystanders
from tests.model.invariants import InvariantBroken
from tests.model.swelling import events_of_growth, with_swelling
from tests.model.workload import make_items
from tests.model.world import Terms, World
from worker.loopback.faults import Action, FaultRule
from worker.loopback.rules import Rules
from worker.sqs.errors import entry_failed
from worker.sqs.quotas import MESSAGE_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.model.process import SimProcess
    from tests.model.simsink import Trouble

Event = tuple[float, str, "Callable[[World], None]"]
"""When, what (for people), and how it is done."""

SPAN_SECONDS: Final = 120.0
TROUBLES: Final[tuple[Trouble, ...]] = ("away", "slow", "deaf", "lost-answers", "shaky", "bug")
OPERATIONS: Final = ("*", "ReceiveMessage", "DeleteMessageBatch", "ChangeMessageVisibilityBatch", "SendMessageBatch")
ACTIONS: Final[tuple[Action, ...]] = (
    "latency",
    "latency",
    "error",
    "status",
    "silence",
    "reset",
    "lose_answer",
    "lose_answer",
    "html",
    "partial",
    "partial",
    "omit",
    "duplicate",
    "still_visible",
    "reorder",
    "wrong_md5",
)
CODES: Final = ("InternalError", "ServiceUnavailable", "RequestThrottled", "OverLimit", "AccessDenied")
ENTRY_CODES: Final = ("InternalError", "InternalError", "ReceiptHandleIsInvalid", "Throttled")

CLASSICS: Final = (
    FaultRule("partial", operation="DeleteMessageBatch", share=0.5, code="ReceiptHandleIsInvalid"),
    FaultRule("partial", operation="DeleteMessageBatch", share=1.0, code="InternalError"),
    FaultRule("lose_answer", operation="DeleteMessageBatch"),
    FaultRule("lose_answer", operation="SendMessageBatch"),
    FaultRule("silence", operation="ChangeMessageVisibilityBatch"),
    FaultRule("error", probability=1.0),
    FaultRule("latency", probability=0.7, seconds=0.5, seconds_max=9.0, performed=True),
)
"""Trouble that once hurt somebody; chance alone would meet it too seldom."""


MEASURED: Final = (0, 2)
"""Of seven seeds, those whose queue measures its answers. Not drawn, so that older seeds mean what they meant."""
SMALL_LETTERS: Final = (1, 3)
"""Of five seeds, those whose dead-letter queue takes no context beside the largest bodies. Not drawn, as above."""
SMALL_BYTES: Final = 1_024
"""As small as SQS lets a queue's limit be."""
ROOMY: Final = (2, 7)
"""Of nine seeds, those with room to keep all of a FIFO queue in hand, and nothing but its messages to go wrong."""
LOSING: Final = (4,)
"""Of nine seeds, those of a FIFO queue whose handles become void while nothing is deleted."""
COUNTING: Final = (5,)
"""Of six seeds, those whose worker counts receives, if their queue is a standard one. Not drawn, as above."""
MAX_RECEIVES: Final = 30
"""More than any message is received for the trouble of others."""


STRUCK_EVERY: Final = 9
"""Of so many seeds one has something that cancels tasks of the worker; drawn apart, as above."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a run gives."""

    seed: int
    trace: str
    steps: int
    messages: int
    violation: str | None


def play(seed: int) -> Result:
    """Run the scenario of *seed* to its end."""
    random = Random(f"{seed}:scenario")
    world = World(seed, make_terms(seed, random))
    violation = None
    try:
        for at, _, act in make_events(random, world.terms):
            world.advance(max(0.0, at - world.loop.time()))
            act(world)
        world.finish()
    except InvariantBroken as broken:
        violation = str(broken)
    except Exception as error:  # noqa: BLE001 - a failure of the simulation itself is reported with its seed, too
        violation = f"{type(error).__name__}: {error}: {traceback.format_exc()}"
    finally:
        world.close()
    return Result(seed, world.loop.trace(), world.loop.steps, len(world.witness.items), violation)


def make_terms(seed: int, random: Random) -> Terms:
    """The numbers of one world."""
    pick = random.choice
    max_messages = pick((4, 20, 60, 200))
    dead_letters = random.random() < 0.8
    counting = dead_letters and seed % 6 in COUNTING
    terms = Terms(
        lease_seconds=pick((6, 15, 30, 120)),
        wait_seconds=pick((1.0, 5.0, 20.0)) if random.random() < 0.98 else 0.0,  # which is slow to simulate
        receivers=pick((1, 2, 4)),
        receive_limit=pick((1, 10, 10)),
        rows=pick((1, 4, 10, 50)),
        batch_bytes=pick((1_500, 100_000)),
        batch_wait_seconds=pick((0.0, 0.1, 2.0)),
        writers=pick((1, 2, 4)),
        max_messages=max_messages,
        max_bytes=pick((5_000, 30_000, 500_000)),
        settle_calls=pick((1, 2, 4)),
        settle_linger_seconds=pick((0.0, 0.05)),
        retry_max_seconds=pick((2.0, 20.0, 90.0)),
        drain_seconds=pick((0.5, 5.0, 25.0)),
        write_limit_seconds=pick((None, None, 20.0)),
        max_receive_count=pick((4, 10, 1_000)) if dead_letters else pick((3, 6)),
        dead_letters=dead_letters,
        groups=random.choice((1, 3, 20)) if random.random() < 0.3 else 0,
        in_order=random.random() < 0.25,
        measured=seed % 7 in MEASURED,
        rules=Random(f"{seed}:rules").choice([*Rules]),
        letter_bytes=SMALL_BYTES if seed % 5 in SMALL_LETTERS else MESSAGE_BYTES,
        strike_at=Random(f"{seed}:strike").uniform(0.0, 20.0) if seed % STRUCK_EVERY == 0 else None,
    )
    terms = replace(terms, max_receives=MAX_RECEIVES if counting and not terms.fifo else None)
    if terms.fifo and seed % EVERY != PLACE and seed % 9 in ROOMY:
        return replace(terms, max_messages=1_000, max_bytes=500_000, write_limit_seconds=None, roomy=True)
    if terms.fifo and seed % EVERY != PLACE and seed % 9 in LOSING:
        return replace(terms, lease_seconds=15, rows=min(terms.rows, 4), max_messages=200, losing=True)
    return with_bystanders(seed, with_swelling(seed, terms))


def make_events(random: Random, terms: Terms) -> list[Event]:
    """What happens, in order of time."""
    if terms.own_trouble is not None:
        return sorted(events_among(random, terms), key=lambda event: event[0])
    if terms.swelling:
        return events_of_growth(random)
    events = [*_sends(random, terms), *_lives(random), *_faults(random)]
    if terms.roomy:
        events = [event for event in events if event[1].startswith(("send", "start"))]
    if terms.losing:
        events = [event for event in events if not event[1].startswith("wrong")] + _losing(random)
    if terms.strike_at is not None:
        events.append((terms.strike_at, "strike", World.strike))
    return sorted(events, key=lambda event: event[0])


def described(seed: int) -> list[str]:
    """The scenario of *seed* for people."""
    random = Random(f"{seed}:scenario")
    terms = make_terms(seed, random)
    return [str(terms), *(f"{at:8.3f} s  {what}" for at, what, _ in make_events(random, terms))]


def _sends(random: Random, terms: Terms) -> list[Event]:
    count = random.randint(20, 60) if random.random() < 0.85 else random.randint(60, 200)
    poison, stubborn = random.choice((0.0, 0.05, 0.3)), terms.max_receives is not None
    items = make_items(count, random, poison=poison, groups=terms.groups, stubborn=stubborn)
    events: list[Event] = []
    at = 0.0
    while items:
        together = random.choice((1, 3, 10, 100))
        some, items = items[:together], items[together:]
        events.append((at, f"send {len(some)}", functools.partial(World.send, items=some)))
        at += random.choice((0.0, 0.5, 5.0, 15.0)) * random.random()
    return events


def _lives(random: Random) -> list[Event]:
    """One to three workers, each with what befalls it."""
    events: list[Event] = []
    for _ in range(random.randint(1, 3)):
        life = Life(drain=random.random() < 0.1)
        at = random.choice((0.0, random.uniform(0.0, SPAN_SECONDS / 2)))
        events.append((at, "start", life.start))
        while random.random() < 0.6:
            at += random.choice((0.05, 1.0, 30.0)) * random.random()
            what = random.choice(("crash", "crash", "stop", "stop", "force", "freeze", "cancel"))
            events.append((at, what, getattr(life, what)))
            at += random.choice((0.0, 1.0, 40.0)) * random.random()
            events.append((at, "start again", life.start))
    return events


def _faults(random: Random) -> list[Event]:
    """Some windows in which something is wrong; each edge of a window sets what is then in force."""
    windows = []
    for _ in range(random.choice((0, 1, 3, 6))):
        begin = random.choice((0.0, random.uniform(0.0, 3.0), random.uniform(0.0, SPAN_SECONDS / 2)))
        end = begin + random.choice((2.0, 15.0, 90.0)) * random.random()
        wrong = random.choice(TROUBLES) if random.random() < 0.35 else _rule(random)
        windows.append((begin, end, wrong))
    edges = sorted({edge for begin, end, _ in windows for edge in (begin, end)})
    events: list[Event] = []
    for edge in edges:
        wrong_now = [wrong for begin, end, wrong in windows if begin <= edge < end]
        rules = [wrong for wrong in wrong_now if isinstance(wrong, FaultRule)]
        troubles = [wrong for wrong in wrong_now if not isinstance(wrong, FaultRule)]
        what = f"wrong: {troubles} {[(r.action, r.operation, r.code, round(r.probability, 2)) for r in rules]}"
        events.append((edge, what, functools.partial(World.set_faults, rules=rules, troubles=troubles)))
    return events


def _losing(random: Random) -> list[Event]:
    """For a while nothing is deleted, and some of the handles are called void: what was written may be elsewhere."""
    rules = [
        FaultRule("partial", operation="DeleteMessageBatch", share=1.0, code="InternalError"),
        FaultRule("partial", operation="ChangeMessageVisibilityBatch", share=0.5, code="ReceiptHandleIsInvalid"),
    ]
    begin = random.choice((0.0, 5.0))
    end = begin + random.uniform(20.0, 60.0)
    return [
        (begin, "wrong: handles", functools.partial(World.set_faults, rules=rules, troubles=["slow"])),
        (end, "wrong: nothing", functools.partial(World.set_faults, rules=[], troubles=[])),
    ]


def _rule(random: Random) -> FaultRule:
    if random.random() < 0.25:
        return random.choice(CLASSICS)
    action = random.choice(ACTIONS)
    entries = action in {"partial", "omit"}
    rule = FaultRule(
        action,
        operation=random.choice(OPERATIONS),
        probability=random.choice((0.1, 0.5, 1.0)) if action != "still_visible" else 0.2,
        count=None if action != "still_visible" else 5,
        seconds=random.choice((0.05, 1.0, 8.0)),
        seconds_max=random.choice((None, 12.0)),
        code=random.choice(ENTRY_CODES if entries else CODES),
        performed=random.random() < 0.5,
        share=random.choice((0.1, 0.5, 1.0)),
        sender_fault=False,
    )
    return replace(rule, performed=rule.performed and not _refuses_letters(rule))


def _refuses_letters(rule: FaultRule) -> bool:
    """For good: SQS sends nothing that it refuses, so that a briefer letter is no second copy."""
    sends = rule.operation in {"*", "SendMessageBatch"}
    return rule.action == "partial" and sends and not entry_failed(rule.code, rule.sender_fault, "").retry


class Life:
    """One slot for a worker: its events find whoever is in it, or nobody."""

    def __init__(self, *, drain: bool) -> None:
        self._drain = drain
        self._process: SimProcess | None = None  # written by start

    def start(self, world: World) -> None:
        """A new worker, unless the old one still runs; a frozen one goes on."""
        if self._process is not None and self._process.frozen:
            world.thaw(self._process)
        if self._process is None or not self._process.running:
            self._process = world.start(drain=self._drain)

    def crash(self, world: World) -> None:
        """As SIGKILL."""
        self._if_running(world, world.crash)

    def stop(self, world: World) -> None:
        """As SIGTERM."""
        self._if_running(world, world.stop)

    def force(self, world: World) -> None:
        """As SIGTERM, twice."""
        self._if_running(world, world.stop)
        self._if_running(world, lambda process: process.force())

    def freeze(self, world: World) -> None:
        """As SIGSTOP, or a machine that is moved."""
        self._if_running(world, world.freeze)

    def cancel(self, world: World) -> None:
        """As a defect elsewhere in the program."""
        self._if_running(world, world.cancel)

    def _if_running(self, world: World, act: Callable[[SimProcess], None]) -> None:
        if self._process is not None and self._process.running:
            world.calm = False
            act(self._process)
