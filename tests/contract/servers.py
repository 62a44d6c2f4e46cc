"""The foreign servers of the contract suite: moto in a thread and ministack as a process, both on 127.0.0.1.

Each is a context manager that takes nothing and gives the URL to connect to; leaving it ends the server that it began,
by its own handle or process id.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

START_SECONDS: Final = 30.0


@contextmanager
def moto() -> Iterator[str]:
    """Moto's server in a thread of this process."""
    from moto.server import ThreadedMotoServer  # noqa: PLC0415  # a second of imports, only where it is used

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        _, port = server.get_host_and_port()
        yield f"http://127.0.0.1:{port}"
    finally:
        server.stop()


@contextmanager
def ministack(folder: Path) -> Iterator[str]:
    """Ministack as a process of its own, with every service but SQS left out."""
    port = free_port()
    settings = {
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "SERVICES": "sqs",
        "SFTP_ENABLED": "0",  # it would listen on a port of its own, on every interface
        "IOT_MTLS_ENABLED": "0",  # as above
        "LOG_LEVEL": "ERROR",
        "STATE_DIR": str(folder),
        "TMPDIR": str(folder),
        "HOME": str(folder),
        "PATH": os.environ.get("PATH", ""),
    }
    with (folder / "ministack.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "ministack"], env=settings, cwd=folder, stdout=log, stderr=subprocess.STDOUT
        )
    with ended(process):
        await_health(f"http://127.0.0.1:{port}/_ministack/health", process)
        yield f"http://127.0.0.1:{port}"


@contextmanager
def ended(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """*process* is gone afterwards, by its own will or without it."""
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(timeout=START_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_port() -> int:
    """A port that was free a moment ago: ministack cannot be asked for any free one."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def await_health(url: str, process: subprocess.Popen[bytes]) -> None:
    """Return when *url* answers, whatever it says.

    Raises:
        RuntimeError: the process ended, or did not answer in time.
    """
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=START_SECONDS):  # noqa: S310  # a URL of our own making
                return
        except urllib.error.HTTPError:
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)  # a process of another make tells us in no other way that it is ready
    raise RuntimeError(f"{url} does not answer; exit code {process.poll()}")
