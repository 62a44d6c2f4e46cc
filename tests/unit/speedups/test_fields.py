"""A field is added to what travels in one place: nothing of it is said again in C."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[3]
ADDED: Final = {
    "    receipt_handle: str": "    colour: str = field(default='red', kw_only=True)",
    "    deadline: float = 0.0": "    origin: str = ''",
    "    value: str | bytes": "    note: str = ''",
    '    """`AWSTraceHeader`, as X-Ray wrote it at the sender; None if there is none."""': "    origin: str = ''",
    "        delivery.trace_header,": "        delivery.origin,",
}
"""Lines of `worker/message.py`, and what is put behind each: fields of a delivery, of an attribute and of a message."""


def ran(folder: Path, *arguments: str) -> None:
    """Python in the copy."""
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    command = [sys.executable, *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def add_fields(module: Path) -> None:
    """Each behind its line, which is there once."""
    lines = module.read_text().splitlines()
    for line, added in ADDED.items():
        assert lines.count(line) == 1, line
        lines.insert(lines.index(line) + 1, added)
    module.write_text("\n".join(lines))


@pytest.mark.slow
def test_a_field_is_added_in_one_place(tmp_path: Path) -> None:
    """In a copy of the project `worker/message.py` is edited and the extension built: C and Python still agree."""
    for name in ("worker", "tests", "setup.py", "pyproject.toml", "README.md"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, tmp_path / name)
    for built in tmp_path.glob("worker/speedups/*.so"):
        built.unlink()
    add_fields(tmp_path / "worker" / "message.py")
    ran(tmp_path, "setup.py", "--quiet", "build_ext", "--inplace")
    ran(tmp_path, "-c", "from worker import speedups; assert speedups.BUILT")
    tests = ("test_deliveries.py", "test_deletion.py", "test_messages.py", "test_rows.py")
    ran(
        tmp_path,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-k",
        "not hash",
        *(f"tests/unit/speedups/{test}" for test in tests),
    )
