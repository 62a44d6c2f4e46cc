"""The account: what was sent, received, deleted and written, taken from three books that know nothing of each other.

The producer knows what it sent, the loopback what it handed out, deleted and was asked for, the database what it
holds. Lost and doubled are found by business id, not by counting.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from worker.demo.orders import order_id

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class DemoAccount:
    """The keys of `worker demo --json`, in its order."""

    sent: int
    received: int
    deleted: int
    rows: int
    duplicates: int
    lost: int
    seconds: float
    """From the worker's start of receiving to the last delete."""
    rate: float
    """Messages a second over that time."""
    requests_per_message: float

    @property
    def exact(self) -> bool:
        """Whether every message that was sent is one row, and gone from the queue."""
        return self.rows == self.sent == self.deleted and self.lost == 0 and self.duplicates == 0

    def as_dict(self) -> dict[str, int | float]:
        """For JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class RowCount:
    """What the database holds."""

    rows: int
    duplicates: int
    lost: int


def count_rows(database: Path, table: str, messages: int, *, seed: int = 0) -> RowCount:
    """Compare the rows with what was sent, order by order."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        query = f"SELECT json_extract(body, '$.order_id') FROM {table}"  # noqa: S608 - our own constant
        found = [row[0] for row in connection.execute(query)]
    distinct = set(found)
    sent = {order_id(number, seed=seed) for number in range(messages)}
    return RowCount(rows=len(found), duplicates=len(found) - len(distinct), lost=len(sent - distinct))
