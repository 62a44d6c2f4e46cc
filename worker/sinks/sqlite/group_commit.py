"""Group commit: batches that wait for the one thread of a database are committed in one transaction.

Takes batches of rows from several writers, gives each its own end. A transaction of 1,500 rows costs little more than
one of 500: one sync of the disk, and each page of the index that is touched. When a row in it is at fault each batch
is tried alone, so nobody gets the error of another. It ends with its thread.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from worker.sinks.threads import Threads

R = TypeVar("R")


@dataclass(slots=True, eq=False)
class _Ticket(Generic[R]):
    """One batch. Written by the thread, but `abandoned`, which the loop writes."""

    rows: Sequence[R]
    done: bool = False
    error: BaseException | None = None
    abandoned: bool = False
    """Nobody waits for it any more; if it was not begun, it need not be."""


class GroupCommit(Generic[R]):
    """The writers' side of one thread."""

    def __init__(
        self, thread: Threads, commit: Callable[[Sequence[R]], None], *, blames_a_row: Callable[[Exception], bool]
    ) -> None:
        self._thread = thread
        self._commit = commit
        """Commits rows, all or none. Called in the thread."""
        self._blames_a_row = blames_a_row
        """Whether an error of it may be one batch's alone, and not everybody's."""
        self._waiting: deque[_Ticket[R]] = deque()
        """Not begun. Filled by the loop, emptied by the thread: a deque needs no lock for that."""

    async def insert(self, rows: Sequence[R]) -> None:
        """Commit *rows*, alone or with others; raises what *commit* raises for them."""
        ticket = _Ticket(rows)
        self._waiting.append(ticket)
        try:
            await self._thread.run(lambda: self._serve(ticket))
        except asyncio.CancelledError:
            ticket.abandoned = True
            raise

    def _serve(self, ticket: _Ticket[R]) -> None:
        """In the thread: commit everything that waits, unless somebody's call has done it for us."""
        if not ticket.done:
            tickets = [one for one in self._taken() if not one.abandoned]
            self._commit_all(tickets)
        if ticket.error is not None:
            raise ticket.error

    def _taken(self) -> list[_Ticket[R]]:
        return [self._waiting.popleft() for _ in range(len(self._waiting))]

    def _commit_all(self, tickets: list[_Ticket[R]]) -> None:
        try:
            self._commit(tickets[0].rows if len(tickets) == 1 else list(chain.from_iterable(t.rows for t in tickets)))
        except BaseException as error:  # noqa: BLE001 - handed to whoever it belongs to
            if len(tickets) > 1 and isinstance(error, Exception) and self._blames_a_row(error):
                for ticket in tickets:
                    self._commit_all([ticket])
            else:
                for ticket in tickets:
                    ticket.error = error
        for ticket in tickets:
            ticket.done = True
