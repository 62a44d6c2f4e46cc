"""The compose project as it runs: started, scaled, looked into, and taken down again."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.system.containers.engine import ROOT, check_health
from tests.system.containers.told import say

if TYPE_CHECKING:
    from tests.system.containers.engine import Engine

PROJECT = "sqs-worker-check"
IMAGE = "sqs-worker-daemon:local"
WATCH = "sqs-worker-daemon-monitoring:local"
BASE = "docker.io/library/python:3.13-slim"
POSTGRES_FOLDER = ROOT / "tests/system/containers/postgres"
GRACE_SECONDS = 35
NETWORK = f"{PROJECT}_default"
HARDENED = ("--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges")


def now() -> str:
    """As engines take it for the beginning or the end of a span."""
    return dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True, slots=True)
class Scene:
    """A profile, and what of it is started: all but Grafana, which would be fetched from outside."""

    profile: str
    services: tuple[str, ...]
    worker: str
    files: tuple[str, ...] = ()
    """Beside docker-compose.yml."""


DEMO = ("loopback", "producer", "prometheus")
MONITORING = Scene("monitoring", (*DEMO, "alertmanager", "worker"), "worker")
POSTGRES = Scene("postgres", (*DEMO, "postgres", "worker-postgres"), "worker-postgres")
STAND_IN = replace(POSTGRES, files=("tests/system/containers/postgres/compose.yml",))
"""With a PostgreSQL that is built here instead of fetched."""
AWS = Scene("aws", (*DEMO, "worker-aws"), "worker-aws")
"""The loopback stands for the account: the worker is told of it as of any other queue, by the shell."""
SHELL = {
    "SQS_QUEUE_URL": "http://loopback:9324/000000000000/orders",
    "AWS_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "a-key-of-the-shell",
    "AWS_SECRET_ACCESS_KEY": "any",
}


@dataclass(slots=True)
class Ended:
    """How a container ended."""

    code: int | None
    stopped: dict[str, Any]
    """Its line `pipeline_stopped`."""


@dataclass(slots=True)
class Stack:
    """The project; *services* are those that are started."""

    engine: Engine
    ports: dict[str, int]
    """Of `prometheus` and `alertmanager`."""
    scene: Scene
    logs: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="containers-")))
    following: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def build(self) -> None:
        """Both images, as the compose file says, and as the engine can."""
        say(f"building {IMAGE} and {WATCH}: seconds if nothing changed, else a few minutes")
        if self.engine.program == "docker":
            self._compose("build", "worker", "prometheus")
            return
        if self.scene is STAND_IN:
            self.engine.run(
                "podman", "build", "--quiet", "--tag", "sqs-worker-check-postgres:local", str(POSTGRES_FOLDER)
            )
        for target, name in (("worker", IMAGE), ("monitoring", WATCH)):
            self.engine.run("podman", "build", "--quiet", "--target", target, "--tag", name, str(ROOT))

    def up(self, workers: int) -> None:
        """Start what is not there yet, and have so many workers."""
        if self.engine.program == "podman":
            check_health(self.engine, PROJECT)
        self.scale(workers)

    def scale(self, workers: int) -> None:
        """As a person would."""
        scale = ("--scale", f"{self.scene.worker}={workers}")
        self._compose("up", "--detach", "--no-build", "--no-recreate", *scale, *self.scene.services)
        if len(self.workers()) > workers and self.engine.kind == "podman-compose":
            extra = self.workers()[:-workers]
            say(f"      podman-compose leaves {len(extra)} workers that are too many: they are stopped by name")
            self.stop(*extra)
            self.engine.run("podman", "rm", *extra)

    def down(self) -> None:
        """Remove containers, network and volumes; podman-compose itself forgets the replicas."""
        for follower in self.following.values():
            follower.terminate()
            follower.wait()
        if left := self.containers():
            self.engine.run(self.engine.program, "rm", "--force", *left, check=False)
        self._compose("down", "--volumes", check=False)

    def workers(self, *, running: bool = False) -> list[str]:
        """The ids of the workers' containers."""
        return self.containers(self.scene.worker, running=running)

    def containers(self, service: str | None = None, *, running: bool = False) -> list[str]:
        """The ids of a service's containers (None: of all), newest first; running or not."""
        of = [f"--filter=label=com.docker.compose.project={PROJECT}"]
        if service is not None:
            of.append(f"--filter=label=com.docker.compose.service={service}")
        every = [] if running else ["--all"]
        return self.engine.run(self.engine.program, "ps", *every, "--quiet", "--no-trunc", *of).split()

    def stop(self, *containers: str) -> None:
        """SIGTERM, and time enough to drain."""
        self.engine.run(self.engine.program, "stop", "--time", str(GRACE_SECONDS), *containers)

    def start(self, container: str) -> None:
        """Again, after `stop`."""
        self.engine.run(self.engine.program, "start", container)

    def inspect(self, container: str, what: str) -> str:
        """One field of a container or an image."""
        return self.engine.run(self.engine.program, "inspect", "--format", f"{{{{{what}}}}}", container).strip()

    def follow(self, *containers: str) -> None:
        """Keep what these say from now on: with a container that Compose removes its log goes, too."""
        for one in containers:
            with self.logs.joinpath(one).open("wb") as file:
                command = (self.engine.program, "logs", "--follow", one)
                self.following[one] = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT)

    def ended(self, container: str, *, since: str) -> Ended:
        """How *container*, which was followed, ended after *since*; it may be removed already."""
        follower = self.following.pop(container)
        try:
            follower.wait(timeout=10)
        except subprocess.TimeoutExpired:
            follower.kill()
        told = self.logs.joinpath(container).read_text()
        lines = [line for line in told.splitlines() if '"pipeline_stopped"' in line]
        return Ended(self._exit_code(container, since), json.loads(lines[-1]) if lines else {})

    def _exit_code(self, container: str, since: str) -> int | None:
        podman = self.engine.program == "podman"
        of = ("--filter", f"event={'died' if podman else 'die'}", "--filter", f"container={container}")
        span = ("--since", since, "--stream=false" if podman else f"--until={now()}")
        told = self.engine.run(self.engine.program, "events", *of, *span, "--format", "{{json .}}", check=False)
        codes = [
            event.get("ContainerExitCode", 0) if podman else event["Actor"]["Attributes"]["exitCode"]  # podman omits 0
            for event in map(json.loads, told.splitlines())
        ]
        return int(codes[-1]) if codes else None

    def last_line(self, container: str, event: str) -> dict[str, Any]:
        """The latest log line of *container* that tells *event*."""
        said = self.engine.run(self.engine.program, "logs", container)
        lines = [line for line in said.splitlines() if f'"{event}"' in line]
        told: dict[str, Any] = json.loads(lines[-1]) if lines else {}
        return told

    def python(self, program: str, *, network: str = NETWORK, within: tuple[str, ...] = ()) -> Any:
        """What *program* prints as JSON, run in a fresh container of the worker's image."""
        where = (*HARDENED, f"--network={network}", *within, "--entrypoint=python")
        return json.loads(self.engine.run(self.engine.program, "run", "--rm", *where, IMAGE, "-c", program))

    def query(self, expression: str) -> list[tuple[dict[str, str], float]]:
        """Labels and values that Prometheus has for *expression*; none while it is not there yet."""
        asked = urllib.parse.urlencode({"query": expression})
        found = self.ask("prometheus", f"/api/v1/query?{asked}")
        return [(one["metric"], float(one["value"][1])) for one in found["data"]["result"]] if found else []

    def ask(self, service: str, path: str) -> Any:
        """What Prometheus or Alertmanager answers; None while it does not."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.ports[service]}{path}", timeout=10) as answer:
                return json.load(answer)
        except (OSError, ValueError):
            return None

    def _compose(self, *command: str, check: bool = True) -> None:
        files = [f"--file={name}" for name in ("docker-compose.yml", *self.scene.files)]
        chosen = ("--project-name", PROJECT, "--profile", self.scene.profile)
        self.engine.run(*self.engine.compose, *files, *chosen, *command, check=check)
