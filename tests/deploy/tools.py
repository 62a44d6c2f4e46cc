"""The tools of the platforms, by name: where they are, and what a test that needs a missing one comes to.

`requirements/deploy.txt`, `debian.sh` and `npm/package-lock.json` say what `make deploy-check` sets up. What it sets up
with pip is there or the test fails; what a machine may lack (`MAY_BE_MISSING`) is a skip that names the tool and why.
"""

from __future__ import annotations

import importlib
import os
import shutil
import site
import subprocess
import sys
from typing import TYPE_CHECKING, Final

import pytest

from tests.words.pages import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from types import ModuleType

TOOLS: Final = ROOT / ".deploy-tools"
_DEBIAN: Final = "tests/deploy/debian.sh could not get it: that needs apt-get and a Debian mirror"
_NPM: Final = "tests/deploy/npm needs node and npm, which are not here"
MAY_BE_MISSING: Final[Mapping[str, str]] = {
    "amtool": _DEBIAN,
    "node": "it comes with Node.js, which is not here",
    "pm2": _NPM,
    "podman": "the image and docker-compose.yml are run by it; `make containers` takes docker as well",
    "prometheus": _DEBIAN,
    "prometheus-alertmanager": _DEBIAN,
    "promtool": _DEBIAN,
    "systemd-analyze": "this machine is not run by systemd, and its programs are not installed",
    "terraform": "it is on no registry that this project uses; install it to run this check",
}
"""Program → why it may not be there. Every other one is set up with pip, and missing it is a failure."""


def require(tool: str) -> None:
    """Go on if *tool*, a program or a library, is there.

    A missing one skips the test if a machine may lack it, and fails it otherwise.
    """
    if shutil.which(tool) or _importable(tool):
        return
    if why := MAY_BE_MISSING.get(tool):
        pytest.skip(f"{tool} is not on this machine: {why}")
    pytest.fail(f"{tool} is not there: `make deploy-check` sets it up from requirements/deploy.txt")


def library(name: str) -> ModuleType:
    """The Python library of a tool, from the environment of the tools."""
    for folder in sorted(TOOLS.glob("lib/python*/site-packages")):
        if str(folder) not in sys.path:
            site.addsitedir(str(folder))
    return importlib.import_module(name)


def run(*command: str | Path, cwd: Path = ROOT, **environ: str) -> str:
    """What *command* prints; a failing one fails the test with both of its outputs."""
    done = subprocess.run(
        command, cwd=cwd, env={**os.environ, **environ}, capture_output=True, text=True, check=False, timeout=100
    )
    said = f"{' '.join(map(str, command))} ended with {done.returncode}\n{done.stdout}{done.stderr}"
    assert done.returncode == 0, said
    return done.stdout


def _importable(name: str) -> bool:
    try:
        library(name)
    except ImportError:
        return False
    return True
