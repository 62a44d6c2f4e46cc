"""A partition on disk: lines of JSON in a file, each ended by a line feed, appended to by one process."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


class Partition:
    """One file. What a process left half written when it died is cut off when the next one opens it."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        whole = path.read_bytes().rfind(b"\n") + 1
        os.ftruncate(self._file, whole)
        self._size = whole

    def append(self, lines: Iterable[bytes]) -> None:
        """Write *lines*; all of them or, if the disk does not take them, none."""
        payload = b"".join(line + b"\n" for line in lines)
        written = 0
        try:
            while written < len(payload):
                written += os.write(self._file, payload[written:])
        except OSError:
            os.ftruncate(self._file, self._size)
            raise
        self._size += written

    def flush(self) -> None:
        """Wait until the disk has it."""
        os.fsync(self._file)
