"""A machine that systemd has booted, for a test: in namespaces of its own on this one, and gone with the test.

Takes a folder; gives a shell and `systemctl` there. Its systemd is a real one, the system's instance with all that it
can do. Its files are this machine's below a layer in memory, its network is this machine's, and its processes are in a
control group of their own, which is emptied and removed at the end.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from tests.words.pages import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SCRIPT: Final = Path(__file__).with_name("systemd_machine.sh")
HIERARCHIES: Final = ("/sys/fs/cgroup/systemd", "/sys/fs/cgroup")
"""Where systemd keeps its own control groups: version 1, version 2."""
ASKED: Final = """
mount -t tmpfs tmpfs "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root"
"""
PATIENCE_SECONDS: Final = 90.0


class Machine:
    """One that runs."""

    def __init__(self, folder: Path, group: Path) -> None:
        self._log = folder / "systemd.log"
        root = folder / "root"
        root.mkdir()
        with self._log.open("wb") as log:
            places = (sys.base_prefix, sys.prefix, ROOT)
            self.process = subprocess.Popen([SCRIPT, group, root, *places], stdout=log, stderr=log, cwd="/")
        self.until(lambda: self._inits() != [], "its first process")
        self.init = self._inits()[0]
        self.until(lambda: self.ctl("is-active", "multi-user.target", code=None) == "active\n", "systemd has started")

    def path(self, path: str) -> Path:
        """A file there, as it can be reached from here."""
        return Path(f"/proc/{self.init}/root{path}")

    def shell(self, text: str, *, code: int | None = 0) -> str:
        """Type *text* there, in the tree of the worker; what it prints."""
        done = subprocess.run(
            ["nsenter", "--target", self.init, "--all", "bash", "-ec", f"cd /opt/source\n{text}"],
            env={"PATH": os.environ["PATH"], "SYSTEMD_PAGER": ""},
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_SECONDS,
        )
        said = f"{text}: {done.returncode}\n{done.stdout}{done.stderr}\n{self._log.read_text()}"
        assert code is None or done.returncode == code, said
        return done.stdout

    def ctl(self, *words: str, code: int | None = 0) -> str:
        """`systemctl` there; what it prints."""
        return self.shell("systemctl " + " ".join(words), code=code)

    def show(self, unit: str, name: str) -> str:
        """One property of *unit*."""
        return self.ctl("show", unit, "--value", "--property", name).strip()

    def until(self, holds: Callable[[], bool], what: str) -> None:
        """Wait until it holds."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not holds():
            assert self.process.poll() is None, f"it has ended: {self._log.read_text()}"
            assert time.monotonic() < deadline, f"never: {what}\n{self._log.read_text()}"
            threading.Event().wait(0.05)

    def _inits(self) -> list[str]:
        """The systemd that the script has become the parent of."""
        pid = self.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [child for child in children if Path(f"/proc/{child}/comm").read_text() == "systemd\n"]


@contextmanager
def machine(folder: Path) -> Iterator[Machine]:
    """One whose files are in *folder*; skipped where that cannot be."""
    if os.geteuid() != 0:
        pytest.skip("systemd is run for real by root only: it needs a control group and namespaces of its own")
    _ask_the_kernel(folder)
    group = _group()
    process: subprocess.Popen[bytes] | None = None
    try:
        made = Machine(folder, group)
        process = made.process
        yield made
    finally:
        _empty(group)
        if process is not None:
            process.wait()


def _ask_the_kernel(folder: Path) -> None:
    """Skip where even root may make no namespaces, or lay nothing over the files: in many a container."""
    asked = subprocess.run(
        ["unshare", "--mount", "--pid", "--fork", "--uts", "--ipc", "--cgroup", "sh", "-ec", ASKED, "sh", folder],
        capture_output=True,
        text=True,
        check=False,
    )
    if asked.returncode != 0:
        pytest.skip(f"systemd is not run for real here: {' '.join(asked.stderr.split())}")


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
