"""Live workers under load, and a Prometheus that scrapes them by our rules: what the dashboard is asked of.

Takes a folder; gives the two, and ends every process with the context. All of it listens on loopback, on free ports.
"""

from __future__ import annotations

import json
import math
import socket
import subprocess
import threading
import time
import urllib.parse
import urllib.request
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from tests.deploy.promql import RULES
from tests.system.rig import rig

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.system.rig import Rig

PATIENCE_SECONDS: Final = 100.0
HANDLER: Final = """
import asyncio
from worker import Retry

async def handle(message):
    await asyncio.sleep(0.01)
    if message.receive_count == 1 and message.value["lines"][0]["quantity"] == 1:
        raise Retry(after=1, reason="not-yet")
"""
CONFIGURATION: Final = """
global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}}
rule_files: ["{rules}/*.yml"]
scrape_configs:
  - job_name: worker
    static_configs: [{{targets: [{targets}]}}]
"""


class Prometheus:
    """One that runs."""

    def __init__(self, port: int) -> None:
        self._base = f"http://127.0.0.1:{port}/api/v1/"

    def query(self, expression: str) -> list[float]:
        """The values of *expression* now; those that are no number are left out."""
        found = self.get("query", query=expression)["result"]
        samples = [found] if found and isinstance(found[0], int | float) else [one["value"] for one in found]
        values = [float(value) for _, value in samples]
        return [value for value in values if not math.isnan(value)]

    def get(self, path: str, **asked: str) -> Any:
        """The data of one answer."""
        url = f"{self._base}{path}?{urllib.parse.urlencode(asked)}"
        with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - our own Prometheus
            return json.load(answer)["data"]

    def up(self, targets: int) -> bool:
        """Whether it answers, and was answered by so many *targets*."""
        try:
            return self.query("up") == [1.0] * targets
        except OSError:
            return False


@contextmanager
def workers(folder: Path) -> Iterator[tuple[Rig, list[str]]]:
    """Two workers on one queue and their metrics pages: one has two processes and a function that retries some."""
    folder.joinpath("some.py").write_text(HANDLER)
    with rig(folder, queue="orders:visibility=30,dlq=orders-dead,max=5") as made:
        settings = {"SQS_DLQ_URL": "orders-dead", "LOG_LEVEL": "info", "SQS_WAIT_TIME_SECONDS": "1"}
        plain = made.worker(**settings)
        double = made.worker(WORKER_PROCESSES="2", SINK="handler", HANDLER="some:handle", **settings)
        pages = [plain.event("worker_started")["metrics_url"], double.event("parent_started")["metrics_url"]]
        for _ in range(2):
            double.event("worker_started")
        with _load(made):
            yield made, pages


@contextmanager
def prometheus(folder: Path, pages: list[str]) -> Iterator[Prometheus]:
    """One that scrapes *pages* each second, when it has."""
    port = free_port()
    targets = ", ".join(json.dumps(urllib.parse.urlsplit(page).netloc) for page in pages)
    configuration = folder / "prometheus.yml"
    configuration.write_text(CONFIGURATION.format(rules=RULES, targets=targets))
    command = (
        *("prometheus", f"--config.file={configuration}", f"--storage.tsdb.path={folder / 'samples'}"),
        *(f"--web.listen-address=127.0.0.1:{port}", "--log.level=warn"),
    )
    with folder.joinpath("prometheus.log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    try:
        made = Prometheus(port)
        until(lambda: made.up(len(pages)), lambda: folder.joinpath("prometheus.log").read_text())
        yield made
    finally:
        process.terminate()
        process.wait(timeout=30)


def until(holds: Any, why_not: Any, *, seconds: float = PATIENCE_SECONDS) -> None:
    """Wait until *holds()*; else fail with what *why_not()* says."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, why_not()
        threading.Event().wait(0.5)


@contextmanager
def _load(made: Rig) -> Iterator[None]:
    """Orders, and now and then something that is none, while the context lasts."""
    over = threading.Event()

    def send() -> None:
        seed = 0
        while not over.wait(0.1):
            seed += 1
            made.send(40, seed=seed)
            if seed % 10 == 1:
                made.send_bodies(["no json"])

    sender = threading.Thread(target=send, daemon=True)
    sender.start()
    try:
        yield
    finally:
        over.set()
        sender.join()


def free_port() -> int:
    """One on loopback that nobody has at the moment."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port
