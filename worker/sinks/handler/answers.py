"""What your function said, as outcomes: takes what it returned or raised, gives None, `Retried` or `Rejected`.

None means done. Pure functions. What speaks of the whole batch is a `SinkError`: raised, or, by `spoken` and `meaning`,
given.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from pathlib import PurePath
from typing import Final

from worker.errors import BatchFailed, SinkError
from worker.outcome import Done, Reject, Rejected, Retried, Retry

Answer = Retried | Rejected | None

Said = list[Answer] | SinkError
"""What a call comes to: an answer for each message, or one word for all of them."""


@dataclass(frozen=True, slots=True)
class Failed(Retried):
    """A retry that your function did not ask for: it failed, and said nothing of what it had been given."""


CONTRACT: Final = "handler-contract"
"""The reason when a function answers something that has no meaning; the detail says what."""
_DETAIL_CHARACTERS: Final = 200
_SAID_CHARACTERS: Final = 512
"""Of a reason or a detail that your function gave; it travels in an attribute of the dead letter."""


def answer_to_error(error: BaseException) -> Retried | Rejected:
    """What *error*, raised by your function, means for what it was given."""
    match error:
        case Retry():
            return _plain(Retried(error.reason, error.after))
        case Reject():
            return _plain(Rejected(error.reason, error.detail))
        case _:
            return Failed(type(error).__name__, detail=_describe(error))


def answers_to_failure(said: Retried | Rejected, count: int) -> list[Answer]:
    """What *said*, raised instead of an answer, means for each of *count* messages.

    `Retry` and `Reject` speak for all of them.

    Raises:
        BatchFailed: anything else speaks of one of several, and nobody knows of which.
    """
    if count > 1 and isinstance(said, Failed):
        raise BatchFailed(said.reason, said.detail)
    return [_plain(said)] * count


def spoken(said: Retried | Rejected, count: int) -> Said:
    """What *said* means for *count* messages, as a value."""
    try:
        return answers_to_failure(said, count)
    except SinkError as error:
        return error


def meaning(error: BaseException, count: int) -> Said:
    """What *error*, raised by your function, means for *count* messages; whatever its class does when it is asked."""
    if isinstance(error, SinkError):
        return error
    try:
        return spoken(answer_to_error(error), count)
    except BaseException:  # noqa: BLE001 - an exception that raises when it is looked at
        return spoken(Failed("unreadable", detail="an exception that raises when its text is read"), count)


def answers_to_batch(returned: object, count: int) -> list[Answer]:
    """What *returned* means for each of *count* messages: None all done, else one answer for each.

    Raises:
        BatchFailed: there are more answers or fewer, so one of the messages made it miscount.
    """
    if returned is None:
        return [None] * count
    if not isinstance(returned, Sequence) or isinstance(returned, str | bytes):
        return [_plain(_breach(f"{type(returned).__name__} returned; None or a list is expected"))] * count
    if len(returned) != count:
        return answers_to_failure(_breach(f"{len(returned)} answers to {count} messages"), count)
    return [_answer_to_one(answer) for answer in returned]


def _answer_to_one(answer: object) -> Answer:
    """One place of the list that a batch function returned."""
    match answer:
        case None | Done():
            return None
        case Retried() | Rejected():
            return _plain(answer)
        case BaseException():
            return _plain(answer_to_error(answer))
        case _:
            return _plain(_breach(f"{type(answer).__name__} is no answer; None, Retry or Reject is expected"))


def answer_to_single(returned: object) -> Answer:
    """What a function of one message returned is ignored, unless it is work that nobody has done yet."""
    if inspect.isgenerator(returned) or inspect.isasyncgen(returned):
        return Retried(CONTRACT, detail="a generator was returned, so nothing has run")
    if isinstance(returned, Retried | Rejected):
        return _plain(returned)
    return answer_to_error(returned) if isinstance(returned, Retry | Reject) else None


def _plain(answer: Retried | Rejected) -> Retried | Rejected:
    """*answer* with values of the types it promises: Python checked none of what your function put into it.

    A pause that is no number of seconds (`"5"`, a timedelta, NaN, infinity) is left to the backoff.
    """
    if isinstance(answer, Rejected):
        return Rejected(_short(answer.reason), _short(answer.detail))
    after: object = answer.after
    usable = isinstance(after, int | float) and -inf < after < inf
    return Retried(_short(answer.reason), answer.after if usable else None, _short(answer.detail))


def _short(said: object) -> str:
    return str(said)[:_SAID_CHARACTERS]


def _breach(detail: str) -> Failed:
    return Failed(CONTRACT, detail=detail)


def _describe(error: BaseException) -> str:
    """Where it was raised and the function's own words, cut short."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f"{PurePath(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}: " if trace is not None else ""
    return f"{place}{_words(error)}"[:_DETAIL_CHARACTERS]


def _words(error: BaseException) -> str:
    """Its text. A class of yours may raise while it makes that, and what it raises is not to be let through."""
    try:
        return str(error)
    except BaseException as another:  # noqa: BLE001 - even of a class that nobody should raise
        return f"its text cannot be read: that raises {type(another).__name__}"
