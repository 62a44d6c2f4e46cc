"""What is said of a queue before it is opened, whichever way leads into it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class QueueSpec:
    """Which queue, from where, and how many calls at a time."""

    queue: str
    """URL, ARN or name."""
    pipeline: str
    region: str | None
    """None: from the URL or ARN, else the SDK's own choice."""
    endpoint_url: str | None
    receivers: int
    """Receives at a time; each holds a connection for a whole long poll."""
    settlers: int
    """Other calls at a time."""
    visibility_timeout: int | None
    """Seconds; None: the queue's own."""
    dead_letters: bool = False
    """It is sent to, and never received from."""
