"""What a chaos run leaves behind, as the checker sees it: values only, made by `collect` or by hand in tests.

Books are given as callables, because they are read several times and may be larger than memory.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from tests.system.chaos.books import Change, Produced, Record

STOPS = frozenset({"stop", "stall"})
"""Faults in which a process stands still and goes on; a stall lasts until others have what it held."""
Ending = Literal["term", "kill", "crash", "own"]
"""How a life ended: by SIGTERM, by SIGKILL from outside, by SIGKILL at a crash point, or on its own accord."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a sink, in the order in which rows became lasting."""

    id: str
    sha: str
    key: str = ""
    """What the worker knows a repetition by; empty: the id in the body."""


@dataclass(frozen=True, slots=True)
class Letter:
    """One message of a dead-letter queue."""

    queue: str
    id: str
    sha: str
    message_id: str
    """In the dead-letter queue."""
    source_id: str
    """In the queue that it came from."""
    told: str = ""
    """All its attributes: what the worker says of the message."""


@dataclass(frozen=True, slots=True)
class Life:
    """One process from its start to its end."""

    name: str
    ending: Ending
    ended_ns: int
    exit_code: int
    records: Callable[[], Iterable[Record]] = field(default=lambda: ())
    signalled_ns: int = 0
    """When it was told to stop; 0 if nobody did."""
    accounts: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Its final account by pipeline, where it came to telling."""
    scrapes: Sequence[Mapping[str, int]] = ()
    """Accounts read while it ran."""
    samples: Sequence[tuple[int, int, int]] = ()
    """Monotonic ns, resident bytes, open files."""
    texts: Callable[[], Iterable[str]] = field(default=lambda: ())
    """What it said to people: its log by lines, and its metrics."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One planned fault, and what was seen of it."""

    kind: str
    detail: str
    target: str
    begin_ns: int
    heal_ns: int
    fired: int
    """How often it was seen to strike; 0 makes the run invalid."""
    recovered_ns: int
    """When the worker was first seen past it; 0 makes the run invalid."""
    pace: Mapping[str, float] = field(default_factory=dict)
    """While all requests of an operation failed: how many of them each poller made a second."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The numbers that the checks hold the run to."""

    visibility_seconds: float
    drain_seconds: float
    rss_bytes: int
    fd_slack: int
    """Open files at the end beyond those of the first third of a life."""
    fds: int
    """Open files at any time."""
    term_seconds: float = 2.0
    """After an orderly end nothing of the process stays hidden for longer."""
    kill_seconds: float = 5.0
    """After a crash nothing of the process stays hidden for longer than this and the visibility timeout."""
    rss_after_bytes: int = 192 * 2**20
    """When everything is over and the queues are quiet."""
    calls_per_second: float = 2.0
    """Receives of one poller while all of them fail."""
    recovery_seconds: float = 15.0
    """From healing of a sink to 90 % of the rate before: three times what is aimed at, which is clearly too long."""
    answers_wait: bool = False
    """Enough stalls are so short that an answer must have waited for a sleeper."""
    gap_seconds: float = 30.0
    """Without a delete while there is something to do and nothing is wrong: no pause of a worker is longer."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything."""

    produced: Produced
    rows: Mapping[str, Sequence[Row]]
    """By pipeline."""
    letters: Sequence[Letter]
    remainder: Sequence[str]
    """Business ids that were still in a source queue at the end."""
    changes: Callable[[], Iterable[Change]]
    lives: Sequence[Life]
    queues: Mapping[str, Mapping[str, int]]
    """The loopback's own counts at the end."""
    faults: Sequence[Fault]
    limits: Limits
    dead_letter_queues: frozenset[str] = frozenset()
    fifo: frozenset[str] = frozenset()
    """Pipelines whose order counts."""
    sources: Mapping[str, str] = field(default_factory=dict)
    """The queue of each pipeline."""
    canaries: Mapping[str, str] = field(default_factory=dict)
    """What nobody may say, by what it is."""


def paused(evidence: Evidence, life: Life, begin_ns: int, end_ns: int) -> bool:
    """Whether *life* was stopped (SIGSTOP) at any time between the two."""
    member, _, number = life.name.partition(".")
    stops = [fault for fault in evidence.faults if fault.kind in STOPS and f"w{fault.target}" == member]
    return bool(number) and any(fault.begin_ns < end_ns and begin_ns < fault.heal_ns for fault in stops)


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found: nothing, if it is good."""

    check: str
    count: int
    examples: tuple[str, ...] = ()


def finding(check: str, violations: Iterable[str]) -> Finding:
    """Count *violations*, and keep the first few for people."""
    count = 0
    examples: list[str] = []
    for violation in violations:
        count += 1
        if len(examples) < EXAMPLES:
            examples.append(violation)
    return Finding(check, count, tuple(examples))


EXAMPLES = 5
