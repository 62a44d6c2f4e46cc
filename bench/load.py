"""The messages of a run: how many wait, what is in them, and whether more come while it goes on.

Takes a `Load`, gives bodies; every contestant is given the same ones, only Celery its own envelope around them.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

DISTINCT: Final = 512
"""Different bodies; they are sent in turn, so that a million messages do not need a million texts. SQS, the worker and
the table know messages by their ids.
"""
SMALLEST_BODY_BYTES: Final = 80


@dataclass(frozen=True, slots=True)
class Load:
    """What the loopback holds when a contestant comes to it. JSON-able, because another process makes it."""

    waiting: int = 200_000
    body_bytes: int = 500
    held: bool = False
    """As many are sent as are received: the depth stays what it was."""
    rate: float = 0.0
    """Messages sent in a second from the first receive on, each with its time in it."""
    latency_seconds: float = 0.0
    """Added by the loopback to every call."""
    tls: tuple[str, str] | None = None
    """Files of the certificate and its key."""
    bodies: str | None = None
    """A file with a JSON list of bodies to be sent instead of ours."""

    def as_json(self) -> str:
        """For the command line of the process that makes it."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Load:
        """What `as_json` gave."""
        return cls(**json.loads(text))

    def texts(self) -> list[str]:
        """The bodies, to be sent in turn."""
        if self.bodies is not None:
            return list(json.loads(Path(self.bodies).read_text()))
        return list(bodies(self.body_bytes, DISTINCT))


def bodies(size: int, count: int) -> Iterator[str]:
    """JSON objects of exactly *size* bytes, as an order would look."""
    if size < SMALLEST_BODY_BYTES:
        raise ValueError(f"a body of {size} bytes holds no order: {SMALLEST_BODY_BYTES} or more")
    for number in range(count):
        head = (
            f'{{"order_id":{10**9 + number},"customer":"c{number % 97:05d}","amount":{1000 + number % 997}.50,"note":"'
        )
        yield head + "x" * (size - len(head) - 2) + '"}'


def timed(sent_ns: int, size: int) -> str:
    """A body that says when it was sent."""
    head = f'{{"sent_ns":{sent_ns},"note":"'
    return head + "x" * (size - len(head) - 2) + '"}'
