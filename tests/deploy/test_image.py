"""The image as it is built: what syft finds in it, and the whole of docker-compose.yml run for real.

Both need a container engine, so both are skipped by name where there is none.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.system.containers.engine import found
from tests.system.containers.stack import IMAGE, MONITORING, Stack
from tests.words.pages import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.system.containers.engine import Engine

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]

BUILDERS: Final = {"binutils", "cpp", "gcc", "g++", "make"}
"""Of Debian: what compiles, which stays behind in the first stage."""
ENVIRONMENT: Final = "/opt/worker/"


@pytest.fixture
def engine() -> Iterator[Engine]:
    """Whatever engine is there."""
    try:
        engine = found(None, environment={})
    except SystemExit as none:
        pytest.skip(str(none))
    yield engine
    engine.close()


@pytest.mark.deploy("syft")
def test_the_bill_of_materials_is_what_was_pinned(engine: Engine, tmp_path: Path) -> None:
    """Each Python package has the pinned version, no other one is there, and Debian's have no compiler among them."""
    Stack(engine, {}, MONITORING).build()
    bill = _bill(engine, tmp_path / "image.tar")
    ours = {
        _canonical(one["name"]): one["version"]
        for one in bill
        if one["type"] == "python" and any(place["path"].startswith(ENVIRONMENT) for place in one["locations"])
    }
    texts = [(ROOT / "requirements" / name).read_text() for name in ("run.txt", "extras.txt")]
    pins = [pin for text in texts for pin in re.findall(r"^([\w.-]+)==([^\s;]+)", text, re.MULTILINE)]
    assert ours.pop("sqs-worker-daemon")
    assert ours == {_canonical(name): version for name, version in pins}
    debian = {one["name"] for one in bill if one["type"] == "deb"}
    assert "libc6" in debian
    assert debian & BUILDERS == set()


def _bill(engine: Engine, archive: Path) -> list[dict[str, Any]]:
    """What syft finds in the image."""
    form = ("--format", "docker-archive") if engine.program == "podman" else ()
    engine.run(engine.program, "save", *form, "--output", str(archive), IMAGE)
    command = ("syft", "scan", f"docker-archive:{archive}", "--output", "syft-json", "--quiet")
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=900)
    archive.unlink()
    assert done.returncode == 0, done.stderr
    packages: list[dict[str, Any]] = json.loads(done.stdout)["artifacts"]
    return packages


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.deploy("podman")
def test_the_compose_file_runs_by_docker_s_own_compose() -> None:
    """`make containers` with fewer messages: three workers, five, two, none; and every message in one row."""
    load = ("--messages", "100000", "--rate", "600", "--port", "0")
    command = (sys.executable, "-m", "tests.system.containers", "--engine", "compose-on-podman", *load)
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=1400)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "all of it held" in done.stdout
