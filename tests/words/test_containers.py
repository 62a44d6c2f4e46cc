"""The container files as their own tools read them: nothing is run, no engine is needed."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.words.pages import ROOT

BIN = Path(sys.executable).parent


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    """docker-compose.yml, read by Compose itself."""
    command = (BIN / "docker-compose", "--file", ROOT / "docker-compose.yml", "config", "--format", "json")
    done = subprocess.run(command, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    read: dict[str, Any] = json.loads(done.stdout)
    return read


def test_compose_gives_a_worker_longer_than_its_drain(compose: dict[str, Any]) -> None:
    """The engine's kill comes at least 5 s after the worker has given everything back."""
    worker = compose["services"]["worker"]
    grace = int(re.fullmatch(r"(\d+)s", worker["stop_grace_period"])[1])  # type: ignore[index] # no match is a failure
    assert grace >= int(worker["environment"]["WORKER_DRAIN_SECONDS"]) + 5


def test_compose_lets_workers_be_scaled(compose: dict[str, Any]) -> None:
    """A container's name or a port of the host would allow only one."""
    worker = compose["services"]["worker"]
    assert "container_name" not in worker
    assert "ports" not in worker


def test_compose_reaches_no_network_but_this_machine(compose: dict[str, Any]) -> None:
    """Every published port is bound to the loopback address."""
    published = [port["host_ip"] for service in compose["services"].values() for port in service.get("ports", [])]
    assert published == ["127.0.0.1"]


def test_every_service_is_hardened(compose: dict[str, Any]) -> None:
    """Read-only root, no capability, no new privileges."""
    for service in compose["services"].values():
        assert service["read_only"]
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]


def test_dockerfile_passes_its_linter() -> None:
    """hadolint, every rule; an exception stands in the file with its reason."""
    done = subprocess.run((BIN / "hadolint", ROOT / "Dockerfile"), capture_output=True, check=False)
    assert (done.returncode, done.stdout.decode()) == (0, "")


def test_image_runs_as_a_number_and_in_exec_form() -> None:
    """Kubernetes checks numbers only, and a shell in between would swallow SIGTERM."""
    last = ROOT.joinpath("Dockerfile").read_text().rpartition("\nFROM ")[2]
    assert re.search(r"^USER \d+:\d+$", last, re.MULTILINE)
    assert re.search(r'^ENTRYPOINT \["worker"\]$', last, re.MULTILINE)
