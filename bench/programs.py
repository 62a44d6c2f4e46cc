"""The processes of one run: the loopback with its messages on one core, the contestant on another.

Each is a context manager; leaving it ends the process by its id, first politely. What a contestant says is in a file.
"""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from bench.contestants import ROOT
from bench.machine import core_of_contestant, core_of_loopback, cores, pinned
from bench.place import QUEUE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from bench.contestants import Contestant
    from bench.load import Load

CREDENTIALS: Final = {
    "AWS_ACCESS_KEY_ID": "bench",
    "AWS_SECRET_ACCESS_KEY": "bench",
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
}
"""Any will do: the loopback checks none, and every SDK insists on some, under a name of its own."""
STOP_SECONDS: Final = 30.0
KILL_SECONDS: Final = 1.0


class Failed(Exception):
    """A program of the run ended, or did not do what it is there for; says what it printed last."""


class Lost(Exception):
    """A contestant of ours deleted messages that it had not written: nothing else matters then."""


@contextmanager
def loopback(load: Load) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The loopback with *load* in it; gives the process and its URL once all messages wait."""
    command = [sys.executable, "-m", "bench.place", load.as_json()]
    environment = {**_clean(), "PYTHONPATH": str(ROOT)}
    with pinned(core_of_loopback()):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True)
    with process:
        try:
            yield process, _first_line(process)
        finally:
            _end(process)


def _first_line(process: subprocess.Popen[str]) -> str:
    line = "" if process.stdout is None else process.stdout.readline().strip()
    if not line:
        raise Failed("the loopback ended before it was ready")
    return line


@contextmanager
def contestant(one: Contestant, endpoint: str, folder: Path, load: Load) -> Iterator[subprocess.Popen[bytes]]:
    """*one*, started in *folder* on its core."""
    places = {"folder": str(folder), "rows": str(folder / "rows.sqlite"), "endpoint": endpoint,
              "queue_url": f"{endpoint}/000000000000/{QUEUE}"}  # fmt: skip
    environment = {**_clean(), **CREDENTIALS, **_filled(one.environment, places)}
    if load.tls is not None:
        environment["AWS_CA_BUNDLE"] = environment["NODE_EXTRA_CA_CERTS"] = load.tls[0]
    command = [part.format(**places) for part in one.command]
    with log_of(folder).open("wb") as log, pinned(set(cores()) if one.every_core else core_of_contestant()):
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, env=environment)
    with process:
        try:
            yield process
        finally:
            # Ours may write what they hold, to be counted; nobody waits for the long polls of the others.
            _end(process, STOP_SECONDS if one.rows else KILL_SECONDS)


def log_of(folder: Path) -> Path:
    """Where a contestant's words go."""
    return folder / "log.txt"


def _clean() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG"}}


def _filled(settings: Mapping[str, str], places: Mapping[str, str]) -> dict[str, str]:
    return {name: value.format(**places) for name, value in settings.items()}


def _end(process: subprocess.Popen[str] | subprocess.Popen[bytes], patience_seconds: float = STOP_SECONDS) -> None:
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(patience_seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
