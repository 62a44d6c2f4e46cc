"""Avro: takes a body, gives the datum in it, made by fastavro. A body of SQS is text, so it comes in base64.

Bounded before fastavro sees it: in bytes, and in values, members and levels by the schema (`proof.py`) or by a look at
the datum (`walk.py`). Ends in `DecodeError`; the body itself is never part of it.
"""

from __future__ import annotations

import io
import struct
from typing import TYPE_CHECKING, Any

from fastavro import schemaless_reader
from fastavro.read import SchemaResolutionError

from worker.codecs.avro.framing import place, splitter, unknown
from worker.codecs.avro.proof import bound, proven
from worker.codecs.avro.schemas import by_id, by_mark, reader_file, schema_file
from worker.codecs.avro.walk import Walk, walker
from worker.codecs.base64_text import unwrapped
from worker.codecs.codec import DecodeLimits, Reason
from worker.errors import DecodeError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from worker.codecs.avro.schemas import SchemaFile
    from worker.codecs.avro.settings import AvroSettings


class AvroCodec:
    """One datum a message. Stateless after construction, which reads the schemas."""

    name: str = "avro"

    def __init__(self, settings: AvroSettings, limits: DecodeLimits | None = None) -> None:
        """Read the schemas.

        Raises:
            StartRefused: a setting is missing, or a schema cannot be read.
        """
        self._limits = limits or DecodeLimits()
        self._framing = settings.framing
        self._split = splitter(settings.framing)
        reader = reader_file("AVRO_READER_FILE", settings.reader_file) if settings.reader_file else None
        self._readers = {name: DatumReader(one, reader, self._limits) for name, one in _writers(settings).items()}

    def decode(self, body: str) -> object:
        """The datum of *body*; see the protocol."""
        raw = unwrapped(body, self._limits)
        name, begin = self._split(raw)
        reader = self._readers.get(name)
        if reader is None:
            raise unknown(self._framing, name)
        return reader.read(raw, begin)


def _writers(settings: AvroSettings) -> Mapping[bytes, SchemaFile]:
    """The schemas by the names that bodies have for them."""
    variable, path = place(settings)
    if settings.framing == "raw":
        return {b"": schema_file(variable, path)}
    return by_mark(variable, path) if settings.framing == "single-object" else by_id(variable, path)


class DatumReader:
    """Reads what was written with one schema."""

    def __init__(self, writer: SchemaFile, reader: SchemaFile | None, limits: DecodeLimits) -> None:
        self._writer = writer.schema
        self._reader = reader.schema if reader else None
        self._limits = limits
        self._bound = bound(writer.schema, writer.named)
        self._walk = walker(writer.schema, writer.named)

    def read(self, raw: bytes, begin: int) -> object:
        """The datum that fills *raw* from *begin* to its end.

        Raises:
            DecodeError: a bound is passed, it is torn, or the reader's schema cannot take it.
        """
        if not proven(self._bound, len(raw) - begin, self._limits):
            self._walk(Walk(raw, begin, self._limits))
        file = io.BytesIO(raw)
        file.seek(begin)
        value = self._made(file)
        if (left := len(raw) - file.tell()) > 0:
            raise DecodeError(Reason.DECODE, f"{left:,} bytes follow the datum")
        return value if self._reader is None else _own(value)

    def _made(self, file: io.BytesIO) -> Any:
        try:
            return schemaless_reader(file, self._writer, self._reader)
        except SchemaResolutionError:
            raise DecodeError(Reason.SCHEMA, "the reader's schema cannot take what this one writes") from None
        except UnicodeDecodeError:
            raise DecodeError(Reason.UNICODE, f"a text before byte {file.tell()} is no UTF-8") from None
        except (EOFError, LookupError, ValueError, TypeError, OverflowError, struct.error) as error:
            raise DecodeError(Reason.DECODE, f"{type(error).__name__} at byte {file.tell()}") from None


def _own(value: Any) -> Any:
    """*value* with containers of its own: one default of a reader's schema is in every datum that lacks the field."""
    if isinstance(value, dict):
        return {key: _own(inner) for key, inner in value.items()}
    return [_own(inner) for inner in value] if isinstance(value, list) else value
