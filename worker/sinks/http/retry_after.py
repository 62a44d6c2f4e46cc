"""Retry-After: takes the header of an answer, gives seconds. Pure."""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from datetime import datetime

MOST_SECONDS: Final = 3600.0
"""Nobody is silent for longer than this because of one answer."""
_LONGEST: Final = 12
"""Digits that are looked at."""


def seconds_of(retry_after: str | None, date: str | None, *, now: float) -> float | None:
    """How long the service asks to be left alone; None: it does not say, or nobody can read it.

    A moment is measured against *date*, the service's own clock, or else against *now* in Unix seconds.
    """
    text = (retry_after or "").strip()
    if text.isascii() and text.isdigit() and len(text) <= _LONGEST:
        return min(float(text), MOST_SECONDS)
    moment, theirs = _moment(text), _moment(date or "")
    if moment is None:
        return None
    since = theirs.timestamp() if theirs is not None else now
    return min(max(0.0, moment.timestamp() - since), MOST_SECONDS)


def _moment(text: str) -> datetime | None:
    try:
        return parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
