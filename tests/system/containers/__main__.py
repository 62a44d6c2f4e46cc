"""The containers for real: builds and runs docker-compose.yml, scales its workers, and checks every row and number.

Takes the engine that is there (docker compose, podman-compose, or Compose on podman) and nothing but the standard
library; prints what it found and ends with 0 only if every check held. Whatever it started is taken down again.
Not part of `make test`, because it needs an engine: `make containers`.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import signal
import socket
import sys
import tempfile
import time
from pathlib import Path

from tests.system.containers import story
from tests.system.containers.engine import KINDS, found
from tests.system.containers.stack import AWS, MONITORING, POSTGRES, PROJECT, SHELL, STAND_IN, Stack
from tests.system.containers.told import Checks, say, until

PATIENCE_SECONDS = 900.0
PUBLISHED = ("prometheus", "alertmanager")
SCENES = {"monitoring": MONITORING, "postgres": POSTGRES, "postgres-stand-in": STAND_IN, "aws": AWS}


def main() -> int:
    """Run all of it; 0 if every check held."""
    asked = _asked()
    began = time.monotonic()
    ports = {name: asked.port + number if asked.port else _free() for number, name in enumerate(PUBLISHED)}
    environment = {
        "MESSAGES": str(asked.messages),
        "RATE": str(asked.rate),
        "PROMETHEUS_PORT": str(ports["prometheus"]),
        "ALERTMANAGER_PORT": str(ports["alertmanager"]),
    }
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))  # so that what was started is taken down
    lock = _alone()
    engine = found(asked.engine, environment=environment | (SHELL if asked.scene == "aws" else {}))
    stack, checks = Stack(engine, ports, SCENES[asked.scene]), Checks()
    say(f"{engine.kind}: {asked.messages} messages, {asked.rate} a second; about {asked.messages // asked.rate + 90} s")
    try:
        stack.down()
        stack.build()
        run = run_monitoring if asked.scene == "monitoring" else run_other
        run(stack, checks, asked.messages)
    finally:
        stack.down()
        engine.close()
        os.close(lock)
    took = f"in {time.monotonic() - began:.0f} s"
    say(f"all of it held, {took}" if not checks.failed else f"failed, {took}: {'; '.join(checks.failed)}")
    return 1 if checks.failed else 0


def run_monitoring(stack: Stack, checks: Checks, messages: int) -> None:
    """The story, in its order."""
    story.image(stack, checks)
    say("starting the loopback, the producer, three workers, Prometheus and Alertmanager")
    stack.up(3)
    story.three(stack, checks)
    story.crashed(stack, checks)
    story.five_and_two(stack, checks, messages)
    story.watched(stack, checks)
    story.drained(stack, checks, messages)
    story.healthy(stack, checks)
    story.stopped(stack, checks)


def run_other(stack: Stack, checks: Checks, messages: int) -> None:
    """The same account in another scene, without the scaling."""
    say(f"starting two workers and {', '.join(stack.scene.services[:-1])}")
    stack.up(2)
    story.seen(stack, checks, 2)
    story.drained(stack, checks, messages)
    story.stopped(stack, checks)


def _alone() -> int:
    """Waits until no other run of this user goes on here: two would take each other's containers for their own."""
    path = Path(tempfile.gettempdir(), f"{PROJECT}-{os.getuid()}.lock")
    lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)

    def taken() -> bool:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    if not until("the other run on this machine to end", taken, bool, seconds=PATIENCE_SECONDS):
        raise SystemExit(f"another run still goes on here, and has {path}: end it, or come back later")
    return lock


def _free() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Build and run docker-compose.yml and check every row.")
    parser.add_argument("--engine", choices=KINDS, default=os.environ.get("ENGINE") or None)
    parser.add_argument("--scene", choices=SCENES, default=os.environ.get("SCENE") or "monitoring")
    parser.add_argument("--messages", type=int, default=int(os.environ.get("MESSAGES", "120000")))
    parser.add_argument("--rate", type=int, default=int(os.environ.get("RATE", "1000")), help="messages a second")
    parser.add_argument("--port", type=int, default=int(os.environ.get("PROMETHEUS_PORT", "9090")), help="0: any")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
