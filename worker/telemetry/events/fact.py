"""What a fact is, and how it is reported."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import ClassVar, Literal

Level = Literal["debug", "info", "warning", "error"]
"""debug: the course of the day · info: a change of state · warning: unexpected, but nothing lost ·
error: an operator must act."""


@dataclass(frozen=True, slots=True)
class Fact:
    """The root of all facts."""

    level: ClassVar[Level] = "info"
    """How loudly the log says it."""
    damped: ClassVar[bool] = False
    """True: said once per kind and interval, with the count of what was left unsaid."""

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """The fields of the fact, in order."""
        return tuple(f.name for f in fields(cls))


Emit = Callable[[Fact], None]
"""How a stage reports a fact. Never raises, never waits."""
