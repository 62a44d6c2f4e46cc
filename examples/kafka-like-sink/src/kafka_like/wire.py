"""What the sink and the broker say to each other: frames of four bytes of length and a JSON object.

| request | answer |
|---|---|
| `{"hello": topic, "token": …, "make": partitions or 0}` | `{"partitions": n}`, n is 0 if there is no such topic |
| `{"append": [[partition, key, body, sent_at], …], "flush": bool}` | `{"refused": {index: why}}`, the rest is kept |

Either may be answered by `{"error": code, "detail": …}`: `denied`, `no-topic`, `disk`.
"""

from __future__ import annotations

import json
import struct
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from asyncio import StreamReader
    from collections.abc import Mapping

HEAD: Final = struct.Struct(">I")
LARGEST: Final = 67_108_864
"""Bytes of a frame; more is no frame."""


class Malformed(ValueError):
    """What came is no frame."""


def frame(message: Mapping[str, object]) -> bytes:
    """*message*, ready to be sent."""
    payload = json.dumps(message, separators=(",", ":")).encode()
    return HEAD.pack(len(payload)) + payload


async def read_frame(reader: StreamReader) -> dict[str, Any]:
    """The next message.

    Raises:
        EOFError: the other side has gone.
        Malformed: this is another protocol.
    """
    (size,) = HEAD.unpack(await reader.readexactly(HEAD.size))
    if size > LARGEST:
        raise Malformed(f"a frame of {size:,} bytes")
    try:
        message = json.loads(await reader.readexactly(size))
    except ValueError as error:
        raise Malformed("no JSON") from error
    if not isinstance(message, dict):
        raise Malformed("no object")
    return message
