"""What the chaos run breaks on purpose must be there to be broken, or its checks are held to nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

from tests.system.chaos.sabotage import SABOTAGES

ROOT: Final = Path(__file__).parents[3]
BREAK_ALL: Final = """
import os
from tests.system.chaos.sabotage import SABOTAGES
for name, (break_it, _) in SABOTAGES.items():
    print(name, flush=True)
    break_it()
os._exit(0)  # one of them would keep the process
"""


def test_each_sabotage_finds_what_it_breaks() -> None:
    """In a process of its own, since all of the product is broken afterwards: a name that was changed is found here."""
    ended = subprocess.run(
        [sys.executable, "-c", BREAK_ALL],
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT)},
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.split() == list(SABOTAGES)
