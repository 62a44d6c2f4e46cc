"""Group commit: what waits goes together, and everybody gets the end of his own batch."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

import pytest

from worker.sinks.sqlite.group_commit import GroupCommit
from worker.sinks.threads import Threads

if TYPE_CHECKING:
    from collections.abc import Sequence


class Table:
    """Remembers its transactions; the first waits until it is let go, so that others queue up behind it."""

    def __init__(self) -> None:
        self.transactions: list[list[int]] = []
        self.begun = threading.Event()
        self.go_on = threading.Event()

    def commit(self, rows: Sequence[int]) -> None:
        """Refuses 13, and is away for 99."""
        first = not self.begun.is_set()
        self.begun.set()
        if first:
            self.go_on.wait(60)
        if 13 in rows:
            raise ValueError("13")
        if 99 in rows:
            raise OSError("away")
        self.transactions.append(list(rows))


async def written(table: Table, *batches: list[int]) -> list[BaseException | None]:
    """The ends of *batches*, which wait together behind a first one."""
    threads = Threads(1, name="t")
    commits: GroupCommit[int] = GroupCommit(
        threads, table.commit, blames_a_row=lambda error: isinstance(error, ValueError)
    )
    first = asyncio.create_task(commits.insert([0]))
    await asyncio.to_thread(table.begun.wait, 10)
    others = [asyncio.create_task(commits.insert(batch)) for batch in batches]
    await asyncio.sleep(0)
    table.go_on.set()
    ends = await asyncio.gather(first, *others, return_exceptions=True)
    threads.stop()
    return list(ends[1:])


async def test_batches_that_wait_for_the_thread_are_one_transaction() -> None:
    """The disk is synced once for all of them, in their order."""
    table = Table()
    assert await written(table, [1, 2], [3], [4, 5]) == [None, None, None]
    assert table.transactions == [[0], [1, 2, 3, 4, 5]]


async def test_a_row_at_fault_is_only_its_own_batch_s_trouble() -> None:
    """The others are tried alone, and are written."""
    table = Table()
    ends = await written(table, [1], [13], [2])
    assert [type(end) for end in ends] == [type(None), ValueError, type(None)]
    assert table.transactions == [[0], [1], [2]]


async def test_a_database_that_is_away_is_everybody_s_trouble() -> None:
    """Nobody waits for it a second time."""
    table = Table()
    ends = await written(table, [1], [99], [2])
    assert [type(end) for end in ends] == [OSError, OSError, OSError]
    assert table.transactions == [[0]]


async def test_who_left_before_the_beginning_is_not_written() -> None:
    """A cancelled writer gives its messages back; nothing need be done for them here."""
    table = Table()
    threads = Threads(1, name="t")
    commits: GroupCommit[int] = GroupCommit(threads, table.commit, blames_a_row=lambda _: False)
    first = asyncio.create_task(commits.insert([0]))
    await asyncio.to_thread(table.begun.wait, 10)
    leaving, staying = asyncio.create_task(commits.insert([1])), asyncio.create_task(commits.insert([2]))
    await asyncio.sleep(0)
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    table.go_on.set()
    await asyncio.gather(first, staying)
    threads.stop()
    assert table.transactions == [[0], [2]]
