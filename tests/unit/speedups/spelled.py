"""Answers as SQS spells them, and the same with something wrong."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Final

from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

HANDLE: Final = "AQEB" + "x+/=" * 100
PIECES: Final = (
    b'"', b"\\", b"\\u00e9", b"\xff", b"\xc3\xa9", b"\0", b"{", b"}", b"]", b",", b" ", b"\r\n", b":", b"0",
    b"\\n", b"null", b"-1", b"9" * 20, b'"Body":"x",', b"Content-Length: 2\r\n", b"Connection: close\r\n",
)  # fmt: skip
"""What is put into an answer to spoil it, or not."""


def message(body: str, *, number: int = 0, handle: str = HANDLE) -> dict[str, object]:
    """One message of the usual kind."""
    return {
        "MessageId": f"00000000-0000-0000-0000-{number:012}",
        "ReceiptHandle": handle,
        "MD5OfBody": hashlib.md5(body.encode(), usedforsecurity=False).hexdigest(),
        "Body": body,
        "Attributes": {"SentTimestamp": f"17000000001{number:02}", "ApproximateReceiveCount": str(number + 1)},
    }


def document(bodies: Sequence[str], *, ascii_only: bool = False) -> bytes:
    """The body of an answer to a receive."""
    messages = [message(body, number=number) for number, body in enumerate(bodies)]
    return json.dumps({"Messages": messages}, ensure_ascii=ascii_only, separators=(",", ":")).encode()


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


bodies: Final = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=70), min_size=1, max_size=10)
