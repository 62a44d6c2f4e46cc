"""Amounts as people write them: `600000/day`, `14d`. Pure; both ways."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

DAY: Final = 86_400
_UNITS: Final[Mapping[str, int]] = {
    **dict.fromkeys(("", "s", "sec", "second", "seconds"), 1),
    **dict.fromkeys(("m", "min", "minute", "minutes"), 60),
    **dict.fromkeys(("h", "hour", "hours"), 3600),
    **dict.fromkeys(("d", "day", "days"), DAY),
}
_SHOWN: Final = ((DAY, "days"), (3600, "hours"), (60, "minutes"), (1, "seconds"))
_AMOUNT: Final = r"(?P<number>\d[\d_,]*(?:\.\d+)?)"
_SPAN: Final = re.compile(rf"{_AMOUNT}\s*(?P<unit>[a-z]*)")
_RATE: Final = re.compile(rf"{_AMOUNT}\s*(?:(?:/|per)\s*(?P<unit>[a-z]+))?")


def seconds_of(text: str) -> float:
    """A span of time: a number of seconds, or one with `m`, `h` or `d` behind it.

    Raises:
        ValueError: it is none, or nothing.
    """
    return _positive(text, _SPAN, "a time, such as 300, 30m, 12h or 14d", lambda number, unit: number * unit)


def per_second_of(text: str) -> float:
    """A rate: messages a second, or `/m`, `/h`, `/d` behind the number.

    Raises:
        ValueError: it is none, or nothing.
    """
    return _positive(text, _RATE, "a rate, such as 7/s, 25000/h or 600000/day", lambda number, unit: number / unit)


def count_of(text: str) -> int:
    """A number of messages.

    Raises:
        ValueError: it is none.
    """
    found = re.fullmatch(r"\d[\d_,]*", text.strip())
    if found is None:
        raise ValueError(f"{text!r}: give a whole number of messages, such as 2800000 or 2,800,000")
    return int(re.sub("[_,]", "", found[0]))


def span(seconds: float) -> str:
    """For people, in the largest unit that leaves at least two of it."""
    if math.isinf(seconds):
        return "never"
    size, name = next((one for one in _SHOWN if seconds >= 2 * one[0]), _SHOWN[-1])
    return f"{_short(seconds / size)} {name}"


def rate(per_second: float) -> str:
    """For people: by the second, and by the day where that says more."""
    return f"{_short(per_second)}/s ({per_second * DAY:,.0f} a day)"


def _positive(text: str, pattern: re.Pattern[str], expected: str, made: Callable[[float, int], float]) -> float:
    found = pattern.fullmatch(text.strip().lower())
    unit = _UNITS.get(found["unit"] or "") if found else None
    number = float(re.sub("[_,]", "", found["number"])) if found else 0.0
    if unit is None or number <= 0:
        raise ValueError(f"{text!r}: give {expected}")
    return made(number, unit)


def _short(number: float) -> str:
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"  # noqa: PLR2004 - three digits are enough to plan with
