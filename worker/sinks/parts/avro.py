"""Avro: the columns of `columns.py`, times as timestamps of UTC. Needs fastavro."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Final

import fastavro

from worker.sinks.columns import COLUMNS
from worker.sinks.parts.texts import plain_row

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.message import Message
    from worker.sinks.parts.part import Compression
    from worker.sinks.parts.texts import PlainRow

_MOMENT: Final = {"type": "long", "logicalType": "timestamp-micros"}
_TYPES: Final = ("string", "string", _MOMENT, _MOMENT, "int", ["null", "string"], ["null", "string"])
SCHEMA: Final = fastavro.parse_schema(
    {
        "type": "record",
        "name": "message",
        "fields": [{"name": name, "type": kind} for name, kind in zip(COLUMNS, _TYPES, strict=True)],
    }
)
_CODECS: Final[dict[Compression, str]] = {"gzip": "deflate", "zstd": "zstandard", "none": "null"}
BLOCK_BYTES: Final = 256 * 1024
MARK_BYTES: Final = 16
"""What stands between blocks."""


class AvroEncoder:
    """See `Encoder`."""

    content_type = "application/vnd.apache.avro"
    suffix = ".avro"

    def __init__(self, compression: Compression) -> None:
        self._codec = _CODECS[compression]
        self.file([], b"\0" * MARK_BYTES)  # a codec may need a library

    def row(self, message: Message) -> PlainRow:
        """Its columns."""
        return plain_row(message)

    def file(self, rows: Sequence[PlainRow], digest: bytes) -> bytes:
        """A container. Records are made one by one, so that other threads have their turn between them."""
        out = io.BytesIO()
        records = (dict(zip(COLUMNS, row, strict=True)) for row in rows)
        fastavro.writer(
            out, SCHEMA, records, codec=self._codec, sync_interval=BLOCK_BYTES, sync_marker=digest[:MARK_BYTES]
        )
        return out.getvalue()
