"""The lifeline: what a worker process and the parent that started it say to each other, over one socket.

Takes the descriptor that the parent left open; says where this process answers and that it has started, and hears that
it shall stop. When the parent is gone, however it went, the kernel closes the other end, and that is heard as well.

Words and not signals, because a process manager that signals a whole group (systemd, a terminal) reaches the children
itself: were the parent's word a second signal, it would be taken for lost patience.
"""

from __future__ import annotations

import asyncio
import os
import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from worker.facts import WorkerStarted

if TYPE_CHECKING:
    from collections.abc import Callable

    from worker.facts import Fact

LISTENING: Final = "listening"
"""From the child, with its URL: it answers there."""
STARTED: Final = "started"
"""From the child: everything is open, receiving has begun."""
STOP: Final = "stop"
"""From the parent, with the reason: run dry."""
FORCE: Final = "force"
"""From the parent: give back and leave."""
CRASHED: Final = "crashed"
"""From the parent: another of its processes has ended unasked, and what it had in hand may come here."""
PARENT_GONE: Final = "parent-gone"
"""The reason to stop when nobody is there any more to say one."""
_READ_BYTES: Final = 4096


class Lifeline:
    """The child's end. Used on the loop's thread only."""

    def __init__(self, descriptor: int) -> None:
        os.set_inheritable(descriptor, False)  # noqa: FBT003 - what a handler starts has no part in it
        self._socket = socket.socket(fileno=descriptor)
        self._socket.setblocking(False)  # noqa: FBT003 - the standard library's signature
        self._heard = b""
        """The beginning of a line. Written by `_read`."""
        self._request: Callable[[str], None] = _nobody
        self._force: Callable[[], None] = _nobody
        """Both written by `listen`."""
        self.alarm: Callable[[], None] = _nobody
        """Called when another process has crashed. Written by whoever wants to know."""

    def listening(self, url: str) -> None:
        """Tell where this process answers."""
        self._say(f"{LISTENING} {url}")

    def heeds(self, kind: type[Fact]) -> bool:
        """Only the start is told."""
        return kind is WorkerStarted

    def observe(self, fact: Fact) -> None:
        """Tell that it has started."""
        if self.heeds(type(fact)):
            self._say(STARTED)

    def listen(self, *, request: Callable[[str], None], force: Callable[[], None]) -> None:
        """From now on call *request* with the reason to stop, and *force* when the parent has lost patience."""
        self._request, self._force = request, force
        asyncio.get_running_loop().add_reader(self._socket.fileno(), self._read)

    def close(self) -> None:
        """Hear no more. The parent learns from our end, not from this, that we ended."""
        asyncio.get_running_loop().remove_reader(self._socket.fileno())
        self._socket.close()

    def _say(self, words: str) -> None:
        with suppress(OSError):  # the parent is gone, and `_read` hears of that
            self._socket.send(f"{words}\n".encode())

    def _read(self) -> None:
        try:
            came = self._socket.recv(_READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            came = b""
        if not came:
            asyncio.get_running_loop().remove_reader(self._socket.fileno())
            self._request(PARENT_GONE)
            return
        *lines, self._heard = (self._heard + came).split(b"\n")
        for line in lines:
            self._obey(line.decode())

    def _obey(self, line: str) -> None:
        word, _, reason = line.partition(" ")
        if word == STOP:
            self._request(reason)
        elif word == FORCE:
            self._force()
        elif word == CRASHED:
            self.alarm()


def _nobody(*_: object) -> None:
    """Until somebody listens."""
