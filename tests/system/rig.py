"""Real processes for system tests: a loopback, workers, and what they say, waited for line by line.

Nothing here sleeps for a guessed time: everything waits for a line of a process, its end, or a count of the loopback,
each under a deadline. Every process is ended by its id when the test is over.
"""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.request
from contextlib import closing, contextmanager
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from worker.demo.orders import bodies
from worker.telemetry.http.fetch import fetch

if TYPE_CHECKING:
    import signal
    from collections.abc import Iterator, Mapping

CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "us-east-1"}
ROOT = Path(__file__).parents[2]
"""The tree of these tests: its worker is the one to run, whatever is installed."""
PATIENCE_SECONDS = 60.0
LOOK_SECONDS = 0.02
QUEUE = "orders"


class Gone(AssertionError):
    """A process ended, or time did, before it said what was waited for."""


class Child:
    """A process and the lines it prints."""

    def __init__(self, arguments: list[str], environment: Mapping[str, str], *, cwd: Path | None = None) -> None:
        clean = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG", "VIRTUAL_ENV"}}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "worker", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={"PYTHONPATH": str(ROOT), **clean, **environment},
            cwd=cwd,
        )
        self.lines: list[str] = []
        self._said: SimpleQueue[str | None] = SimpleQueue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._said.put(line.decode())
        self._said.put(None)

    def until(self, text: str) -> str:
        """The first line from here on that holds *text*."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                line = self._said.get(timeout=max(0.0, deadline - time.monotonic()))
            except Empty:
                raise Gone(f"never said {text!r}:\n{''.join(self.lines)}") from None
            if line is None:
                raise Gone(f"ended before {text!r}:\n{''.join(self.lines)}")
            self.lines.append(line)
            if text in line:
                return line

    def event(self, name: str) -> dict[str, Any]:
        """The fields of the next fact *name* that it logs."""
        return dict(json.loads(self.until(f'"event":"{name}"')))

    def tell(self, number: signal.Signals) -> None:
        """Send a signal."""
        self.process.send_signal(number)

    def end(self) -> int:
        """Wait for its end; the exit code. Everything it said is in `lines` then."""
        code = self.process.wait(PATIENCE_SECONDS)
        self._reader.join(PATIENCE_SECONDS)
        while not self._said.empty():
            line = self._said.get()
            if line is not None:
                self.lines.append(line)
        return code

    def facts(self, name: str) -> list[dict[str, Any]]:
        """The fields of every fact *name* among the lines read so far."""
        return [json.loads(line) for line in self.lines if f'"event":"{name}"' in line]

    def account(self, pipeline: str = "default") -> dict[str, Any]:
        """The final account that an ended worker logged for a pipeline."""
        return next(told for told in reversed(self.facts("pipeline_stopped")) if told["pipeline"] == pipeline)

    def kill(self) -> None:
        """End it by force if it still runs."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(PATIENCE_SECONDS)
        self._reader.join(PATIENCE_SECONDS)
        if self.process.stdout is not None:
            self.process.stdout.close()


class Rig:
    """One loopback with one queue, and as many workers on one database as the test wants."""

    def __init__(self, folder: Path, *, queue: str = f"{QUEUE}:visibility=5") -> None:
        self.folder = folder
        self.database = folder / "rows.sqlite"
        self._children: list[Child] = []
        loopback = self.start(["loopback", "--port", "0", "--queue", queue], {})
        self.endpoint = next(word for word in loopback.until("http://").split() if word.startswith("http://"))
        self.queue_url = f"{self.endpoint}/000000000000/{QUEUE}"
        self.sqs = boto3.client(
            "sqs",
            endpoint_url=self.endpoint,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(retries={"total_max_attempts": 1}),
        )

    def start(self, arguments: list[str], environment: Mapping[str, str]) -> Child:
        """Any command of ours."""
        child = Child(arguments, environment, cwd=self.folder)
        self._children.append(child)
        return child

    def worker(self, *arguments: str, **settings: str) -> Child:
        """`worker run` on this queue, into this database."""
        defaults = {
            "SQS_QUEUE_URL": self.queue_url,
            "SQS_ENDPOINT_URL": self.endpoint,
            "SINK": "sqlite",
            "SQLITE_PATH": str(self.database),
            "METRICS_PORT": "0",
            "LOG_FORMAT": "json",
            "LOG_LEVEL": "debug",
            "PYTHONPATH": f"{self.folder}{os.pathsep}{ROOT}",
        }
        return self.start(["run", *arguments], {**CREDENTIALS, **defaults, **settings})

    def send(self, messages: int, *, seed: int = 0) -> None:
        """Put orders into the queue."""
        waiting = list(bodies(messages, seed=seed))
        for at in range(0, messages, 10):
            entries = [{"Id": str(i), "MessageBody": body} for i, body in enumerate(waiting[at : at + 10])]
            answer = self.sqs.send_message_batch(QueueUrl=self.queue_url, Entries=entries)
            assert not answer.get("Failed")

    def send_bodies(self, waiting: list[str], *, queue: str = QUEUE) -> None:
        """Put these bodies into a queue, one to a request: a batch may not hold two of the largest."""
        for body in waiting:
            self.sqs.send_message(QueueUrl=self.url(queue), MessageBody=body)

    def url(self, queue: str) -> str:
        """The URL of *queue*."""
        return f"{self.endpoint}/000000000000/{queue}"

    def dead_letters(self, queue: str = "dead") -> list[dict[str, Any]]:
        """Everything in a dead-letter queue, attributes included; hidden from now on."""
        letters: list[Any] = []
        while found := self.sqs.receive_message(
            QueueUrl=self.url(queue), MaxNumberOfMessages=10, MessageAttributeNames=["All"], VisibilityTimeout=600
        ).get("Messages"):
            letters += found
        return letters

    def faults(self, rules: list[dict[str, object]]) -> None:
        """Let the loopback misbehave by *rules* from now on."""
        status, body = post(self.endpoint + "/_loopback/faults", json.dumps(rules).encode())
        assert status == 200, body

    def get(self, base: str, path: str) -> tuple[int, str]:
        """Status and body of *path* at a worker."""
        return fetch(base, path)

    def books(self, queue: str = QUEUE) -> dict[str, Any]:
        """What the loopback counted for a queue."""
        return dict(self.control()["queues"][queue])

    def control(self) -> dict[str, Any]:
        """Everything the loopback counted."""
        return dict(json.loads(fetch(self.endpoint, "/_loopback/account")[1]))

    def requests(self) -> dict[str, int]:
        """How often each operation was asked for."""
        return dict(self.control()["requests"])

    def until_books(self, name: str, at_least: int) -> None:
        """Wait until the loopback has counted *at_least* of *name*."""
        self.until(lambda: self.books()[name] >= at_least, f"{name} >= {at_least}")

    def until(self, holds: Any, what: str) -> None:
        """Wait until *holds()* is true."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not holds():
            if time.monotonic() > deadline:
                raise Gone(f"never: {what}; books {self.books()}")
            threading.Event().wait(LOOK_SECONDS)

    def rows(self, expression: str = "json_extract(body, '$.order_id')", table: str = "messages") -> list[Any]:
        """One value of every row."""
        if not self.database.exists():
            return []
        with closing(sqlite3.connect(self.database)) as connection:
            if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)).fetchall():
                return []
            return [row[0] for row in connection.execute(f"SELECT {expression} FROM {table}")]  # noqa: S608 - our own words

    def close(self) -> None:
        """End every process."""
        for child in reversed(self._children):
            child.kill()
        self.sqs.close()


def post(url: str, body: bytes) -> tuple[int, bytes]:
    """One POST over http."""
    request = urllib.request.Request(url, data=body, method="POST")  # noqa: S310 - our own loopback
    with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as answer:  # noqa: S310 - as above
        return answer.status, answer.read()


@contextmanager
def rig(folder: Path, **changes: str) -> Iterator[Rig]:
    """A rig that ends with the test."""
    made = Rig(folder, **changes)
    try:
        yield made
    finally:
        made.close()
