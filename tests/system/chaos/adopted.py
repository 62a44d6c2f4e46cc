"""A process that another process started: known by its id, signalled by its id, and never waited for.

Has what the rig uses of `subprocess.Popen`. Its exit code is its parent's to read, whose own code tells of all.
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

LOOK_SECONDS = 0.02


class Adopted:
    """One process of several under one parent."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        """0 or, if we killed it, the number of the signal, negative. Written by `poll`."""
        self._killed = False
        self._born = _born(pid)

    def poll(self) -> int | None:
        """None while it lives."""
        if self.returncode is None and (not self._born or _born(self.pid) != self._born):
            self.returncode = -signal.SIGKILL if self._killed else 0
        return self.returncode

    def send_signal(self, number: int) -> None:
        """As `Popen.send_signal`: nothing is sent to one that has ended."""
        if self.poll() is None:
            self._killed = self._killed or number == signal.SIGKILL
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> None:
        """SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def wait(self) -> int:
        """Until it has ended."""
        while (code := self.poll()) is None:
            time.sleep(LOOK_SECONDS)
        return code


def _born(pid: int) -> str:
    """When the kernel made it, which tells it from a later one of the same id; empty if it is not there or dead."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in {"Z", "X"} else fields[19]
