"""Answers as SQS spells them, and the same with something wrong."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, Final

from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from random import Random

HANDLE: Final = "AQEB" + "x+/=" * 100
PIECES: Final = (
    b'"', b"\\", b"\\u00e9", b"\xff", b"\xc3\xa9", b"\0", b"{", b"}", b"]", b",", b" ", b"\r\n", b":", b"0", b"\\n",
    b"null", b"-1", b"9" * 20, b'"Body":"x",', b'"StringValue":"x",', b"Binary", b"{}", b'"SequenceNumber":"1",',
    b"Content-Length: 2\r\n", b"Connection: close\r\n",
)  # fmt: skip
"""What is put into an answer to spoil it, or not."""
SYSTEM: Final = {
    "MessageGroupId": "customer-7",
    "MessageDeduplicationId": "d-1",
    "SequenceNumber": "18849496460467696128",
    "AWSTraceHeader": "Root=1-5759e988-bd862e3fe1be46a994272793",
}
ATTRIBUTES: Final = {
    "kind": {"DataType": "String", "StringValue": "order.created"},
    "größe": {"StringValue": "12", "DataType": "Number.int"},
}
EVERYTHING: Final[Mapping[str, Any]] = {"system": SYSTEM, "attributes": ATTRIBUTES}
"""What `message` may be given besides."""


def message(
    body: str,
    *,
    number: int = 0,
    handle: str = HANDLE,
    system: Mapping[str, str] | None = None,
    attributes: Mapping[str, object] | None = None,
) -> dict[str, object]:
    """One message as it comes, with what the queue says of it in *system* and attributes if there are any."""
    spelled: dict[str, object] = {
        "MessageId": f"00000000-0000-0000-0000-{number:012}",
        "ReceiptHandle": handle,
        "MD5OfBody": hashlib.md5(body.encode(), usedforsecurity=False).hexdigest(),
        "Body": body,
        "Attributes": {
            "SentTimestamp": f"17000000001{number:02}",
            "ApproximateReceiveCount": str(number + 1),
            **(system or {}),
        },
    }
    if attributes:
        spelled |= {"MD5OfMessageAttributes": "0" * 32, "MessageAttributes": dict(attributes)}
    return spelled


def of_messages(messages: Sequence[Mapping[str, object]], *, ascii_only: bool = False) -> bytes:
    """The body of an answer to a receive."""
    return json.dumps({"Messages": messages}, ensure_ascii=ascii_only, separators=(",", ":")).encode()


def document(bodies: Sequence[str], *, ascii_only: bool = False) -> bytes:
    """The same, of messages that have nothing but *bodies*."""
    return of_messages([message(body, number=number) for number, body in enumerate(bodies)], ascii_only=ascii_only)


def answered(body: bytes, *headers: str) -> bytes:
    """The whole HTTP answer around *body*."""
    lines = ("x-amzn-RequestId: 1-2", "Date: Wed, 25 Nov 2026 00:00:00 GMT", "Content-Type: application/x-amz-json-1.0")
    head = "".join(f"{line}\r\n" for line in (*lines, *headers, f"Content-Length: {len(body)}"))
    return f"HTTP/1.1 200 OK\r\n{head}\r\n".encode() + body


def spoiled(data: bytes, random: Random) -> bytes:
    """*data* with up to three changes: a piece put in, taken out, written over, or the end cut off."""
    for _ in range(random.randint(1, 3)):
        at, size = random.randrange(len(data) + 1), random.choice((0, 1, 1, 2, 40))
        put_in = random.choice(PIECES) if random.random() < 0.8 else b""
        end = len(data) if random.random() < 0.1 else at + size
        data = data[:at] + put_in + data[end:]
    return data


texts: Final = st.text(st.characters(exclude_categories=["Cs"]), max_size=70)
bodies: Final = st.lists(texts, min_size=1, max_size=10)
plain_texts: Final = st.text(st.characters(min_codepoint=32, max_codepoint=126, exclude_characters='"\\'), max_size=30)
systems: Final = st.fixed_dictionaries(
    {},
    optional={
        "MessageGroupId": plain_texts,
        "MessageDeduplicationId": plain_texts,
        "SequenceNumber": st.integers(0, 10**39).map(str),
        "AWSTraceHeader": plain_texts,
    },
)
attribute_texts: Final = st.text(st.characters(min_codepoint=32, exclude_categories=["Cs"], exclude_characters='"\\'))
attributes: Final = st.dictionaries(
    attribute_texts,
    st.builds(
        lambda kind, value: {"DataType": kind, "StringValue": value},
        st.sampled_from(["String", "Number", "String.json", "Number.int", ""]),
        attribute_texts,
    ),
    max_size=10,
)
messages: Final = st.builds(
    message, texts, number=st.integers(0, 99), system=st.none() | systems, attributes=st.none() | attributes
)
"""What the fast path takes."""
