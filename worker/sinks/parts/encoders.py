"""Which encoder makes a format. Its library is imported here, and only then."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from worker.sinks.parts.part import Compression, Encoder, Format


def encoder_of(kind: Format, compression: Compression | None = None) -> Encoder:
    """The encoder of *kind*; without a *compression* Parquet has zstd, the others gzip.

    Raises:
        ImportError: its library is not installed.
    """
    if kind == "parquet":
        from worker.sinks.parts.parquet import ParquetEncoder  # noqa: PLC0415 - an extra

        return ParquetEncoder(compression or "zstd")
    if kind == "avro":
        from worker.sinks.parts.avro import AvroEncoder  # noqa: PLC0415 - an extra

        return AvroEncoder(compression or "gzip")
    from worker.sinks.parts.json_lines import NdjsonEncoder  # noqa: PLC0415 - zstd is an extra

    return NdjsonEncoder(compression or "gzip")
