"""The world of one run: the loopback with its book, the queues, the databases, the producers.

Takes a profile, a seed and a folder; gives endpoints, counts and, at the end, what is left. Everything is a process on
this machine and is ended by its id, at the latest by `end`.
"""

from __future__ import annotations

import json
import signal
import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.system.chaos import books
from tests.system.chaos.client import Client
from tests.system.chaos.crew import spawn
from tests.system.chaos.evidence import Letter, Row

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

    from tests.system.chaos.profiles import Profile
    from tests.system.postgres import Postgres
    from tests.system.proxy import Proxy

START_SECONDS = 30.0
LOOK_SECONDS = 0.03
TABLE = "events"
RECEIVES = 1000
"""Before SQS moves a message by itself: what is killed often must not end there."""


@dataclass(frozen=True, slots=True)
class Place:
    """One pipeline: a queue, its dead letters, a database."""

    name: str
    queue: str
    dead: str
    prefix: str
    """Of the business ids."""
    sink: str


PLACES = (
    Place("orders", "orders", "orders-dead", "o", "sqlite"),
    Place("ledger", "ledger.fifo", "ledger-dead.fifo", "f", "sqlite"),
    Place("events", "events", "events-dead", "e", "postgres"),
)
DEAD = frozenset(place.dead for place in PLACES)
FIFO = frozenset(place.name for place in PLACES if place.queue.endswith(".fifo"))


class Broken(Exception):
    """The rig itself did not work; nothing is proved."""


class World:
    """What is around the workers."""

    def __init__(self, profile: Profile, seed: int, folder: Path, server: Postgres, network: Proxy) -> None:
        self.profile = profile
        self.folder = folder
        self.databases = {p.name: folder / f"{p.name}.sqlite" for p in PLACES if p.sink == "sqlite"}
        self.server = server
        self.network = network
        self._seed = seed
        self.ledger = folder / "loopback.ledger"
        self.loopback = self._start_loopback()
        self.endpoint = self._address()
        self.client = Client(self.endpoint)
        self.producers: list[subprocess.Popen[bytes]] = []

    def _start_loopback(self) -> subprocess.Popen[bytes]:
        lease = f"visibility={self.profile.visibility}"
        queues = [f"{p.queue}:dlq={p.dead},max={RECEIVES},{lease}" for p in PLACES]
        arguments = ["loopback", "--port", "0", "--seed", str(self._seed), "--ledger", str(self.ledger)]
        arguments += ["--rules", self.profile.rules]
        for queue in queues:
            arguments += ["--queue", queue]
        return spawn("worker", arguments, {}, self.folder / "loopback.log")

    def _address(self) -> str:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self.loopback.poll() is None:
            for word in (self.folder / "loopback.log").read_text().split():
                if word.startswith("http://"):
                    return word
            time.sleep(LOOK_SECONDS)
        raise Broken((self.folder / "loopback.log").read_text())

    def configuration(self, *, drain_seconds: float) -> Path:
        """The workers' file."""
        text = [f"[worker]\ndrain_seconds = {drain_seconds}\n"]
        for place in PLACES:
            url = f"{self.endpoint}/000000000000/"
            settings: dict[str, object] = {
                "queue": url + place.queue,
                "dlq": url + place.dead,
                "endpoint_url": self.endpoint,
                "sink": place.sink,
                "wait_seconds": self.profile.wait_seconds,
                "retry_base_seconds": 0.2,
                "retry_max_seconds": 2,
                "in_flight_max_messages": 300,
            }
            if not self.profile.message_ids:
                settings["deduplication_key"] = "id"
            if place.sink == "sqlite":
                settings["sqlite_path"] = str(self.databases[place.name])
            else:
                settings["postgres_dsn"] = self.server.dsn_at(self.network.port)
                settings["postgres_table"] = TABLE
            text.append(f"[pipelines.{place.name}]")
            text += [f"{name} = {json.dumps(value)}" for name, value in settings.items()]
        path = self.folder / "worker.toml"
        path.write_text("\n".join(text), encoding="utf-8")
        return path

    def produce(self) -> None:
        """Start a producer for each queue."""
        profile = self.profile
        seconds = str(profile.warm_up_seconds + profile.load_seconds)
        for place in PLACES:
            fifo = place.name in FIFO
            messages = profile.groups * profile.rounds if fifo else profile.messages
            arguments = ["--endpoint", self.endpoint, "--queue", place.queue, "--prefix", place.prefix]
            arguments += ["--book", str(self.sent(place)), "--messages", str(messages), "--seconds", seconds]
            arguments += ["--groups", str(profile.groups if fifo else 0), "--seed", str(self._seed)]
            log = self.folder / f"producer-{place.name}.log"
            self.producers.append(spawn("tests.system.chaos.producer", arguments, {}, log))

    def hurry(self) -> None:
        """Nothing more will go wrong: the producers may come to their end."""
        for producer in self.producers:
            if producer.poll() is None:
                producer.send_signal(signal.SIGUSR1)

    def sent(self, place: Place) -> Path:
        """The book of a producer."""
        return self.folder / f"producer-{place.name}.book"

    def waiting(self) -> int:
        """Messages in the source queues, in whatever state."""
        counts = self.client.queues()
        return sum(counts[p.queue][state] for p in PLACES for state in ("visible", "not_visible", "delayed"))

    def rows(self, place: str) -> list[Row]:
        """The rows of a pipeline; of a SQLite file in the order in which they became lasting."""
        if place not in self.databases:
            both = [text.partition(" ") for text in self.server.values("message_id || ' ' || body", TABLE)]
            return [self._row(key, body) for key, _, body in both]
        with closing(sqlite3.connect(self.databases[place])) as connection:
            return [
                self._row(*one) for one in connection.execute("SELECT message_id, body FROM messages ORDER BY rowid")
            ]

    def _row(self, key: str, body: str) -> Row:
        own = key if self.profile.message_ids else ""
        return Row(books.business_id(body), books.fingerprint(body), own)

    def letters(self) -> Iterator[Letter]:
        """Empty the dead-letter queues."""
        for place in PLACES:
            for message in self.client.drained(place.dead, delete=True):
                body = message["Body"]
                context = json.loads(message["MessageAttributes"]["DeadLetter"]["StringValue"])
                business, sha = books.business_id(body), books.fingerprint(body)
                told = json.dumps(message["MessageAttributes"])
                yield Letter(place.dead, business, sha, message["MessageId"], str(context["message_id"]), told)

    def remainder(self) -> list[str]:
        """What is left in the source queues; it stays there."""
        return [
            books.business_id(m["Body"]) for place in PLACES for m in self.client.drained(place.queue, delete=False)
        ]

    def end(self) -> None:
        """End the producers, and the loopback after them, so that its book is complete."""
        for producer in self.producers:
            if producer.poll() is None:
                producer.kill()
            producer.wait()
        if self.loopback.poll() is None:
            self.loopback.send_signal(signal.SIGTERM)
        self.loopback.wait()
        self.client.close()
