"""The worker processes of a run: each member lives several lives, one process after the other.

Takes a configuration file and a folder, gives processes that keep their books there; `look` follows them without
waiting. Every process is ended by its id, at the latest by `end`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.system.chaos import books
from tests.system.chaos.adopted import Adopted
from tests.system.chaos.evidence import Life

if TYPE_CHECKING:
    import signal
    from collections.abc import Iterator, Mapping

    from tests.system.chaos.evidence import Ending

ROOT = Path(__file__).parents[3]
KEPT = ("PATH", "HOME", "LANG", "VIRTUAL_ENV")
SECRETS = {"AWS_SECRET_ACCESS_KEY": "canary-of-the-secret-key", "AWS_SESSION_TOKEN": "canary-of-the-session-token"}
"""To be found in nothing that a worker says."""
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "chaos", "AWS_REGION": "us-east-1", **SECRETS}
TRANSPORTS = ("sdk", "native")
MEMBER = "w"
"""How the names of those begin who are there from the start."""
NEVER_ENDED = -99
PIPELINES_OPEN = 3
"""All of a worker's."""


def spawn(module: str, arguments: list[str], environment: Mapping[str, str], log: Path) -> subprocess.Popen[bytes]:
    """A process of ours, what it says in a file."""
    clean = {name: os.environ[name] for name in KEPT if name in os.environ}
    with log.open("ab") as out:
        return subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdout=out,
            stderr=subprocess.STDOUT,
            cwd=log.parent,
            env={**clean, "PYTHONPATH": str(ROOT), **environment},
        )


@dataclass(slots=True)
class Process:
    """One life: of a worker that is one process, of a parent, or of a process under a parent. Written by the crew's
    `look` and by whoever ends it.
    """

    name: str
    process: subprocess.Popen[bytes] | Adopted
    book: Path
    log: Path
    ending: Ending = "own"
    signalled_ns: int = 0
    ended_ns: int = 0
    seen: Counter[str] = field(default_factory=Counter)
    """Lines of its book until now, by kind; those of a pipeline as `kind place` too."""
    aways: list[tuple[str, int]] = field(default_factory=list)
    """`away place` and when, for each time it found a sink away."""
    held: dict[str, int] = field(default_factory=dict)
    """Messages received and not yet asked to be deleted, and when."""
    read: int = 0
    """Bytes of its book looked at."""
    samples: list[tuple[int, int, int]] = field(default_factory=list)
    scrapes: list[dict[str, int]] = field(default_factory=list)
    url: str = ""
    exposed: str = ""
    """What its metrics said last; written by the watch."""
    paused: bool = False
    processes: int = 0
    """Of a parent: how many it is to have."""
    parent: Process | None = None
    children: list[Process] = field(default_factory=list)
    """Of a parent: all that it ever had."""

    @property
    def worker_id(self) -> str:
        """As it calls itself; those that follow each other under a parent have the same."""
        return self.name if self.parent is None else self.name.rpartition(".")[0]

    @property
    def alive(self) -> bool:
        """Whether it was still running at the last look."""
        return not self.ended_ns

    @property
    def working(self) -> bool:
        """All its pipelines are open, and a receive of each was answered or is under way; of a parent, each process."""
        if self.processes:
            return self.alive and sum(child.working for child in self.children) >= self.processes
        return self.alive and self.seen["open"] >= PIPELINES_OPEN and self.seen["recv"] > 0

    def signal(self, number: signal.Signals, ending: Ending | None = None) -> None:
        """Send a signal; *ending* says what it is meant to end in."""
        if ending is not None:
            for process in (self, *(child for child in self.children if child.alive)):
                process.ending, process.signalled_ns = ending, time.monotonic_ns()
        self.process.send_signal(number)

    def look(self) -> None:
        """Read the new lines of its book, and notice its end."""
        ended = self.alive and self.process.poll() is not None
        if ended:
            self.ended_ns = time.monotonic_ns()
        if self.book.exists():
            with self.book.open("rb") as file:
                file.seek(self.read)
                new = file.read()
            whole = new[: new.rfind(b"\n") + 1]
            self.read += len(whole)
            self._count(whole)
        if ended and self.ending == "own" and self.seen["crash"]:
            self.ending = "crash"

    def life(self) -> Life:
        """As the checker sees it."""
        return Life(
            name=self.name,
            ending=self.ending,
            ended_ns=self.ended_ns,
            exit_code=NEVER_ENDED if self.process.returncode is None else int(self.process.returncode),
            records=lambda: books.records(self.book),
            signalled_ns=self.signalled_ns,
            accounts=self._accounts(),
            scrapes=self.scrapes,
            samples=self.samples,
            texts=self._texts,
        )

    def _texts(self) -> Iterator[str]:
        """Everything it said to people; what is said under a parent is in the parent's log."""
        if self.parent is not None:
            return
        with self.log.open(encoding="utf-8", errors="replace") as file:
            yield from file
        yield self.exposed

    def in_hand(self, seconds: float) -> int:
        """How many messages it holds that it received within *seconds*: older leases may be over."""
        if self.processes:
            return sum(child.in_hand(seconds) for child in self.children if child.alive)
        since = time.monotonic_ns() - round(seconds * 1e9)
        self.held = {message: ns for message, ns in self.held.items() if ns > since}
        return len(self.held)

    def _count(self, data: bytes) -> None:
        for line in data.splitlines():
            kind, ns, place, *rest = line.decode().split()
            self.seen[kind] += 1
            self.seen[f"{kind} {place}"] += 1
            if kind == "recv" and rest[0] != "-":
                self.held[rest[0]] = int(ns)
            elif kind == "del":
                self.held.pop(rest[0], None)
            elif kind == "away":
                self.aways.append((f"away {place}", int(ns)))

    def _accounts(self) -> dict[str, dict[str, int]]:
        told: dict[str, dict[str, int]] = {}
        if self.processes or self.ending in {"kill", "crash"}:
            return told
        for line in self.log.read_text(errors="replace").splitlines():
            if '"event":"pipeline_stopped"' in line and f'"worker_id":"{self.worker_id}"' in line:
                fact = json.loads(line)
                told[fact["pipeline"]] = {name: value for name, value in fact.items() if isinstance(value, int)}
        return told

    def find_url(self) -> str:
        """Where its metrics are, once it said so; a parent speaks for its processes."""
        started = b'"event":"parent_started"' if self.processes else b'"event":"worker_started"'
        if not self.url and self.parent is None and self.log.exists():
            for line in self.log.read_bytes().splitlines(keepends=True):
                if line.endswith(b"\n") and started in line:
                    fact: dict[str, Any] = json.loads(line)
                    self.url = str(fact["metrics_url"])
        return self.url


class Crew:
    """All processes that ever lived."""

    def __init__(
        self, folder: Path, config: Path, settings: Mapping[str, str], *, seed: int, processes: int = 1
    ) -> None:
        self._folder = folder
        self._processes = processes
        self._seed = seed
        self._environment = {
            **CREDENTIALS,
            "WORKER_CONFIG": str(config),
            "METRICS_PORT": "0",
            "LOG_FORMAT": "json",
            **settings,
        }
        self.lives: list[Process] = []
        self.members: dict[str, Process] = {}
        """Who is there now, by name; written by `start`."""

    def start(self, name: str, **more: str) -> Process:
        """A new life for *name*; lives take turns between the ways to speak to SQS, the first one's by the seed.

        Guests, who die at a named point, are one process each, whatever the others are.
        """
        life = f"{name}.{len(self.lives)}"
        book, log = self._folder / f"{life}.book", self._folder / f"{life}.log"
        transport = TRANSPORTS[(self._seed + len(self.lives)) % len(TRANSPORTS)]
        own = {"WORKER_ID": life, "CHAOS_BOOK": str(book), "SQS_TRANSPORT": transport}
        environment = {**own, **self._environment, **more}
        several = self._processes if self._processes > 1 and name.startswith(MEMBER) else 0
        if several:
            environment["WORKER_PROCESSES"] = str(several)
        started = spawn("tests.system.chaos.crashing", ["run"], environment, log)
        process = Process(life, started, book, log, processes=several)
        self.lives.append(process)
        self.members[name] = process
        return process

    def look(self) -> None:
        """Follow everybody who lives."""
        for process in tuple(self.lives):
            if process.alive:
                process.look()
                if process.processes:
                    self._adopt(process)

    def _adopt(self, parent: Process) -> None:
        """Each process under *parent* keeps a book whose name ends in its id."""
        known = {child.book for child in parent.children}
        for book in sorted(self._folder.glob(f"{parent.name}-*.book")):
            if book not in known:
                process = Adopted(int(book.stem.rpartition(".")[2]))
                child = Process(book.stem, process, book, parent.log, parent=parent)
                child.ending, child.signalled_ns = parent.ending, parent.signalled_ns
                parent.children.append(child)
                self.lives.append(child)

    def victim(self, name: str) -> Process:
        """The process that holds messages for *name*; of several, the one with most in its hands."""
        member = self.members[name]
        living = [child for child in member.children if child.alive]
        return max(living, key=lambda child: len(child.held), default=member)

    def seen(self, kind: str) -> int:
        """How many lines of *kind* all books have together."""
        return sum(process.seen[kind] for process in self.lives)

    def since(self, kind: str, ns: int) -> int:
        """How often a sink was found *away* after *ns*; one line of a book may be read late, and counts by its time."""
        return sum(at > ns for process in self.lives for what, at in process.aways if what == kind)

    def awake(self) -> int:
        """How many there are now that may ask SQS for something."""
        return sum(process.alive and not process.paused and not process.processes for process in self.lives)

    def end(self) -> None:
        """End whoever still runs."""
        for process in self.lives:
            if process.process.poll() is None:
                process.process.kill()
                process.process.wait()
