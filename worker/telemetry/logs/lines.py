"""Lines to a stream from a thread of its own, so that a full pipe holds up nobody.

Takes whole lines from any thread, keeps at most `CAPACITY_BYTES` waiting, and drops and counts what does not fit or
cannot be written. `close` gives the thread a moment to write what is left, then lets go of it.
"""

from __future__ import annotations

import os
import select
import threading
from collections import deque
from typing import IO, TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

CAPACITY_BYTES: Final = 4 * 1024 * 1024
"""Some ten thousand lines: seconds of a worker that complains, and little beside the messages in flight."""
ATOMIC_BYTES: Final = 4096
"""PIPE_BUF: what one write to a pipe keeps in one piece when several workers share it."""
_PATIENCE_MILLISECONDS: Final = 500
"""How long a wait for a full non-blocking stream lasts before looking whether we are closing."""


class LineWriter:
    """A bounded buffer and the thread that empties it. Never blocks the caller, never raises."""

    def __init__(self, stream: IO[str], *, capacity_bytes: int = CAPACITY_BYTES) -> None:
        self._stream = stream
        self._fd = _descriptor(stream)
        self._capacity = capacity_bytes
        self._lines: deque[bytes] = deque()
        """Written by `write` (append) and the thread (take), both under `_changed`."""
        self._bytes = 0
        """Of `_lines`; written with it."""
        self._closing = False
        """Written by `close` under `_changed`, read by the thread."""
        self.dropped = 0
        """Lines nobody will see. Written under `_changed`, read by the metrics."""
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="log-writer", daemon=True)
        self._thread.start()

    def write(self, line: str) -> None:
        """Have *line* written, with a newline after it; dropped when the buffer is full or the writer closed."""
        encoded = line.encode("utf-8", "backslashreplace") + b"\n"
        with self._changed:
            if self._closing or self._bytes + len(encoded) > self._capacity:
                self.dropped += 1
                return
            self._lines.append(encoded)
            self._bytes += len(encoded)
            self._changed.notify()

    def close(self, *, timeout_seconds: float = 1.0) -> None:
        """Write what is left, for at most *timeout_seconds*; the rest is dropped and counted."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join(timeout_seconds)
        with self._changed:
            self.dropped += len(self._lines)
            self._lines.clear()

    def _run(self) -> None:
        while lines := self._take():
            for chunk in _chunks(lines):
                if not self._put(chunk):
                    with self._changed:
                        self.dropped += chunk.count(b"\n")

    def _take(self) -> list[bytes]:
        with self._changed:
            while not self._lines and not self._closing:
                self._changed.wait()
            lines = list(self._lines)
            self._lines.clear()
            self._bytes = 0
            return lines

    def _put(self, chunk: bytes) -> bool:
        """Write *chunk*; False when the stream did not take it (closed pipe, full disk)."""
        try:
            if self._fd is None:
                self._stream.write(chunk.decode())
                self._stream.flush()
                return True
            return self._put_all(self._fd, chunk)
        except (OSError, ValueError):  # ValueError: the stream object was closed
            return False

    def _put_all(self, fd: int, chunk: bytes) -> bool:
        while chunk:
            try:
                chunk = chunk[os.write(fd, chunk) :]
            except BlockingIOError:
                if self._closing:
                    return False
                poll = select.poll()
                poll.register(fd, select.POLLOUT)
                poll.poll(_PATIENCE_MILLISECONDS)
        return True


def _descriptor(stream: IO[str]) -> int | None:
    """The descriptor below *stream*; None for one that lives in memory."""
    try:
        fd = stream.fileno()
        stream.flush()
    except (OSError, ValueError, AttributeError):
        return None
    return fd


def _chunks(lines: list[bytes]) -> Iterator[bytes]:
    """*lines* joined into pieces that a pipe takes whole; a longer line stands alone."""
    chunk = b""
    for line in lines:
        if chunk and len(chunk) + len(line) > ATOMIC_BYTES:
            yield chunk
            chunk = b""
        chunk += line
    yield chunk
