"""Parquet: the columns of `columns.py`, times as timestamps of UTC. Needs pyarrow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pyarrow as pa
from pyarrow import parquet

from worker.sinks.parts.texts import plain_row

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.message import Message
    from worker.sinks.parts.part import Compression
    from worker.sinks.parts.texts import PlainRow

_MOMENT: Final = pa.timestamp("us", tz="UTC")
SCHEMA: Final = pa.schema(
    [
        pa.field("message_id", pa.string(), nullable=False),
        pa.field("body", pa.string(), nullable=False),
        pa.field("sent_at", _MOMENT, nullable=False),
        pa.field("received_at", _MOMENT, nullable=False),
        pa.field("receive_count", pa.int32(), nullable=False),
        pa.field("group_id", pa.string()),
        pa.field("attributes", pa.string()),
    ]
)
_REPEATING: Final = ["receive_count", "group_id"]
"""Columns that repeat; the others are different in each row, and a dictionary of them would be built for nothing."""


STEP_ROWS: Final = 1_000
"""Rows that are taken over in one step, which holds up every other thread: a few milliseconds."""


class ParquetEncoder:
    """See `Encoder`."""

    content_type = "application/vnd.apache.parquet"
    suffix = ".parquet"

    def __init__(self, compression: Compression) -> None:
        self._compression = compression

    def row(self, message: Message) -> PlainRow:
        """Its columns."""
        return plain_row(message)

    def file(self, rows: Sequence[PlainRow], _digest: bytes) -> bytes:
        """One row group for each million rows, which is one."""
        batches = [_batch(rows[start : start + STEP_ROWS]) for start in range(0, len(rows), STEP_ROWS)]
        sink = pa.BufferOutputStream()
        parquet.write_table(
            pa.Table.from_batches(batches, SCHEMA),
            sink,
            compression=self._compression,
            use_dictionary=_REPEATING,
        )
        return bytes(sink.getvalue().to_pybytes())


def _batch(rows: Sequence[PlainRow]) -> pa.RecordBatch:
    columns = zip(*rows, strict=True)
    arrays = [pa.array(cells, field.type) for cells, field in zip(columns, SCHEMA, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=SCHEMA)
