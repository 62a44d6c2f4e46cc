"""Where lines go: a file that several workers may share, or a stream such as standard output.

Takes whole lines as bytes; gives them to the file and on to the disk, or leaves the file as it was. Ends in `OSError`.
Every method runs in the one thread that writes.
"""

from __future__ import annotations

import fcntl
import os
import select
import stat
import time
from pathlib import Path
from typing import Final

from worker.sinks.disk import prove_creatable

_LOCK_SECONDS: Final = 0.25
"""How long another worker may hold the file before we report it as locked."""
_LOCK_POLL_SECONDS: Final = 0.005
_STREAM_SECONDS: Final = 5.0
"""How long the reader of a stream may not read before we report it."""


class NotAFile(OSError):
    """The path names something that lines cannot be taken back from: a directory, a pipe, a device."""


class LineFile:
    """A regular file, appended to under a lock, so that a batch is whole or not there at all.

    Renamed meanwhile (log rotation), the next batch goes to a new file; deleted meanwhile, the batch fails.
    """

    def __init__(self, path: str) -> None:
        self._path = Path(path)
        self._descriptor: int | None = None
        """Written by `open` and `close`."""

    def open(self) -> int:
        """Open or create the file (mode 0600) and prove that it is one."""
        descriptor = self._open(os.O_CREAT)
        self._sync_directory()
        return descriptor

    def _open(self, creating: int) -> int:
        self.close()
        # NONBLOCK: a named pipe must be refused, not waited for.
        flags = os.O_RDWR | os.O_APPEND | creating | os.O_NONBLOCK | os.O_CLOEXEC
        descriptor = os.open(self._path, flags, stat.S_IRUSR | stat.S_IWUSR)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise NotAFile(f"{self._path} is not a regular file")
        self._descriptor = descriptor
        return descriptor

    def check(self) -> bool:
        """Prove that `open` would succeed, and leave nothing behind; False: there is no such file yet."""
        if not self._path.exists():
            prove_creatable(self._path)
            return False
        self._open(0)
        self.close()
        return True

    def append(self, lines: bytes) -> None:
        """Write *lines*, and wait until the disk has them."""
        if self._descriptor is None or not self._is_current(self._descriptor):
            self.open()
        assert self._descriptor is not None  # noqa: S101 - open() has set it or raised
        _lock(self._descriptor)
        try:
            self._append(self._descriptor, lines)
        finally:
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)
        if os.fstat(self._descriptor).st_nlink == 0:
            raise FileNotFoundError(f"{self._path} was deleted while it was open")

    def close(self) -> None:
        """Give the file back."""
        if self._descriptor is not None:
            descriptor, self._descriptor = self._descriptor, None
            os.close(descriptor)

    def _append(self, descriptor: int, lines: bytes) -> None:
        size = os.fstat(descriptor).st_size
        # A worker that died half way has left a torn line: end it, so that it spoils no other.
        torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
        payload = b"\n" + lines if torn else lines
        written = 0
        try:
            while written < len(payload):
                written += os.write(descriptor, memoryview(payload)[written:])
            os.fsync(descriptor)
        except OSError:
            # Cut back to the last whole batch, unless somebody without our lock has appended meanwhile.
            if os.fstat(descriptor).st_size == size + written:
                os.ftruncate(descriptor, size)
            raise

    def _is_current(self, descriptor: int) -> bool:
        """Whether the path still names the file that is open."""
        try:
            return os.path.samestat(self._path.stat(), os.fstat(descriptor))
        except FileNotFoundError:
            return False

    def _sync_directory(self) -> None:
        """A new file survives a power cut only when its directory is on the disk, too."""
        directory = os.open(self._path.parent, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


class LineStream:
    """A descriptor that we did not open: standard output. What is written to it cannot be taken back."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._torn = False
        """The last write ended within a line. Written by `append`."""

    def open(self) -> int:
        """Prove that the descriptor is open."""
        os.fstat(self._descriptor)
        return self._descriptor

    def check(self) -> bool:
        """As `open`."""
        self.open()
        return True

    def append(self, lines: bytes) -> None:
        """Write *lines*; a line torn by an earlier failure is ended first."""
        rest = memoryview(b"\n" + lines if self._torn else lines)
        while rest:
            try:
                written = os.write(self._descriptor, rest)
            except BlockingIOError:
                self._wait()
                continue
            rest = rest[written:]
            self._torn = bool(rest)

    def close(self) -> None:
        """Leave it open: it is not ours."""

    def _wait(self) -> None:
        if not select.select([], [self._descriptor], [], _STREAM_SECONDS)[1]:
            raise TimeoutError("nobody reads the stream")


def _lock(descriptor: int) -> None:
    """Take the file for one batch; a worker that hangs with it must not hang us."""
    until = time.monotonic() + _LOCK_SECONDS
    while True:
        try:
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until:
                raise
        time.sleep(_LOCK_POLL_SECONDS)
