"""NDJSON: a line of JSON for each message, with the decoded value as `body`; the whole compressed, or not."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING, Final

from worker.sinks.columns import as_json, as_object

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from worker.message import Message
    from worker.sinks.parts.part import Compression

GZIP_LEVEL: Final = 4
"""Two thirds of the CPU of gzip's own 6, for files that are a seventh larger."""
ZSTD_LEVEL: Final = 3
_SUFFIXES: Final[dict[Compression, str]] = {"gzip": ".gz", "zstd": ".zst", "none": ""}


class NdjsonEncoder:
    """See `Encoder`."""

    content_type = "application/x-ndjson"

    def __init__(self, compression: Compression) -> None:
        self.suffix = ".ndjson" + _SUFFIXES[compression]
        self._compressed = _compressor(compression)

    def row(self, message: Message) -> bytes:
        """A line, without its end."""
        return as_json(as_object(message))

    def file(self, rows: Sequence[bytes], _digest: bytes) -> bytes:
        """All lines."""
        return self._compressed(b"\n".join([*rows, b""]))


def _compressor(compression: Compression) -> Callable[[bytes], bytes]:
    if compression == "gzip":
        return lambda data: gzip.compress(data, GZIP_LEVEL, mtime=0)
    if compression == "none":
        return bytes
    from zstandard import ZstdCompressor  # noqa: PLC0415 - an extra

    # One for each file: a compressor is not for several threads at once.
    return lambda data: ZstdCompressor(level=ZSTD_LEVEL).compress(data)
