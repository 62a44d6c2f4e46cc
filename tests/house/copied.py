"""A copy of the tree, as a newcomer has it after `git clone`: in it parts are added and versions raised.

Takes a folder; gives the copy, in which programs run and git tells what was touched.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.house.map import ROOT

SECONDS: Final = 300
"""For one program, on a busy machine."""


@dataclass(frozen=True, slots=True)
class Copy:
    """A repository of its own, with everything committed."""

    root: Path

    def write(self, name: str, text: str) -> None:
        """A new file."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        assert not path.exists(), f"{name} is there already"
        path.write_text(text)

    def insert(self, name: str, text: str, *, before: str) -> None:
        """*text* in the file *name*, before the only place that says *before*."""
        path = self.root / name
        whole = path.read_text()
        assert whole.count(before) == 1, f"{name} says {before!r} {whole.count(before)} times"
        path.write_text(whole.replace(before, text + before))

    def touched(self) -> list[str]:
        """Files that are new or changed, a folder that is all new as one, by git."""
        return [line[3:] for line in self.ran("git", "status", "--porcelain").splitlines()]

    def added_lines(self, name: str) -> tuple[int, int]:
        """Lines that were added to and taken from the file *name*, by git."""
        added, taken, _ = self.ran("git", "diff", "--numstat", "--", name).split("\t")
        return int(added), int(taken)

    def ran(self, *argv: str, environ: dict[str, str] | None = None, code: int = 0) -> str:
        """What the program *argv* says in the root of the copy; it must end with *code*."""
        programs = str(Path(sys.executable).parent)
        known = {
            "PATH": f"{programs}:/usr/local/bin:/usr/bin:/bin",
            "PYTHONPATH": str(self.root),
            "HOME": str(self.root),
        }
        done = subprocess.run(
            argv,
            cwd=self.root,
            env={**known, "METRICS_PORT": "0", **(environ or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=SECONDS,
        )
        assert done.returncode == code, f"{' '.join(argv)} ended with {done.returncode}:\n{done.stdout}"
        return done.stdout

    def python(self, *argv: str, environ: dict[str, str] | None = None, code: int = 0) -> str:
        """As `ran`, of our Python."""
        return self.ran(sys.executable, *argv, environ=environ, code=code)


def copied(folder: Path) -> Copy:
    """The files that git knows or would know of, in *folder*, committed."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for name in listed.splitlines():
        if (source := ROOT / name).is_file():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)
    copy = Copy(folder)
    copy.ran("git", "init", "-q")
    copy.ran("git", "add", "-A")
    copy.ran("git", "-c", "user.name=A", "-c", "user.email=a@b.c", "commit", "-q", "-m", "All")
    return copy
