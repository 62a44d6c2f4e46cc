"""The contracts between the rooms hold, each can be broken, and nothing goes on beside them."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any, Final

from tests.house.map import PACKAGE, ROOT
from tests.house.rooms import read

CONTRACTS: Final[list[dict[str, Any]]] = tomllib.loads(ROOT.joinpath("pyproject.toml").read_text())["tool"][
    "importlinter"
]["contracts"]
BREAKS: Final = {
    "floors": ("sqs/quotas", "import worker.pipeline.poll"),
    "pipeline": ("pipeline/poll", "from worker.sinks.sqlite import sink"),
    "sdk": ("sqs/native/call", "import botocore"),
    "paths": ("sqs/native/pool", "import worker.sqs.sdk.fit"),
    "sinks": ("sinks/ndjson/lines", "import worker.sinks.sqlite.table"),
    "codecs": ("codecs/text/codec", "import worker.codecs.json.codec"),
    "signals": ("pipeline/settle", "import prometheus_client"),
    "terminal": ("pipeline/renew", "import click"),
    "loopback": ("process/run", "import worker.loopback.serve"),
    "pytest": ("process/run", "import pytest"),
    "facts": ("facts/settling", "import worker.message"),
}
"""Contract → a module, and the import in it that breaks it."""


def linted(folder: Path) -> str:
    """What import-linter says of the package in *folder*, without its line breaks."""
    program = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [program, "--no-cache", "--config", ROOT / "pyproject.toml"],
        cwd=folder,
        env={"PYTHONPATH": str(folder), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    return re.sub(r"\s+", " ", done.stdout + done.stderr)


def test_every_contract_is_kept_and_is_broken_by_what_it_forbids(tmp_path: Path) -> None:
    """One import each, in a copy of the package: the linter names every contract that it breaks, and before it none."""
    shutil.copytree(PACKAGE, tmp_path / "worker", ignore=shutil.ignore_patterns("__pycache__"))
    assert [one["id"] for one in CONTRACTS if f"{one['name']} KEPT" not in linted(tmp_path)] == []
    for module, line in BREAKS.values():
        path = tmp_path.joinpath("worker", module).with_suffix(".py")
        path.write_text(f"{path.read_text()}\n{line}\n")
    said = linted(tmp_path)
    assert [one["id"] for one in CONTRACTS if f"{one['name']} BROKEN" not in said] == []


def test_every_contract_has_an_import_that_breaks_it() -> None:
    """A contract that the test above does not try could be one that cannot fail."""
    assert [one["id"] for one in CONTRACTS] == list(BREAKS)


def test_a_room_without_a_floor_is_refused(tmp_path: Path) -> None:
    """Whoever adds a room decides where it stands."""
    shutil.copytree(PACKAGE, tmp_path / "worker", ignore=shutil.ignore_patterns("__pycache__"))
    tmp_path.joinpath("worker", "attic.py").write_text('"""An attic."""\n')
    assert f"{CONTRACTS[0]['name']} BROKEN" in linted(tmp_path)


def test_no_room_is_imported_by_name_behind_the_linters_back() -> None:
    """The linter sees no `import_module`; what is imported so goes downwards all the same, for the drawing sees it."""
    floors = CONTRACTS[0]["layers"]
    at = {room.strip(): n for n, layer in enumerate(floors) for room in re.split(r"[|:]", layer)}
    up = [arrow for arrow in read(PACKAGE).arrows if "__init__" not in arrow and at[arrow[0]] > at[arrow[1]]]
    assert up == []
