"""What a fact is, and how it is reported."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, ClassVar, Literal

from worker.facts.metric import Metric  # noqa: TC001 - the facts' annotations are read at run time

if TYPE_CHECKING:
    from dataclasses import dataclass as fact
else:

    def fact(*, frozen: bool, slots: bool) -> Callable[[type], type]:
        """The decorator of facts: mypy holds that nobody changes one; at run time nobody tries, so nothing looks.

        A class that is frozen at run time too writes its own fields the slow way, three times the price of a fact.
        """
        return dataclass(slots=slots, unsafe_hash=frozen)


Level = Literal["debug", "info", "warning", "error"]
"""debug: the course of the day · info: a change of state · warning: unexpected, but nothing lost ·
error: an operator must act."""


@fact(frozen=True, slots=True)
class Fact:
    """The root of all facts."""

    level: ClassVar[Level] = "info"
    """How loudly the log says it."""
    damped: ClassVar[bool] = False
    """True: said once per kind and interval, with the count of what was left unsaid."""
    metrics: ClassVar[tuple[Metric, ...]] = ()
    """What it counts as; written by the lines above it (`counting.py`) when it is defined."""
    uncounted: ClassVar[str] = ""
    """Why it counts as nothing; written likewise."""

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """The fields of the fact, in order."""
        return tuple(f.name for f in fields(cls))


Emit = Callable[[Fact], None]
"""How a stage reports a fact. Never raises, never waits."""

__all__ = ["Emit", "Fact", "Level", "fact"]
