"""The order in which FIFO queues hand out: send order within a group, and a group at a time.

A hidden message holds back what was sent after it in its group, so nothing can overtake (under the documented rules all
of the group, see `rules.py`); a group is dropped when it is empty.
"""

from __future__ import annotations

import heapq
from collections import deque
from typing import TYPE_CHECKING

from worker.loopback.messages import VISIBLE
from worker.loopback.rules import Rules

if TYPE_CHECKING:
    from worker.loopback.messages import Stored


class Group:
    """One message group. Written by its `GroupOrder` only."""

    __slots__ = ("hidden", "name", "offered", "taken", "waiting", "whole")

    def __init__(self, name: str, *, whole: bool) -> None:
        self.name = name
        self.whole = whole
        """One hidden message holds back all of it, and not only what was sent later."""
        self.waiting: list[tuple[int, Stored]] = []
        """A heap by number: one that comes back stands before those sent after it."""
        self.hidden: set[int] = set()
        """Numbers in flight since an earlier receive; what follows waits for them, so they are ten at most."""
        self.taken: set[int] = set()
        """Numbers that the receive under way has taken: it may go on behind them."""
        self.offered = False
        """It stands in the line of groups that have something to give."""

    @property
    def ready(self) -> bool:
        """Its first message may be handed out."""
        if not self.waiting or self.waiting[0][1].state != VISIBLE:
            return False
        return not self.hidden or (not self.whole and min(self.hidden) > self.waiting[0][0])

    @property
    def empty(self) -> bool:
        """Nothing waits, nothing is in flight."""
        return not (self.waiting or self.hidden or self.taken)


class GroupOrder:
    """Send order within each group, groups in turn."""

    def __init__(self, rules: Rules) -> None:
        self._whole = rules is Rules.DOCUMENTED
        self._groups: dict[str, Group] = {}
        self._line: deque[Group] = deque()
        self._open: Group | None = None
        """The group that the receive under way is taking from."""

    def enter(self, message: Stored) -> None:
        """Delayed ones stand in their group too: they hold back whatever was sent after them."""
        name = message.group_id or ""
        group = self._groups.get(name)
        if group is None:
            group = self._groups[name] = Group(name, whole=self._whole)
        heapq.heappush(group.waiting, (message.number, message))
        self._offer(group)

    def show(self, message: Stored, *, was_in_flight: bool) -> None:
        """Back to its place, and the group may be free again."""
        group = self._groups[message.group_id or ""]
        if was_in_flight:
            group.hidden.discard(message.number)
            heapq.heappush(group.waiting, (message.number, message))
        self._offer(group)

    def take(self) -> Stored | None:
        """As much as possible of one group, then the next group in line."""
        group = self._open
        if group is None or not group.ready:
            self.taken()
            group = self._open = self._next()
        if group is None:
            return None
        number, message = heapq.heappop(group.waiting)
        group.taken.add(number)
        return message

    def head(self) -> Stored | None:
        """The first message of the first group in line."""
        while self._line:
            group = self._line[0]
            if group.ready:
                return group.waiting[0][1]
            self._line.popleft().offered = False
        return None

    def taken(self) -> None:
        """What was taken holds back what follows; a group that has lost all of that is offered again."""
        group, self._open = self._open, None
        if group is not None:
            group.hidden |= group.taken
            group.taken.clear()
            self._offer(group)

    def leave(self, message: Stored, *, was_in_flight: bool) -> None:
        """One less holds back the others. Only taken messages leave a FIFO queue."""
        if not was_in_flight:
            return
        group = self._groups[message.group_id or ""]
        group.hidden.discard(message.number)
        group.taken.discard(message.number)
        if group is not self._open:
            self._offer(group)

    def _next(self) -> Group | None:
        while self._line:
            group = self._line.popleft()
            group.offered = False
            if group.ready:
                return group
        return None

    def _offer(self, group: Group) -> None:
        if group.ready:
            if not group.offered:
                group.offered = True
                self._line.append(group)
        elif group.empty:
            self._groups.pop(group.name, None)
