"""What a service's answer means for the messages that were sent to it. Pure.

Takes a `ServiceAnswer`; gives an outcome for each message, or raises: away (nothing is wrong with the messages),
contended, or refused. What only a change of settings or rights can mend is *away*, too: rejecting for it would send the
whole queue to the dead letters. Texts hold codes and names of headers, never what a body says.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import orjson

from worker.errors import SinkContended, SinkRefused, SinkUnavailable
from worker.outcome import Rejected, Retried

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.message import Message

Outcomes = list[Retried | Rejected | None]

MULTI_STATUS: Final = 207
_PASSING: Final = frozenset({408, 424, 425, 429})
"""Beside 5xx: too slow, too early, too many, or something behind the service failed."""
_CONTENDED: Final = frozenset({409, 423})
"""The same idempotency key is being worked on, or something in the batch is locked."""
_RIGHTS: Final = frozenset({401, 403, 407})
_SETTINGS: Final = {
    401: "correct HTTP_HEADERS, HTTP_SECRET or HTTP_CLIENT_CERT",
    402: "the service wants to be paid",
    403: "correct HTTP_HEADERS, HTTP_SECRET or HTTP_CLIENT_CERT, or the rights that they have there",
    404: "correct HTTP_URL",
    405: "correct HTTP_URL: nothing takes a POST there",
    406: "correct Accept in HTTP_HEADERS",
    407: "a proxy on the way asks for credentials; the worker speaks to none on purpose",
    410: "correct HTTP_URL: it is gone for good",
    411: "what stands before the service wants another HTTP",
    415: "correct HTTP_FORMAT, HTTP_COMPRESSION, or Content-Type in HTTP_HEADERS",
    417: "correct HTTP_HEADERS",
    421: "correct the host in HTTP_URL",
    426: "correct HTTP_URL: the service wants another protocol",
    431: "shorten HTTP_HEADERS",
    451: "the service may not take them, by law",
}
"""What no message is to blame for, with what mends it."""
_CODE: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,39}")
"""A code of the service's, which may travel on; anything longer could quote a body."""


@dataclass(frozen=True, slots=True)
class ServiceAnswer:
    """One answer, with no more of its body than a bound."""

    status: int
    body: bytes = b""
    whole: bool = True
    """False: the body was longer than the bound."""
    pause_seconds: float | None = None
    """What `Retry-After` asks for."""


def outcomes_of(answer: ServiceAnswer, sent: Sequence[Message]) -> Outcomes:
    """The outcome of each message of *sent*.

    Raises:
        SinkUnavailable: nothing says that they were taken, and none of them is to blame.
        SinkContended: something in the batch is held up.
        SinkRefused: something in the batch of several is refused.
    """
    status = answer.status
    if status == MULTI_STATUS:
        return _each(answer, sent)
    if is_success(status):
        return [None] * len(sent)
    if status in _CONTENDED:
        raise SinkContended(f"the service answers {status}")
    if is_records_fault(status):
        if len(sent) == 1:
            return [Rejected("sink-data", f"the service answers {status}")]
        raise SinkRefused(f"the service answers {status}")
    raise SinkUnavailable(f"the service answers {status}{_hint(status)}")


def judge_check(answer: ServiceAnswer) -> None:
    """Return if the answer to a check says that all is well.

    Raises:
        SinkUnavailable: it will pass.
        SinkRefused: somebody has to change something; says what.
    """
    status = answer.status
    if is_success(status):
        return
    if is_passing(status):
        raise SinkUnavailable(f"HTTP_CHECK_URL answers {status}")
    raise SinkRefused(f"HTTP_CHECK_URL answers {status}{_hint(status).replace('HTTP_URL', 'HTTP_CHECK_URL')}")


def is_success(status: int) -> bool:
    """2xx."""
    return 200 <= status <= 299  # noqa: PLR2004 - the class of the status


def is_passing(status: int) -> bool:
    """Whether the same request may well succeed later."""
    return status in _PASSING or status in _CONTENDED or status >= 500  # noqa: PLR2004 - as above


def is_records_fault(status: int) -> bool:
    """Whether a message can be to blame: 400, 413, 422 and every other 4xx that is not known for something else."""
    return 400 <= status <= 499 and status not in _SETTINGS and not is_passing(status)  # noqa: PLR2004 - as above


def _hint(status: int) -> str:
    if 300 <= status <= 399:  # noqa: PLR2004 - as above
        return ", a redirect, which is not followed; set HTTP_URL to where it leads"
    fix = _SETTINGS.get(status)
    return f"; {fix}" if fix else ""


def _each(answer: ServiceAnswer, sent: Sequence[Message]) -> Outcomes:
    entries = _entries(answer, sent)
    return [_outcome(entry, answer.pause_seconds) for entry in entries]


def _entries(answer: ServiceAnswer, sent: Sequence[Message]) -> list[object]:
    """What is said of each message: an object has them by `message_id`, an array in the order of the request."""
    try:
        said = orjson.loads(answer.body) if answer.whole else None
    except orjson.JSONDecodeError:
        said = None
    if isinstance(said, dict):
        return [said.get(message.key) for message in sent]
    if isinstance(said, list) and len(said) == len(sent):
        return said
    raise SinkUnavailable(
        "the service answers 207, but not with a status for each message: a JSON object by message_id, or an array in"
        " the order of the request"
    )


def _outcome(entry: object, pause_seconds: float | None) -> Retried | Rejected | None:
    status, code = _read(entry)
    if status is None:
        return Retried("http-unanswered", after=pause_seconds, detail="the 207 says nothing of it that can be read")
    if is_success(status):
        return None
    detail = f"the service answers {status}" + (f" {code}" if code else "")
    if is_passing(status) or status in _RIGHTS or status < 400:  # noqa: PLR2004 - as above
        return Retried(f"http-{status}", after=pause_seconds, detail=detail)
    return Rejected("sink-data", detail)


def _read(entry: object) -> tuple[int | None, str]:
    """Status and code of an entry: a number, or an object with `status` and perhaps `code`."""
    status, code = (entry.get("status"), entry.get("code")) if isinstance(entry, dict) else (entry, None)
    if not isinstance(status, int) or isinstance(status, bool) or not 200 <= status <= 599:  # noqa: PLR2004 - as above
        return None, ""
    return status, code if isinstance(code, str) and _CODE.fullmatch(code) else ""
