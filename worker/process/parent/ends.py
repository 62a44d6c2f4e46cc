"""Ends: what it means that a process ended, and what follows.

Takes exit codes, seconds and counts; gives pauses, verdicts and the code of the whole. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from worker.pipeline.backoff import ceiling

if TYPE_CHECKING:
    from collections.abc import Iterable
    from random import Random

CLEAN: Final = 0
FAILED: Final = 1
SETTINGS: Final = 2
REFUSED: Final = 3
TRIES: Final = 3
"""Ends in a row, before any process of the worker ever started, after which nobody is helped by another try."""
STEADY_SECONDS: Final = 60.0
"""Who ran so long begins anew: its end has nothing to do with the one before."""
PAUSE_SECONDS: Final = 0.5
PAUSE_MAX_SECONDS: Final = 30.0
_BADNESS: Final = (CLEAN, REFUSED, SETTINGS, FAILED)
"""Exit codes from good to bad: a refusal is more use to its reader than success, and less bad than a defect."""


@dataclass(frozen=True, slots=True)
class End:
    """How one life of a process ended."""

    code: int
    """The exit code; negative: the signal that killed it."""
    seconds: float
    pid: int = 0
    started: bool = False
    """It had opened everything and received."""


def in_a_row(before: int, end: End) -> int:
    """How many ends in a row that makes, *before* this one there were as many."""
    return 1 if end.started and end.seconds >= STEADY_SECONDS else before + 1


def pause_seconds(row: int, random: Random) -> float:
    """How long to wait before the next start: longer each time, and never the same for all, nor none at all."""
    longest = ceiling(row, base_seconds=PAUSE_SECONDS, max_seconds=PAUSE_MAX_SECONDS)
    return random.uniform(longest / 2, longest)


def hopeless(row: int, *, any_started: bool) -> bool:
    """Whether to give up: it fails from the beginning, and nothing else of the worker runs."""
    return not any_started and row >= TRIES


def exit_code(code: int) -> int:
    """A process' end as an exit code of ours: a signal is a failure."""
    return code if code in _BADNESS else FAILED


def worst(codes: Iterable[int]) -> int:
    """The exit code of the whole."""
    return max((exit_code(code) for code in codes), key=_BADNESS.index, default=CLEAN)
