"""The books of a chaos run: what was sent, what the queue did, what each worker did, line by line.

Written by the producer, the loopback and the workers, each into a file of its own, on the monotonic clock that the
processes of one machine share; a line is in the file before what it tells of can have consequences. Read here into
small tuples; a line that a killed process left half written is passed over.
"""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

_ID = re.compile(r'"id":"([^"]+)"')


class Change(NamedTuple):
    """One state change of the loopback."""

    ns: int
    op: str
    queue: str
    message_id: str
    receives: int
    """How often it was received until then."""
    receipt: str
    """`number/receipt`, the latest receipt of the message."""
    result: str
    """Milliseconds it stays hidden (receive, visibility), `queue:id` (move), else `-`."""
    by: str
    """The receipt whose handle asked for it (visibility, delete), else `-`."""


class Record(NamedTuple):
    """One thing a worker did: `queue`, `open`, `recv`, `write`, `wrote`, `commit`, `away`, `letter`, `crash`; `del` and
    `vis` when it asks, `done` when the delete is answered, `undel` and `unvis` when nobody knows or it may be asked
    again, `unback` when nobody knows whether it was given back, `void` when the handle is of no more use.
    """

    ns: int
    kind: str
    place: str
    """The pipeline."""
    subject: str
    """The message id; for `crash` the point; for `open` the sink; for `queue` its class; for `write` its number."""
    detail: str
    """The receipt of a handle, or the business id (commit)."""


class Attempt(NamedTuple):
    """One message as the producer made it."""

    queue: str
    group: str
    seq: int
    sha: str
    poison: bool


class Produced(NamedTuple):
    """A producer's whole book."""

    attempts: dict[str, Attempt]
    """By business id."""
    acks: dict[str, str]
    """Business id to the message id that SQS gave it last."""
    sends_of: Counter[str]
    """Attempts counted with repetitions, by business id: more than one, when answers were lost."""

    @property
    def sends(self) -> int:
        """All of them."""
        return self.sends_of.total()


class Book:
    """A file that lines are appended to, each complete before anything else happens."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def write(self, kind: str, rows: Iterable[tuple[object, ...]]) -> None:
        """One line for each of *rows*, in one write: what is written survives the process."""
        ns = time.monotonic_ns()
        text = "".join(f"{kind} {ns} {' '.join(map(str, row))}\n" for row in rows)
        os.write(self._file, text.encode())

    def close(self) -> None:
        """No more lines."""
        os.close(self._file)


def business_id(body: str) -> str:
    """The id inside a body, readable even where the body is poison; `?` where there is none."""
    found = _ID.search(body)
    return found.group(1) if found else "?"


def fingerprint(body: str) -> str:
    """What must not change on the way: the whole body, by SHA-256."""
    return hashlib.sha256(body.encode()).hexdigest()[:32]


def lines(path: Path) -> Iterator[list[str]]:
    """The words of each complete line."""
    if not path.exists():
        return
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            if line.endswith("\n"):
                yield line.split()


def changes(path: Path) -> Iterator[Change]:
    """The loopback's book, in order."""
    for ns, op, queue, message, count, receipt, result, by in lines(path):
        yield Change(int(ns), op, queue, message, int(count), receipt, result, by)


def records(path: Path) -> Iterator[Record]:
    """One worker process's book, in order."""
    for kind, ns, place, *rest in lines(path):
        subject, detail = (*rest, "-", "-")[:2]
        yield Record(int(ns), kind, place, subject, detail)


def produced(paths: Iterable[Path]) -> Produced:
    """What the producers wrote: `attempt` before each send, `ack` after."""
    attempts: dict[str, Attempt] = {}
    acks: dict[str, str] = {}
    sends_of: Counter[str] = Counter()
    for path in paths:
        for kind, _, queue, business, *rest in lines(path):
            if kind == "ack":
                acks[business] = rest[0]
                continue
            sends_of[business] += 1
            group, seq, sha, poison = rest
            attempts[business] = Attempt(queue, group, int(seq), sha, poison == "1")
    return Produced(attempts, acks, sends_of)


def receipt_order(receipt: str) -> int:
    """Receipts of one queue are numbered in the order in which they were given out."""
    return int(receipt.partition("/")[2], 16)
