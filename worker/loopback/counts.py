"""The books of one queue: how many messages came and went, and by which way.

Written by the queue's state and by `accept`; shown by the control address.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Counts:
    """What has happened here, ever. sent + moved_in = deleted + moved_out + expired + purged + what is here."""

    sent: int = 0
    received: int = 0
    deleted: int = 0
    moved_in: int = 0
    moved_out: int = 0
    expired: int = 0
    purged: int = 0
