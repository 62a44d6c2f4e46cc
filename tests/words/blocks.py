"""The blocks of code on the pages, and a reader who types them: each page is one sitting at one shell, in one folder.

Takes a page; gives its blocks, or what came of typing them in order. What a reader would have and a test has not (an
account, an engine, a package index, a second terminal) is stood in for by programs of `tests/words/desk`, each of which
says how far it goes.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.words.pages import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping

DESK: Final = ROOT / "tests" / "words" / "desk"
PORT: Final = "9324"
"""Of the loopback, as printed; any free one in a test."""
_BLOCK: Final = re.compile(r"^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_FILE: Final = re.compile(r"# (?P<name>[\w.]+\.(?:py|toml))\n")
_MARK: Final = "@@ block "


@dataclass(frozen=True, slots=True)
class Block:
    """One block, as printed."""

    page: str
    number: int
    """From 1, on its page."""
    language: str
    text: str

    @property
    def file(self) -> str:
        """The file that it is, by its first line; empty for what is typed."""
        named = _FILE.match(self.text)
        return named["name"] if named else ""


def blocks(page: str) -> list[Block]:
    """Those of *page*, a path from the root of the project."""
    text = ROOT.joinpath(page).read_text(encoding="utf-8")
    return [Block(page, n, found["language"], found["text"]) for n, found in enumerate(_BLOCK.finditer(text), 1)]


@dataclass(frozen=True, slots=True)
class Sitting:
    """What came of typing a page."""

    code: int
    said: dict[int, str]
    """What each block printed, by its number; blocks behind the one that failed are missing."""


def typed(chosen: list[Block], folder: Path, environ: Mapping[str, str], port: int) -> Sitting:
    """Type *chosen* in *folder*; everything that they leave running is ended."""
    script = folder / "typed.sh"
    script.write_text("set -e\n" + "".join(_line(block, folder, port) for block in chosen))
    desk = folder / "desk"
    desk.mkdir()
    path = os.pathsep.join((str(DESK), str(Path(sys.executable).parent), "/usr/bin", "/bin"))
    known = {"HOME": str(folder), "LANG": "C.UTF-8", "PATH": path, "METRICS_PORT": "0"}
    told = {"DESK_PYTHON": sys.executable, "DESK_ROOT": str(ROOT), "DESK_FOLDER": str(desk)}
    work = folder / "project"
    work.mkdir()
    try:
        done = subprocess.run(
            ["bash", script],
            cwd=work,
            env={**known, **told, **environ},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
    finally:
        for left in desk.glob("*.pid"):
            os.kill(int(left.read_text()), signal.SIGTERM)
    parts = done.stdout.split(_MARK)[1:]
    return Sitting(done.returncode, {int(part.partition("\n")[0]): part.partition("\n")[2] for part in parts})


def _line(block: Block, folder: Path, port: int) -> str:
    """What is typed for *block*."""
    text = block.text.replace(PORT, str(port))
    mark = f"printf '\\n{_MARK}{block.number}\\n'\n"
    if block.language == "sh":
        return mark + text
    kept = folder / f"block-{block.number}"
    kept.write_text(text)
    return mark + (f"cp {kept} {block.file}\n" if block.file else f"python {kept}\n")
