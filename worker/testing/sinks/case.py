"""A sink under test: how it is made, how its destination is looked at, and what can be done to that destination.

What cannot be done has to be said with a reason, so that nothing is left out in silence: the tests that need it are
skipped with that reason, and pytest counts them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeVar

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractContextManager

    from worker.message import Message
    from worker.sinks.plugin import Guarantee
    from worker.sinks.sink import Sink

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Child:
    """How another process makes the same sink at the same destination: `target(*arguments, **keywords)`."""

    target: str
    """`package.module:name` of a class or function that makes the sink; importable from `sys.path`."""
    arguments: tuple[object, ...] = ()
    """As JSON carries them."""
    keywords: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One sink at one destination, which is empty when the test begins.

    Whatever of `ABILITIES` is not given needs its reason in *cannot*.

    Raises:
        ValueError: an ability is neither given nor excused, or both.
    """

    name: str
    """For the messages of failures."""
    make: Callable[[], Sink]
    """A new sink at this destination; the suite opens and closes it."""
    keys: Callable[[], Sequence[str]]
    """The keys that the destination holds, read from outside, with the repeats, in its order if it has one."""
    guarantee: Guarantee
    """What its plugin says."""
    ordered: bool = False
    """Its rows have an order, which is that of the batches."""
    bad: Message | None = None
    """A record that the destination refuses for good; its key is `bad`."""
    too_large: Message | None = None
    """A record beyond a limit of the destination; its key is `too-large` or begins with it."""
    away: Callable[[], AbstractContextManager[object]] | None = None
    """Inside it the destination is away: down, unreachable, held by somebody else."""
    slow: Callable[[], AbstractContextManager[object]] | None = None
    """Inside it the destination takes a second or so for what takes a moment otherwise."""
    locked: Callable[[str], AbstractContextManager[object]] | None = None
    """Inside it another session holds the row of this key, and no other."""
    refused: Callable[[], Sink] | None = None
    """A sink that `open` has to refuse until somebody changes something: no right, no such place, a wrong password."""
    child: Child | None = None
    """For the tests that kill the process."""
    cannot: Mapping[str, str] = field(default_factory=dict)
    """An ability that the case does not have, and why."""
    largest_body: int = 1_000_000
    """Characters of the largest text that fits into one record; no message has more than about so many."""
    patience_seconds: float = 30.0
    """How long any one call may take before it counts as one that never ends."""

    def __post_init__(self) -> None:
        """Every ability is given or excused."""
        given = {name for name in ABILITIES if getattr(self, name)}
        excused = set(self.cannot)
        problems = [
            *(f"{name}: give it, or say in `cannot` why it cannot be done" for name in ABILITIES - given - excused),
            *(f"{name}: it is given, and `cannot` says that it cannot be done" for name in given & excused),
            *(f"{name}: no ability is called so" for name in excused - ABILITIES),
        ]
        if problems:
            raise ValueError(f"the case {self.name}:\n" + "\n".join(sorted(problems)))

    @property
    def stores(self) -> bool:
        """Whether anything is to be found again."""
        return self.guarantee.kind != "none"

    @property
    def transactional(self) -> bool:
        """Whether a batch is stored whole or not at all, and each key once."""
        return self.guarantee.kind == "transactional"

    def needs(self, ability: str, given: T | None) -> T:
        """*given*; without it the test is skipped, with the reason that the case gives."""
        if not given:
            pytest.skip(f"{self.name} has no `{ability}`: {self.cannot[ability]}")
        return given


ABILITIES: Final = frozenset({"ordered", "bad", "too_large", "away", "slow", "locked", "refused", "child"})
