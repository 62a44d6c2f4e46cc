"""The containers for real: builds and runs docker-compose.yml with three workers, and checks every row and number.

Takes the engine that is there (docker compose, or podman-compose) and nothing but the standard library; prints what it
found and ends with 0 only if every check held. Whatever it started is taken down again. Not part of `make test`,
because it needs an engine: `make containers`.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parents[2]
PROJECT = "sqs-worker-check"
IMAGE = "sqs-worker-daemon:local"
WORKERS = 3
PATIENCE_SECONDS = 300.0
GRACE_SECONDS = 35

COUNT_ROWS = """
import json, sqlite3
rows = sqlite3.connect("/data/orders.sqlite").execute("SELECT count(*), count(DISTINCT message_id) FROM orders")
print(json.dumps(rows.fetchone()))
"""
AWAIT_DELETED = """
import json, sys, time, urllib.request
wanted, deadline = int(sys.argv[1]), time.monotonic() + float(sys.argv[2])
queue = {}
while queue.get("deleted", 0) < wanted and time.monotonic() < deadline:
    try:
        with urllib.request.urlopen("http://loopback:9324/_loopback/account", timeout=5) as answer:
            queue = json.load(answer)["queues"]["orders"]
    except OSError as error:  # an engine's name server pauses while containers come and go
        print(error, file=sys.stderr)
    time.sleep(0.5)
print(json.dumps(queue))
"""
ENDS = ("deleted", "retried", "rejected", "released", "expired")
UNACCOUNTED = " - ".join(f"sum(sqs_worker_messages_{end}_total)" for end in ("received", *ENDS))
LOOK_INSIDE = """
import json, os, shutil
def written(path):
    try:
        open(path, "w").close()
    except OSError as error:
        return error.strerror
    return "written"
tools = [name for name in ("gcc", "cc", "g++", "clang", "ld", "make", "go", "cargo") if shutil.which(name)]
print(json.dumps({"uid": os.getuid(), "compilers": tools, "root": written("/x"), "opt": written("/opt/worker/x")}))
"""


def say(text: str) -> None:
    """One line of the account."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


@dataclass(slots=True)
class Checks:
    """What was claimed and whether it held."""

    failed: list[str] = field(default_factory=list)
    """Written by `that`."""

    def that(self, claim: str, found: object, *, holds: bool) -> None:
        """Say *claim* with what was *found*, and remember it if it does not hold."""
        say(f"  {'ok ' if holds else 'NOT'} {claim}: {found}")
        if not holds:
            self.failed.append(claim)


class Stack:
    """The compose project, by whichever engine is installed."""

    def __init__(self, *, messages: int, port: int) -> None:
        self.compose, self.engine = _found()
        self._port = port
        self._environment = os.environ | {
            "MESSAGES": str(messages),
            "WORKERS": str(WORKERS),
            "PROMETHEUS_PORT": str(port),
            # podman's own format has no HEALTHCHECK.
            "BUILDAH_FORMAT": "docker",
        }

    def up(self) -> None:
        """Build the images and start everything."""
        self._run(*self.compose, "build")
        self._run(*self.compose, "up", "--detach", "--no-build", "--scale", f"worker={WORKERS}")

    def down(self) -> None:
        """Remove containers, network and volumes; podman-compose itself forgets the replicas."""
        if left := self.containers():
            self._run(self.engine, "rm", "--force", *left, check=False)
        self._run(*self.compose, "down", "--volumes", check=False)

    def containers(self, service: str | None = None) -> list[str]:
        """The ids of a service's containers (None: of all), running or not."""
        of = [f"--filter=label=com.docker.compose.project={PROJECT}"]
        if service is not None:
            of.append(f"--filter=label=com.docker.compose.service={service}")
        return self._run(self.engine, "ps", "--all", "--quiet", *of).split()

    def stop(self, *containers: str) -> None:
        """SIGTERM, and time enough to drain."""
        self._run(self.engine, "stop", "--time", str(GRACE_SECONDS), *containers)

    def start(self, container: str) -> None:
        """Again, after `stop`."""
        self._run(self.engine, "start", container)

    def inspect(self, container: str, what: str) -> str:
        """One field of a container."""
        return self._run(self.engine, "inspect", "--format", f"{{{{{what}}}}}", container).strip()

    def last_line(self, container: str, event: str) -> dict[str, Any]:
        """The latest log line of *container* that tells *event*."""
        lines = [line for line in self._run(self.engine, "logs", container).splitlines() if f'"{event}"' in line]
        told: dict[str, Any] = json.loads(lines[-1]) if lines else {}
        return told

    def python(self, program: str, *arguments: object, within: tuple[str, ...] = ()) -> Any:
        """What *program* prints as JSON, run in a fresh container of the worker's image."""
        hardened = ("--read-only", "--cap-drop=ALL", "--network", f"{PROJECT}_default")
        command = (self.engine, "run", "--rm", *hardened, *within, "--entrypoint", "python", IMAGE, "-c", program)
        return json.loads(self._run(*command, *map(str, arguments)))

    def query(self, expression: str) -> list[float]:
        """The values that Prometheus has for *expression*."""
        url = f"http://127.0.0.1:{self._port}/api/v1/query?" + urllib.parse.urlencode({"query": expression})
        with urllib.request.urlopen(url, timeout=10) as answer:
            found = json.load(answer)["data"]["result"]
        return [float(one["value"][1]) for one in found]

    def _run(self, *command: str, check: bool = True) -> str:
        done = subprocess.run(command, cwd=ROOT, env=self._environment, capture_output=True, check=False)
        if check and done.returncode:
            raise SystemExit(
                f"{' '.join(command[:6])} ... ended with {done.returncode}:\n{done.stderr.decode()[-3000:]}"
            )
        return done.stdout.decode()


def _found() -> tuple[tuple[str, ...], str]:
    project = ("--project-name", PROJECT)
    if (
        shutil.which("docker")
        and not subprocess.run(("docker", "compose", "version"), capture_output=True, check=False).returncode
    ):
        return ("docker", "compose", *project), "docker"
    if shutil.which("podman") and shutil.which("podman-compose"):
        return ("podman-compose", *project), "podman"
    raise SystemExit("no container engine: install docker with its compose plugin, or podman and podman-compose")


def until(look: Callable[[], bool], seconds: float) -> bool:
    """Whether *look* comes true in time."""
    deadline = time.monotonic() + seconds
    while not look():
        if time.monotonic() > deadline:
            return False
        time.sleep(1)
    return True


def while_it_drains(stack: Stack, checks: Checks, messages: int) -> None:
    """One worker is stopped in the middle of the work and started again."""
    stack.python(AWAIT_DELETED, messages // 5, PATIENCE_SECONDS)
    one = stack.containers("worker")[0]
    stack.stop(one)
    told = stack.last_line(one, "pipeline_stopped")
    code = stack.inspect(one, ".State.ExitCode")
    counts = {name: told.get(name) for name in ("received", *ENDS, "in_flight")}
    clean = code == "0" and counts["in_flight"] == 0 and counts["received"] == sum(told[end] for end in ENDS)
    checks.that("a worker stopped under load ends with 0, nothing in flight", (code, counts), holds=clean)
    stack.start(one)


def when_drained(stack: Stack, checks: Checks, messages: int) -> None:
    """Every message in one row, and every number the same."""
    queue = stack.python(AWAIT_DELETED, messages, PATIENCE_SECONDS)
    left = {name: queue[name] for name in ("sent", "deleted", "visible", "not_visible", "delayed")}
    checks.that("the queue is empty", left, holds=list(left.values()) == [messages, messages, 0, 0, 0])
    data = ("--volume", f"{PROJECT}_rows:/data")
    rows = stack.python(COUNT_ROWS, within=data)
    checks.that("every message is in exactly one row (rows, different)", rows, holds=rows == [messages, messages])
    scraped = until(lambda: stack.query('up{job="worker"}') == [1.0] * WORKERS, 60)
    checks.that("Prometheus found every worker by name", stack.query('up{job="worker"}'), holds=scraped)
    even = until(lambda: stack.query(UNACCOUNTED) == [0.0], 60)
    deleted = stack.query("sum by (instance) (sqs_worker_messages_deleted_total)")
    checks.that("received = deleted + given back over all workers; deleted by each", deleted, holds=even)


def when_stopped(stack: Stack, checks: Checks) -> None:
    """SIGTERM to all workers at once."""
    workers = stack.containers("worker")
    began = time.monotonic()
    stack.stop(*workers)
    seconds = round(time.monotonic() - began, 1)
    codes = [stack.inspect(one, ".State.ExitCode") for one in workers]
    checks.that(f"SIGTERM ends {len(workers)} workers with 0, in {seconds} s", codes, holds=codes == ["0"] * WORKERS)
    held = [stack.last_line(one, "pipeline_stopped").get("in_flight") for one in workers]
    checks.that("nothing is left in flight", held, holds=held == [0] * WORKERS)


def image(stack: Stack, checks: Checks) -> None:
    """What is in the image, and what may be written."""
    inside = stack.python(LOOK_INSIDE)
    safe = inside["uid"] == 10001 and not inside["compilers"] and "written" not in (inside["root"], inside["opt"])
    checks.that("numeric user, no compiler, read-only root", inside, holds=safe)
    mebibytes = int(stack.inspect(IMAGE, ".Size")) / 2**20
    say(f"      the image has {mebibytes:.0f} MiB, its base included")


def main() -> int:
    """Run all of it; 0 if every check held."""
    parser = argparse.ArgumentParser(description="Build and run docker-compose.yml and check every row.")
    parser.add_argument("--messages", type=int, default=int(os.environ.get("MESSAGES", "30000")))
    parser.add_argument("--port", type=int, default=int(os.environ.get("PROMETHEUS_PORT", "9090")))
    asked = parser.parse_args()
    stack, checks = Stack(messages=asked.messages, port=asked.port), Checks()
    say(f"{stack.engine}: {asked.messages} messages, {WORKERS} workers")
    stack.down()
    try:
        stack.up()
        image(stack, checks)
        while_it_drains(stack, checks, asked.messages)
        when_drained(stack, checks, asked.messages)
        when_stopped(stack, checks)
    finally:
        stack.down()
    say("all of it held" if not checks.failed else f"failed: {'; '.join(checks.failed)}")
    return 1 if checks.failed else 0


if __name__ == "__main__":
    sys.exit(main())
