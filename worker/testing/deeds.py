"""What code does besides computing: files, processes and connections, as Python tells its audit hooks."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

DEEDS: Final = frozenset(
    {
        *("open", "os.system", "os.exec", "os.fork", "os.posix_spawn", "subprocess.Popen"),
        *("socket.connect", "socket.getaddrinfo"),
    }
)


class DeedWatch:
    """Sees the deeds of this process while somebody looks. One for the process: a hook can never be taken back."""

    def __init__(self) -> None:
        self._hooked = False
        """Written by `during`, once."""
        self._seen: list[str] | None = None
        """Written by `during`."""

    @contextmanager
    def during(self) -> Iterator[list[str]]:
        """The names of the deeds done in the block, by any thread."""
        if not self._hooked:
            sys.addaudithook(self._see)
            self._hooked = True
        seen: list[str] = []
        self._seen = seen
        try:
            yield seen
        finally:
            self._seen = None

    def _see(self, event: str, _arguments: tuple[object, ...]) -> None:
        if self._seen is not None and event in DEEDS:
            self._seen.append(event)


WATCH: Final = DeedWatch()
