"""A real systemd for a test: a user's instance in namespaces of its own, which ends with the test.

Takes a folder; gives `systemctl`. It manages nothing but the units that the test puts there, and its processes are in a
control group of their own, which is emptied and removed at the end.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SCRIPT: Final = Path(__file__).with_name("systemd_manager.sh")
HIERARCHIES: Final = ("/sys/fs/cgroup/systemd", "/sys/fs/cgroup")
"""Where systemd keeps its own control groups: version 1, version 2."""
PATIENCE_SECONDS: Final = 90.0


class Instance:
    """One that runs."""

    def __init__(self, folder: Path, group: Path) -> None:
        self.units = folder / "config" / "systemd" / "user"
        self.units.mkdir(parents=True)
        self.log = folder / "systemd.log"
        runtime = folder / "run"
        runtime.mkdir(mode=0o700)
        self._environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "XDG_RUNTIME_DIR": str(runtime),
            "XDG_CONFIG_HOME": str(folder / "config"),
            "SYSTEMD_UNIT_PATH": f"{self.units}:/usr/lib/systemd/user",
        }
        with self.log.open("wb") as log:
            self.process = subprocess.Popen([SCRIPT, group], env=self._environ, stdout=log, stderr=log, cwd="/")
        self.until((runtime / "systemd" / "private").exists, "systemd has started")

    def ctl(self, *words: str, code: int | None = 0) -> str:
        """`systemctl --user` with *words*; what it prints."""
        done = subprocess.run(
            ["systemctl", "--user", "--no-pager", *words],
            env=self._environ,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_SECONDS,
        )
        said = f"systemctl {words}: {done.returncode}\n{done.stdout}{done.stderr}\n{self.log.read_text()}"
        assert code is None or done.returncode == code, said
        return done.stdout

    def show(self, unit: str, name: str) -> str:
        """One property of *unit*."""
        return self.ctl("show", unit, "--value", "--property", name).strip()

    def until(self, holds: Callable[[], bool], what: str) -> None:
        """Wait until it holds."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not holds():
            assert self.process.poll() is None, f"systemd has ended: {self.log.read_text()}"
            assert time.monotonic() < deadline, f"never: {what}\n{self.log.read_text()}"
            threading.Event().wait(0.05)


@contextmanager
def instance(folder: Path) -> Iterator[Instance]:
    """A systemd whose units and files are in *folder*; skipped where that cannot be."""
    if os.geteuid() != 0:
        pytest.skip("systemd is run for real by root only: it needs a control group and namespaces of its own")
    group = _group()
    try:
        made = Instance(folder, group)
        try:
            yield made
        finally:
            made.process.kill()
            made.process.wait()
    finally:
        _empty(group)


def _group() -> Path:
    for hierarchy in map(Path, HIERARCHIES):
        if (hierarchy / "cgroup.procs").exists():
            group = hierarchy / f"sqs-worker-check-{os.getpid()}"
            try:
                group.mkdir()
            except OSError as error:
                pytest.skip(f"systemd is not run for real here: no control group can be made ({error.strerror})")
            return group
    pytest.skip("systemd is not run for real here: there is no hierarchy of control groups for it")


def _empty(group: Path) -> None:
    """End what is left in *group*, and remove it."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while group.exists() and time.monotonic() < deadline:
        for listed in group.rglob("cgroup.procs"):
            for pid in listed.read_text().split():
                with suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)
        with suppress(OSError):
            for child in sorted((one for one in group.rglob("*") if one.is_dir()), reverse=True):
                child.rmdir()
            group.rmdir()
        threading.Event().wait(0.02)
