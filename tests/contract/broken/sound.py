"""A sound sink that has every ability of a case, so that no test of the suite is skipped for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tests.contract.destinations import BAD, SLOW_SECONDS, file_locked, keys_in_table
from worker.errors import SinkContended, SinkRefused
from worker.outcome import Rejected
from worker.sinks.sqlite.plugin import PLUGIN
from worker.sinks.sqlite.sink import SqliteSink
from worker.sinks.sqlite.statements import BY_KEY
from worker.testing.messages import make_message
from worker.testing.sinks import Case, Child

if TYPE_CHECKING:
    from worker.message import Message
    from worker.sinks.sink import Demand
    from worker.sinks.sqlite.statements import Key

Answers = Sequence[Rejected | None]
LONGEST_KEY = 1_000


class Sound:
    """A table in SQLite with short keys, whose rows can be locked one by one."""

    key: Key = BY_KEY

    def __init__(self, path: str) -> None:
        self.path = path
        self.lock = Path(f"{path}.lock")
        self._table = SqliteSink(path, keys=[self.key], busy_timeout_seconds=0.02)

    @property
    def demand(self) -> Demand:
        """See `Sink`."""
        return self._table.demand

    async def open(self) -> None:
        """See `Sink`."""
        await self._table.open()

    async def check(self) -> str:
        """See `Checkable`."""
        return await self._table.check()

    async def write(self, records: Sequence[Message]) -> Answers:
        """See `Sink`."""
        if any(len(record.key) > LONGEST_KEY for record in records):
            raise SinkRefused("a key is too long")
        locked = self.lock.read_text() if self.lock.exists() else None
        if any(record.key == locked for record in records):
            raise SinkContended("a row is locked")
        return await self._table.write(records)

    async def close(self) -> None:
        """See `Sink`."""
        await self._table.close()


def sound_case(folder: Path, kind: type[Sound], patience_seconds: float) -> Case:
    """The case of a sink that claims to be sound."""
    path = folder / "rows.db"
    return Case(
        name=kind.__name__,
        make=lambda: kind(str(path)),
        keys=lambda: keys_in_table(path),
        guarantee=PLUGIN.guarantee,
        ordered=True,
        bad=BAD,
        too_large=make_message("too-large" * LONGEST_KEY),
        away=lambda: file_locked(path),
        slow=lambda: file_locked(path, SLOW_SECONDS),
        locked=lambda key: _row_locked(Path(f"{path}.lock"), key),
        refused=lambda: kind(str(folder / "no" / "rows.db")),
        child=Child(f"{kind.__module__}:{kind.__name__}", (str(path),)),
        patience_seconds=patience_seconds,
    )


@contextmanager
def _row_locked(lock: Path, key: str) -> Iterator[None]:
    lock.write_text(key)
    yield
    lock.unlink()
