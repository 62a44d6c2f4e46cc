"""The container files as their own tools read them: nothing is run, no engine is needed."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.words.pages import ROOT
from worker.settings import load
from worker.settings.names import KNOWN

BIN = Path(sys.executable).parent


SCENES = {
    None: {"loopback", "producer", "worker", "prometheus"},
    "monitoring": {"loopback", "producer", "worker", "prometheus", "alertmanager", "grafana"},
    "postgres": {"loopback", "producer", "worker-postgres", "postgres", "prometheus", "alertmanager", "grafana"},
    "aws": {"worker-aws", "prometheus", "alertmanager", "grafana"},
}
WORKERS = ("worker", "worker-postgres", "worker-aws")


def read(profile: str | None, **environ: str) -> dict[str, Any]:
    """docker-compose.yml as Compose itself reads it, from a shell that has nothing set but *environ*."""
    chosen = () if profile is None else ("--profile", profile)
    command = (BIN / "docker-compose", "--file", ROOT / "docker-compose.yml", *chosen, "config", "--format", "json")
    clean = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")} | environ
    done = subprocess.run(command, capture_output=True, check=False, env=clean)
    assert done.returncode == 0, done.stderr.decode()
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    """All services of docker-compose.yml."""
    return read("*")


@pytest.mark.parametrize("profile", list(SCENES), ids=str)
def test_a_profile_is_one_whole_scene(profile: str | None) -> None:
    """Nothing else is needed and nothing else is started; without a profile it is the demonstration."""
    assert set(read(profile)["services"]) == SCENES[profile]


@pytest.mark.parametrize("service", WORKERS)
def test_compose_gives_a_worker_longer_than_its_drain(compose: dict[str, Any], service: str) -> None:
    """The engine's kill comes at least 5 s after the worker has given everything back."""
    worker = compose["services"][service]
    grace = int(re.fullmatch(r"(\d+)s", worker["stop_grace_period"])[1])  # type: ignore[index] # no match is a failure
    assert grace >= int(worker["environment"]["WORKER_DRAIN_SECONDS"]) + 5


@pytest.mark.parametrize("service", WORKERS)
def test_compose_lets_workers_be_scaled(compose: dict[str, Any], service: str) -> None:
    """A container's name or a port of the host would allow only one; Prometheus finds each by one name."""
    worker = compose["services"][service]
    assert "container_name" not in worker
    assert "ports" not in worker
    assert service == "worker" or worker["networks"]["default"]["aliases"] == ["worker"]


@pytest.mark.parametrize("service", WORKERS)
def test_compose_bounds_a_worker_and_starts_it_again(compose: dict[str, Any], service: str) -> None:
    """512 MiB, half a CPU, and a restart when it fails."""
    worker = compose["services"][service]
    assert worker["deploy"]["resources"]["limits"] == {"cpus": 0.5, "memory": str(512 * 2**20)}
    assert worker["restart"] == "on-failure"


def test_a_real_queue_gets_no_invented_key_and_no_loopback() -> None:
    """What the aws worker is told comes from the shell and from worker.env: of ours it has the drain alone."""
    alone = read("aws")["services"]["worker-aws"]
    assert alone["environment"] == {"WORKER_DRAIN_SECONDS": "25"}
    assert "depends_on" not in alone
    url = "https://sqs.eu-central-1.amazonaws.com/123456789012/orders"
    told = read("aws", SQS_QUEUE_URL=url, AWS_REGION="eu-central-1")["services"]["worker-aws"]["environment"]
    assert (told["SQS_QUEUE_URL"], told["AWS_REGION"]) == (url, "eu-central-1")


def test_what_the_shell_hands_on_is_known_to_the_worker() -> None:
    """Each name of shell.env is a setting, or one of the SDK's."""
    lines = (ROOT / "ecosystem/compose/shell.env").read_text().splitlines()
    names = {line for line in lines if line and not line.startswith("#")}
    assert {name for name in names if not name.startswith("AWS_")} <= {*KNOWN}


@pytest.mark.parametrize("service", ["worker", "worker-postgres"])
def test_what_compose_tells_a_worker_is_what_its_settings_take(service: str) -> None:
    """The worker's own loader reads the environment that Compose gives it: no problem, no unknown name."""
    environ = read("*")["services"][service]["environment"]
    loaded = load(environ)
    assert loaded.pipelines[0].queue == "http://loopback:9324/000000000000/orders"
    assert loaded.notices == ()


def test_compose_reaches_no_network_but_this_machine(compose: dict[str, Any]) -> None:
    """Every published port is bound to the loopback address."""
    published = [port["host_ip"] for service in compose["services"].values() for port in service.get("ports", [])]
    assert published == ["127.0.0.1"] * 3


def test_every_service_is_hardened(compose: dict[str, Any]) -> None:
    """Read-only root, no capability, no new privileges, and a log that does not grow for ever."""
    for service in compose["services"].values():
        assert service["read_only"]
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert service["logging"]["options"]["max-size"]


def test_images_that_are_not_ours_have_a_version(compose: dict[str, Any]) -> None:
    """`latest` would be another program tomorrow."""
    foreign = [s["image"] for s in compose["services"].values() if "build" not in s]
    assert foreign
    assert all(re.search(r":\d+(\.\d+)*$", name) for name in foreign)


def test_every_file_that_compose_mounts_is_there(compose: dict[str, Any]) -> None:
    """An engine makes an empty folder of a missing one, and the service inside then ends."""
    mounts = [m["source"] for s in compose["services"].values() for m in s.get("volumes", []) if m["type"] == "bind"]
    assert mounts
    assert [path for path in mounts if not Path(path).exists()] == []


def test_grafana_finds_its_dashboards_and_prometheus(compose: dict[str, Any]) -> None:
    """The folder that its provisioning names is mounted, with a dashboard in it; its data source is our Prometheus."""
    mounts = {m["target"]: Path(m["source"]) for m in compose["services"]["grafana"]["volumes"] if m["type"] == "bind"}
    provisioning = mounts["/etc/grafana/provisioning"]
    (boards,) = (yaml.safe_load(file.read_text()) for file in provisioning.glob("dashboards/*.yml"))
    folder = Path(boards["providers"][0]["options"]["path"])
    (mounted,) = (mounts[str(at)] / folder.relative_to(at) for at in folder.parents if str(at) in mounts)
    assert list(mounted.glob("*.json"))
    (sources,) = (yaml.safe_load(file.read_text()) for file in provisioning.glob("datasources/*.yml"))
    assert sources["datasources"][0]["url"] == "http://prometheus:9090"
    assert compose["services"]["prometheus"]["ports"][0]["target"] == 9090


@pytest.mark.parametrize("name", ["Dockerfile", "tests/system/containers/postgres/Dockerfile"])
def test_dockerfile_passes_its_linter(name: str) -> None:
    """hadolint, every rule; an exception stands in the file with its reason."""
    done = subprocess.run((BIN / "hadolint", ROOT / name), capture_output=True, check=False)
    assert (done.returncode, done.stdout.decode()) == (0, "")


def test_image_runs_as_a_number_and_in_exec_form() -> None:
    """Kubernetes checks numbers only, and a shell in between would swallow SIGTERM."""
    last = ROOT.joinpath("Dockerfile").read_text().rpartition("\nFROM ")[2]
    assert re.search(r"^USER \d+:\d+$", last, re.MULTILINE)
    assert re.search(r'^ENTRYPOINT \["worker"\]$', last, re.MULTILINE)
