"""The container engine that is there, and how Compose is spoken to: by docker, podman-compose, or Compose on podman.

`found` gives an `Engine`; `close` ends what it started. Nothing but the standard library, so that any Python runs it.
"""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass, field
from pathlib import Path

from tests.system.containers.told import say

ASKED_FILES = 1 << 20
"""Open files that podman gives a container, if it may."""
ROOT = Path(__file__).resolve().parents[3]
KINDS = ("docker", "podman-compose", "compose-on-podman")
"""`compose-on-podman`: docker's own Compose, which speaks to podman's API socket."""


@dataclass(slots=True)
class Engine:
    """How to reach containers and the project."""

    kind: str
    program: str
    """`docker` or `podman`."""
    compose: tuple[str, ...]
    environment: dict[str, str] = field(default_factory=dict)
    service: subprocess.Popen[bytes] | None = None
    """The API socket of podman, if it was started here."""
    ended: threading.Event = field(default_factory=threading.Event)

    def run(self, *command: str, check: bool = True) -> str:
        """What *command* prints.

        Raises:
            SystemExit: it failed, and *check* was asked for; with the end of what it said.
        """
        environment = os.environ | self.environment
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=False)
        if check and done.returncode:
            said = done.stderr.decode()[-3000:]
            raise SystemExit(f"{' '.join(command[:8])} ... ended with {done.returncode}:\n{said}")
        return done.stdout.decode()

    def close(self) -> None:
        """End what was started here."""
        self.ended.set()
        if self.service is not None:
            self.service.terminate()
            self.service.wait()


def found(kind: str | None, *, environment: dict[str, str]) -> Engine:
    """The engine of this *kind*, or the first that is there.

    Raises:
        SystemExit: there is none.
    """
    for one in [kind] if kind else KINDS:
        if engine := {"docker": _docker, "podman-compose": _podman_compose, "compose-on-podman": _on_podman}[one]():
            # podman's own image format has no HEALTHCHECK.
            engine.environment |= environment | {"BUILDAH_FORMAT": "docker"}
            return engine
    wanted = kind or "docker with its compose plugin, nor podman with podman-compose or docker-compose"
    raise SystemExit(f"no container engine: there is no {wanted}")


def check_health(engine: Engine, project: str) -> None:
    """In the background: without systemd, podman has nobody who runs its health checks; so we do."""
    threading.Thread(target=_check_health, args=(engine, project), name="health", daemon=True).start()


def _check_health(engine: Engine, project: str) -> None:
    of = ("--filter", f"label=com.docker.compose.project={project}", "--filter", "health=starting")
    while not engine.ended.wait(1):
        for container in engine.run(engine.program, "ps", "--quiet", *of, check=False).split():
            engine.run(engine.program, "healthcheck", "run", container, check=False)


def _within_limits() -> dict[str, str]:
    """For podman where nobody may raise limits (a sandbox): it would start containers, but no health check in them."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    place = Path("/etc/containers/containers.conf")
    said = place.read_text() if place.exists() else ""
    if hard >= ASKED_FILES or "[containers]" in said:
        return {}
    ours = Path(tempfile.mkdtemp(prefix="podman-")) / "containers.conf"
    ours.write_text(f'{said}\n[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]\n')
    return {"CONTAINERS_CONF": str(ours)}


def _docker() -> Engine | None:
    if not shutil.which("docker"):
        return None
    asked = (("docker", "compose", "version"), ("docker", "version"))  # the second one asks its daemon, too
    if any(subprocess.run(one, capture_output=True, check=False).returncode for one in asked):
        return None
    return Engine("docker", "docker", ("docker", "compose"))


def _podman_compose() -> Engine | None:
    if shutil.which("podman") and shutil.which("podman-compose"):
        return Engine("podman-compose", "podman", ("podman-compose",), _within_limits())
    return None


def _on_podman() -> Engine | None:
    places = os.pathsep.join([str(ROOT / ".venv/bin"), str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    compose = shutil.which("docker-compose", path=places)
    if not (shutil.which("podman") and compose):
        return None
    socket = f"unix://{tempfile.mkdtemp(prefix='podman-')}/api.sock"
    say(f"starting podman's API socket at {socket}")
    environment = _within_limits() | {"DOCKER_HOST": socket}
    command = ("podman", "system", "service", "--time=0", socket)
    service = subprocess.Popen(command, stderr=subprocess.DEVNULL, env=os.environ | environment)
    return Engine("compose-on-podman", "podman", (compose,), environment, service)
