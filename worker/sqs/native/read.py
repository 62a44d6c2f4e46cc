"""The JSON of SQS's answers, read: a document, one of our errors, or deliveries.

Takes whole answers of HTTP and gives what the shapes in `parse.py` are read from; most deliveries have a fast path
here with the same result. Pure. What SQS cannot have said becomes `QueueUnavailable`, never an empty success.
"""

from __future__ import annotations

import base64
import binascii
import json
from hashlib import md5
from typing import TYPE_CHECKING, Any, Final

import orjson

from worker import speedups
from worker.errors import QueueError, QueueUnavailable
from worker.message import NO_ATTRIBUTES, Delivery
from worker.sqs.errors import to_error
from worker.sqs.native.answer import NOT_SQS
from worker.sqs.parse import Damaged, to_answers, to_delivery, undamaged
from worker.sqs.queue import OK

if TYPE_CHECKING:
    from collections.abc import Callable

    from worker.sqs.native.answer import HttpAnswer
    from worker.sqs.parse import Json
    from worker.sqs.queue import EntryResult

NOT_UNDERSTOOD: Final = "NotUnderstood"
_SUCCESS: Final = range(200, 300)
_IDS: Final = tuple([{"Id": str(i)} for i in range(count)] for count in range(11))
"""What the successful half of an answer is when every entry of a batch of that many succeeded."""
_ALL_DONE: Final = tuple(
    tuple(
        orjson.dumps(said)
        for said in ({"Successful": ids}, {"Successful": ids, "Failed": []}, {"Failed": [], "Successful": ids})
    )
    for ids in _IDS
)
"""The whole of such an answer, by how many entries there were: nearly every one is that, byte by byte."""


def document(operation: str, answer: HttpAnswer) -> Json:
    """The JSON object of a successful answer.

    Raises:
        QueueError: SQS said no, or something else than SQS answered.
    """
    _require_success(operation, answer)
    return _object(operation, answer.body)


def _object(operation: str, body: bytes | bytearray) -> Json:
    try:
        read = orjson.loads(body)
    except ValueError:
        read = _carefully(operation, body)
    if not isinstance(read, dict):
        raise QueueUnavailable(operation, NOT_SQS, "the answer is JSON, but no object")
    return read


def _require_success(operation: str, answer: HttpAnswer) -> None:
    """That SQS itself has answered, and done what was asked.

    Raises:
        QueueError: see `document`.
    """
    if answer.status not in _SUCCESS:
        raise refusal(operation, answer)
    if not answer.headers.get(b"x-amzn-requestid"):
        words = "the answer has no request id; a proxy or another server answers in place of SQS"
        raise QueueUnavailable(operation, NOT_SQS, words)


def _carefully(operation: str, body: bytes | bytearray) -> Any:
    """The JSON in *body*. Half a surrogate pair, which orjson refuses, must not hide the nine other messages."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise QueueUnavailable(operation, NOT_SQS, "the answer is not JSON or was cut off") from error


def refusal(operation: str, answer: HttpAnswer) -> QueueError:
    """Our error for an answer that is no success, as the SDK would have named it.

    The older code in the header wins over the shape's name in the body; text that is no JSON is a proxy's.
    """
    try:
        read = orjson.loads(answer.body or b"{}")
    except ValueError:
        return to_error(operation, "", answer.status, bytes(answer.body[:1_000]).decode(errors="replace"))
    if not isinstance(read, dict):
        return QueueUnavailable(operation, NOT_UNDERSTOOD, f"a refusal in JSON that is a {type(read).__name__}")
    older, _, _ = answer.headers.get(b"x-amzn-query-error", b"").decode("latin-1").partition(";")
    shape = str(read.get("__type") or "").partition(":")[0]
    told = read.get("message") or read.get("Message") or ""
    return to_error(operation, older or shape, answer.status, str(told))


# ── deliveries ──────────────────────────────────────────────────────────────────────────────────────────────────────


def received(
    answer: HttpAnswer, *, leased_at: float, received_at: float, report: Callable[[Damaged], None]
) -> list[Delivery]:
    """What may be handled of the answer to a receive; *report* is told of each message that is damaged.

    Raises:
        QueueError: see `document`.
        ValueError: there is no list of messages.
    """
    _require_success("receive", answer)
    deliveries = speedups.deliveries(answer.body, leased_at, received_at)
    if deliveries is None:
        read = _object("receive", answer.body)
        return to_deliveries(read, leased_at=leased_at, received_at=received_at, report=report)
    return deliveries


def to_deliveries(
    read: Json, *, leased_at: float, received_at: float, report: Callable[[Damaged], None]
) -> list[Delivery]:
    """As `received`, of its document.

    Raises:
        ValueError: there is no list of messages.
    """
    messages = read.get("Messages") or []
    if not isinstance(messages, list):
        raise ValueError("the messages of an answer are no list")  # noqa: TRY004 - as for every wrong shape
    try:
        return plain(messages, leased_at, received_at)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        return _examined(messages, leased_at, received_at, report)


def plain(messages: list[dict[str, Any]], leased_at: float, received_at: float) -> list[Delivery]:
    """The deliveries in *messages* if all are the simplest there are: ids, a body and its hash, a time and a count.

    In one loop and by position, because without the extension in C this is done for every message.

    Raises:
        KeyError, TypeError, ValueError, AttributeError: one is not; `to_delivery` knows whether it is damaged.
    """
    deliveries: list[Delivery] = []
    for raw in messages:
        message_id, handle, body, system = raw["MessageId"], raw["ReceiptHandle"], raw["Body"], raw["Attributes"]
        sent = system["SentTimestamp"]
        if (
            len(raw) != 5  # noqa: PLR2004 - the five named here: nothing else is there to be read
            or len(system) != 2  # noqa: PLR2004 - the two named here
            or not (message_id and handle and sent.isdigit())
            or md5(body.encode(), usedforsecurity=False).hexdigest() != raw["MD5OfBody"]
        ):
            raise ValueError("not of the simplest kind")
        deliveries.append(
            Delivery(
                message_id + "",  # text, or TypeError
                handle + "",
                body,
                int(sent) / 1000,
                received_at,
                int(system["ApproximateReceiveCount"]),
                leased_at,
                attributes=NO_ATTRIBUTES,
            )
        )
    return deliveries


def _examined(
    messages: list[dict[str, Any]], leased_at: float, received_at: float, report: Callable[[Damaged], None]
) -> list[Delivery]:
    read = [to_delivery(decoded(raw), leased_at=leased_at, received_at=received_at) for raw in messages]
    for one in read:
        if isinstance(one, Damaged):
            report(one)
    return undamaged(messages, read)


def decoded(raw: dict[str, Any]) -> Json:
    """*raw* with its binary attributes as bytes, which JSON carries in base64; what is no base64 is left out."""
    attributes = raw.get("MessageAttributes")
    if not isinstance(attributes, dict):
        return raw
    return raw | {"MessageAttributes": {name: _with_bytes(value) for name, value in attributes.items()}}


def _with_bytes(value: Any) -> Any:
    if not isinstance(value, dict) or "BinaryValue" not in value:
        return value
    try:
        data = base64.b64decode(value["BinaryValue"], validate=True)
    except (binascii.Error, ValueError, TypeError):
        data = None
    return value | {"BinaryValue": data}


# ── batch calls ─────────────────────────────────────────────────────────────────────────────────────────────────────


def settled(operation: str, answer: HttpAnswer, asked: int) -> list[EntryResult]:
    """An answer for each of *asked* entries.

    Raises:
        QueueError: see `document`.
    """
    _require_success(operation, answer)
    if answer.body in _ALL_DONE[asked]:
        return [OK] * asked
    return to_answers(_object(operation, answer.body), asked)
