"""docs/deploy/local.md, typed as printed: a loopback and three workers on this machine."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import subprocess
import sys
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.words.blocks import blocks

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = "docs/deploy/local.md"
PORTS = ("9324", "9101", "9102", "9103")
INSTALLING = ("python3 -m venv", "pip install")
"""Lines that need a package index; this environment is what they make."""
STARTED = "set -- $(jobs -p); shift"
ENDS = 'for pid in "$@"; do wait "$pid" && echo "a worker ended with $?"; done'
"""What the reader sees when the workers are over."""


def free_ports(count: int) -> list[str]:
    with ExitStack() as held:
        sockets = [held.enter_context(closing(socket.socket())) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [str(one.getsockname()[1]) for one in sockets]


def typed() -> Iterator[str]:
    """Line by line, at the pace of a reader: who starts something waits until it answers."""
    (block,) = blocks(PAGE)
    for line in block.text.splitlines():
        if line.startswith("aws "):
            yield from (until(f"worker health --url http://127.0.0.1:{port}") for port in PORTS[1:])
        if line.startswith("worker health"):
            yield until("test $(sqlite_rows) = 1")
        if line.startswith("kill %2 %3 %4"):
            yield STARTED
        if not line.startswith(INSTALLING):
            yield line
        if line.startswith("kill %2 %3 %4"):
            yield ENDS


def until(command: str) -> str:
    """Again and again, as a person would."""
    return f"until {command} >/dev/null 2>&1; do read -t 0.1 <> <(:) || :; done"


@pytest.mark.deploy("bash")
def test_the_page_does_what_it_says(tmp_path: Path) -> None:
    """Three workers on one queue: the message is a row, one of them answers, and a signal ends each with 0."""
    text = "\n".join(typed())
    for printed, free in zip(PORTS, free_ports(len(PORTS)), strict=True):
        text = text.replace(printed, free)
    rows = f"sqlite_rows() {{ {sys.executable} -c 'import sqlite3; {ROWS}'; }}\n"
    reader = subprocess.Popen(
        ["bash", "-ec", rows + text],
        cwd=tmp_path,
        env={
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": str(tmp_path),
            "SQS_WAIT_TIME_SECONDS": "1",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        said, _ = reader.communicate(timeout=90)
    finally:
        with suppress(ProcessLookupError):  # all have ended
            os.killpg(reader.pid, signal.SIGKILL)
    logs = "".join(path.read_text()[-2000:] for path in tmp_path.glob("*.log"))
    assert reader.returncode == 0, f"{said}{logs}"
    assert said.count("a worker ended with 0") == len(PORTS) - 1, said
    assert '"worker_id": "one"' in said
    with closing(sqlite3.connect(tmp_path / "orders.sqlite")) as database:
        assert database.execute("SELECT json_extract(body, '$.order_id') FROM messages").fetchall() == [(1,)]


ROWS = 'print(sqlite3.connect("orders.sqlite").execute("SELECT count(*) FROM messages").fetchone()[0])'
