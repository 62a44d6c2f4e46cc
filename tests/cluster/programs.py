"""Programs that last as long as a check: each with a log of its own, ended by its id, or with whoever started it.

`python -m` programs and the control plane's alike. Linux's parent-death signal ends them should the check be killed.
"""

from __future__ import annotations

import shutil
import subprocess
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

STOP_SECONDS = 20.0
LOOK_SECONDS = 0.1


class Gone(AssertionError):
    """A program ended, or time did, before what was waited for."""


def with_parent(command: list[str]) -> list[str]:
    """*command*, which is killed when its parent is gone, where util-linux is there to arrange that."""
    return ["setpriv", "--pdeathsig", "KILL", *command] if shutil.which("setpriv") else command


class Program:
    """One program and its log."""

    def __init__(self, name: str, command: list[str], log: Path, environment: Mapping[str, str] | None = None) -> None:
        self.name = name
        self.log = log
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                with_parent(command),
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,  # a Ctrl-C ends the check, which ends them in their order
                env=environment,
            )

    def must_run(self) -> None:
        """Raises: Gone: it has ended; with the last of its log."""
        if self._process.poll() is not None:
            last = "\n".join(self.log.read_text(errors="replace").splitlines()[-20:])
            raise Gone(f"{self.name} ended with {self._process.returncode}:\n{last}")

    def stop(self) -> None:
        """SIGTERM, then SIGKILL."""
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def until(holds: Callable[[], object], what: str, *, seconds: float, programs: list[Program] | None = None) -> None:
    """Wait until *holds()* is true, as long as all *programs* run.

    Raises:
        Gone: it was not within *seconds*, or a program has ended.
    """
    deadline = time.monotonic() + seconds
    while not holds():
        for program in programs or []:
            program.must_run()
        if time.monotonic() > deadline:
            raise Gone(f"not within {seconds:.0f} s: {what}")
        threading.Event().wait(LOOK_SECONDS)
