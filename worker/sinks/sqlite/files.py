"""The file of a database and its write-ahead log: made for their owner alone, and known again after every commit.

Takes a path; says `FileLost` when what is there is not what was opened. A file that was deleted takes writes without a
word, and the log of a file that is gone would be replayed into the next one. Used in the thread that writes.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

_LOG: Final = "-wal"
"""SQLite's suffix for the write-ahead log."""

Identity = tuple[int, int]


class FileLost(OSError):
    """The file at the path is not the one we wrote to; what was committed there is gone with it."""


class DatabaseFiles:
    """The file at one path, and its log beside it."""

    def __init__(self, path: str) -> None:
        self.path = Path(path)
        self._log = Path(path + _LOG)
        """SQLite puts it beside the file, not beside a symbolic link to it. Written by `remember`."""
        self._before: Identity | None = None
        """The file as it was before SQLite opened it. Written by `prepare`."""
        self._identities: dict[Path, Identity] = {}
        """The files as they were opened. Written by `remember`."""

    def prepare(self) -> None:
        """Before SQLite opens the file: create it if it is missing.

        Raises:
            FileLost: the log that is there belongs to a file that is gone.
        """
        self._refuse_foreign_log()
        _create_private(self.path)
        self._before = _identity(self.path)

    def remember(self) -> None:
        """After SQLite has opened it: which file it is, and which log (there is none on disks without shared memory).

        Raises:
            FileLost: it was replaced meanwhile.
        """
        self._log = Path(os.path.realpath(self.path) + _LOG)
        self._identities = {path: _identity(path) for path in (self.path, self._log) if path.exists()}
        if self._identities.get(self.path) != self._before:
            raise FileLost(f"{self.path} was replaced while it was opened")

    def lost(self) -> Path | None:
        """Which of them was deleted or replaced since; None: both are what they were."""
        return next((path for path, identity in self._identities.items() if not _is(path, identity)), None)

    def _refuse_foreign_log(self) -> None:
        log = self._log
        theirs = self.path in self._identities and not _is(self.path, self._identities[self.path])
        if theirs and log in self._identities and _is(log, self._identities[log]) and log.stat().st_size:
            raise FileLost(f"{log} belongs to the file that was here before; move it away")


def _create_private(path: Path) -> None:
    """Create the file for its owner alone, if it is missing.

    Exclusively: closing a file that SQLite has open elsewhere in this process would drop SQLite's locks on it.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, stat.S_IRUSR | stat.S_IWUSR)
    except FileExistsError:
        return
    os.close(descriptor)


def _identity(path: Path) -> Identity:
    status = path.stat()
    return status.st_dev, status.st_ino


def _is(path: Path, identity: Identity) -> bool:
    try:
        return _identity(path) == identity
    except OSError:
        return False
