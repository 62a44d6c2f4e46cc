"""Answers: what the sink's answer to a batch, or its error, means for each record. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from worker.errors import BatchFailed, SinkRefused
from worker.outcome import DONE, Outcome, Reject, Rejected, Retried, Retry

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class ToHalve:
    """Something in the batch was refused: it is found by halving, and a record that is alone gets this answer."""

    alone: Retried | Rejected


def outcomes_of(answers: Sequence[Retried | Rejected | None], count: int) -> list[Outcome]:
    """The sink's *answers* to *count* records; nearly always it has taken them all, which is found out by counting.

    Raises:
        ValueError: it answered for another number of records.
    """
    if len(answers) != count:
        raise ValueError("the sink answered for another number of records")
    if answers.count(None) == count:
        return [DONE] * count
    return [DONE if answer is None else answer for answer in answers]


def meaning_of(error: BaseException, count: int) -> list[Outcome] | ToHalve:
    """What an *error* of the sink says of the *count* records it was given."""
    match error:
        case Retry():
            return [Retried(error.reason, error.after)] * count
        case Reject():
            return [Rejected(error.reason, error.detail)] * count
        case BatchFailed():
            return ToHalve(Retried(error.reason, detail=error.detail))
        case SinkRefused():
            return ToHalve(Rejected("sink-data", detail=str(error)))
        case _:  # a sink's bug ends as the outcome of the record that shows it
            return ToHalve(Retried(type(error).__name__, detail="unexpected in the sink"))
