"""The order in which FIFO queues hand out: send order within a group, and a group at a time.

A group is locked while any message of it is in flight, so nothing of it can overtake; it is dropped when it is empty.
"""

from __future__ import annotations

import heapq
from collections import deque
from typing import TYPE_CHECKING

from worker.loopback.messages import VISIBLE

if TYPE_CHECKING:
    from worker.loopback.messages import Stored


class Group:
    """One message group. Written by its `GroupOrder` only."""

    __slots__ = ("in_flight", "name", "offered", "waiting")

    def __init__(self, name: str) -> None:
        self.name = name
        self.waiting: list[tuple[int, Stored]] = []
        """A heap by number: one that comes back stands before those sent after it."""
        self.in_flight = 0
        self.offered = False
        """It stands in the line of groups that have something to give."""

    @property
    def ready(self) -> bool:
        """Unlocked, and its first message may be handed out."""
        return not self.in_flight and bool(self.waiting) and self.waiting[0][1].state == VISIBLE


class GroupOrder:
    """Send order within each group, groups in turn."""

    def __init__(self) -> None:
        self._groups: dict[str, Group] = {}
        self._line: deque[Group] = deque()
        self._open: Group | None = None
        """The group that the receive under way is taking from; only it may give more while locked."""

    def enter(self, message: Stored) -> None:
        """Delayed ones stand in their group too: they hold back whatever was sent after them."""
        name = message.group_id or ""
        group = self._groups.get(name)
        if group is None:
            group = self._groups[name] = Group(name)
        heapq.heappush(group.waiting, (message.number, message))
        self._offer(group)

    def show(self, message: Stored, *, was_in_flight: bool) -> None:
        """Back to its place, and the group may be free again."""
        group = self._groups[message.group_id or ""]
        if was_in_flight:
            group.in_flight -= 1
            heapq.heappush(group.waiting, (message.number, message))
        self._offer(group)

    def take(self) -> Stored | None:
        """As much as possible of one group, then the next group in line."""
        group = self._open
        if group is None or not group.waiting or group.waiting[0][1].state != VISIBLE:
            self._open = self._next()
            if group is not None:
                self._offer(group)
            group = self._open
        if group is None:
            return None
        group.in_flight += 1
        return heapq.heappop(group.waiting)[1]

    def head(self) -> Stored | None:
        """The first message of the first group in line."""
        while self._line:
            group = self._line[0]
            if group.ready:
                return group.waiting[0][1]
            self._line.popleft().offered = False
        return None

    def taken(self) -> None:
        """The group stays locked by what was taken; if all of that has gone, it is offered again."""
        group, self._open = self._open, None
        if group is not None:
            self._offer(group)

    def leave(self, message: Stored, *, was_in_flight: bool) -> None:
        """One less holds the lock. Only taken messages leave a FIFO queue."""
        if not was_in_flight:
            return
        group = self._groups[message.group_id or ""]
        group.in_flight -= 1
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
        elif not group.waiting and not group.in_flight:
            self._groups.pop(group.name, None)
