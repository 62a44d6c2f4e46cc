"""One part: the bytes of a file, made of messages, with an answer for each of them and a name made of what they say.

`make_part` takes messages and an encoder; it is slow, and belongs in a thread. A key stands in a part once: the first
of two messages with one key is kept. What the format cannot hold is rejected alone.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

from worker.outcome import Rejected

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from worker.message import Message

Format = Literal["ndjson", "parquet", "avro"]
Compression = Literal["gzip", "zstd", "none"]

DIGEST_CHARACTERS: Final = 32
"""Of 64: more than enough to tell batches apart."""
_UNWRITABLE: Final = (TypeError, ValueError, RecursionError)
"""What encoders raise for a message that their format cannot hold."""


class Encoder(Protocol):
    """A format. Its methods run in a thread, several at once."""

    suffix: str
    """At the end of a file's name: `.ndjson.gz`."""
    content_type: str

    def row(self, message: Message) -> Any:
        """*message* as this format wants it.

        Raises:
            TypeError, ValueError, RecursionError: it cannot be held.
        """
        ...

    def file(self, rows: Sequence[Any], digest: bytes) -> bytes:
        """A whole file of *rows*. *digest* stands where a format wants chance, so that a file can be made again."""
        ...


@dataclass(frozen=True, slots=True)
class PartFile:
    """A file to be stored."""

    data: bytes
    """Empty if no message could be held."""
    rows: int
    name: str
    """Made of ids, keys and bodies: the same for the same messages, in whatever order and however often received."""
    answers: list[Rejected | None]
    """One for each message, in order."""


def make_part(messages: Sequence[Message], encoder: Encoder) -> PartFile:
    """A part of *messages*, in their order."""
    kept: dict[str, Message] = {}
    rows: list[Any] = []
    answers: list[Rejected | None] = []
    for message in messages:
        answer = None
        if message.key not in kept:
            try:
                rows.append(encoder.row(message))
                kept[message.key] = message
            except _UNWRITABLE as error:
                answer = Rejected("sink-data", f"no row of {encoder.suffix}: {type(error).__name__}")
        answers.append(answer)
    digest = _digest(kept.values())
    data = encoder.file(rows, digest) if rows else b""
    return PartFile(data, len(rows), digest.hex()[:DIGEST_CHARACTERS], answers)


def _digest(messages: Collection[Message]) -> bytes:
    """Of what the sender sent alone: times and counts of receipt are others when a batch comes again."""
    ordered = sorted(messages, key=attrgetter("id"))
    text = "\n".join([f"{len(m.body)} {len(m.key)} {m.id} {m.key} {m.body}" for m in ordered])
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
