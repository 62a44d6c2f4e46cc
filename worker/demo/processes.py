"""The child processes of the demonstration, as context managers: the loopback, the producer and the worker.

Each is started by its own command line, as a person would, and found by the address it prints; leaving the context
ends it by its process id.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import worker as package
from worker.errors import WorkerError
from worker.settings.names import PREFIXES
from worker.telemetry.http.fetch import fetch

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

CREDENTIALS: Final = {"AWS_ACCESS_KEY_ID": "demo", "AWS_SECRET_ACCESS_KEY": "demo", "AWS_REGION": "us-east-1"}
"""Any will do: the loopback checks none, and the SDK insists on some."""
HERE: Final = str(Path(package.__file__).parents[1])
"""Where this package is found: a `worker.py` in the working folder is not taken for it."""
OURS: Final = (*PREFIXES, "SINK", "CODEC", "AWS_")
"""Prefixes of variables that a shell may hold and that must not change the demonstration."""
STOP_SECONDS: Final = 10.0
LOOK_SECONDS: Final = 0.02


class DemoFailed(WorkerError):
    """A child of the demonstration ended early; holds what it printed."""


@dataclass(frozen=True, slots=True)
class Status:
    """What the bar needs of the worker's /status."""

    deleted: int
    in_flight: int


@contextmanager
def loopback(queue: str) -> Iterator[str]:
    """An SQS on a free port with one queue; gives its endpoint URL."""
    with _child(["worker", "loopback", "--port", "0", "--queue", queue], {}, subprocess.PIPE) as child:
        yield _address(child)


@contextmanager
def producer(settings: Mapping[str, str], messages: int) -> Iterator[subprocess.Popen[bytes]]:
    """Sends orders until all are accepted."""
    arguments = ["worker.demo.produce", "--messages", str(messages)]
    with _child(arguments, settings, subprocess.DEVNULL) as child:
        yield child


@contextmanager
def worker(settings: Mapping[str, str], log: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """`worker run --drain` with *settings*, its log in a file; gives the process and its metrics URL."""
    with log.open("wb") as out, _child(["worker", "run", "--drain"], settings, out.fileno()) as child:
        yield child, _metrics_url(child, log)


def loopback_account(endpoint: str) -> dict[str, Any]:
    """What the loopback has counted."""
    _, body = fetch(endpoint, "/_loopback/account")
    return dict(json.loads(body))


def worker_status(url: str) -> Status | None:
    """What the worker says of itself; None when it is just leaving."""
    try:
        _, body = fetch(url, "/status")
    except OSError:
        return None
    pipeline = json.loads(body)["pipelines"]["default"]
    return Status(pipeline["messages"]["deleted"], pipeline["in_flight"]["messages"])


@contextmanager
def _child(arguments: list[str], settings: Mapping[str, str], stdout: int) -> Iterator[subprocess.Popen[bytes]]:
    ours = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    ours["PYTHONPATH"] = os.pathsep.join(filter(None, (HERE, ours.get("PYTHONPATH"))))
    command = [sys.executable, "-P", "-m", *arguments]
    with subprocess.Popen(command, stdout=stdout, env={**ours, **CREDENTIALS, **settings}) as child:  # noqa: S603 - our own program
        try:
            yield child
        finally:
            _end(child)


def _address(child: subprocess.Popen[bytes]) -> str:
    """The first URL that the child prints."""
    assert child.stdout is not None  # noqa: S101 - asked for by our own Popen
    said: list[str] = []
    for line in child.stdout:
        said.append(line.decode())
        for word in said[-1].split():
            if word.startswith("http://"):
                return word
    raise DemoFailed("the loopback ended before it was ready:\n" + "".join(said))


def _metrics_url(child: subprocess.Popen[bytes], log: Path) -> str:
    """From the line `worker_started` of the worker's log."""
    while child.poll() is None:
        for line in log.read_bytes().splitlines(keepends=True):
            if line.endswith(b"\n") and b'"worker_started"' in line:
                return str(json.loads(line)["metrics_url"])
        time.sleep(LOOK_SECONDS)
    raise DemoFailed(f"the worker ended with {child.returncode}:\n{log.read_text()}")


def _end(child: subprocess.Popen[bytes]) -> None:
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
