"""Message move tasks: out of a dead-letter queue, back to where each message came from or to one destination.

Takes StartMessageMoveTask and its kin, moves at the asked rate whenever it is looked at, by a timer where a loop runs;
a task ends completed, cancelled or failed and stays listed.
"""

from __future__ import annotations

import asyncio
import base64
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

import orjson

from worker.loopback.accept import redrive
from worker.loopback.errors import SqsFault, invalid_parameter
from worker.loopback.messages import VISIBLE
from worker.sqs.quotas import MOVE_TASK_RATE

if TYPE_CHECKING:
    from collections.abc import Callable

    from worker.loopback.handles import Ids
    from worker.loopback.state import QueueState

Status = Literal["RUNNING", "COMPLETED", "CANCELLED", "FAILED"]
_CHOSEN_RATE: Final = 20_000
"""Messages a second where the caller leaves the rate to SQS."""
_STEP_MESSAGES: Final = 1_000
"""Moved at one look at most, so that a move of a million never holds the loop."""
_TICK_SECONDS: Final = 0.02
_LISTED: Final = 10


@dataclass(slots=True)
class MoveTask:
    """One task. Written by `Moves` only."""

    id: str
    source: QueueState
    destination_arn: str | None
    rate: int | None
    started_at: float
    to_move: int
    moved: int = 0
    status: Status = "RUNNING"
    failure: str | None = None
    looked_at: float = 0.0
    credit: float = field(default=1.0)
    """Messages the rate allows at this moment."""

    @property
    def handle(self) -> str:
        """What CancelMessageMoveTask asks for."""
        return base64.b64encode(orjson.dumps({"taskId": self.id, "sourceArn": self.source.arn})).decode()


def _is_handle(text: str) -> bool:
    """Whether it was made like `MoveTask.handle`, be it of a task that is unknown here."""
    try:
        value = orjson.loads(base64.b64decode(text, validate=True))
    except ValueError:
        return False
    return isinstance(value, dict) and {"taskId", "sourceArn"} <= value.keys()


class Moves:
    """All tasks of one loopback, newest first."""

    def __init__(
        self,
        find: Callable[[str], QueueState | None],
        arrived: Callable[[QueueState], None],
        ids: Ids,
        clock: Callable[[], float],
    ) -> None:
        self._find = find
        self._arrived = arrived
        self._ids = ids
        self._clock = clock
        self._tasks: list[MoveTask] = []
        self._running: list[MoveTask] = []
        """Those with work left; empty in nearly every process, and then looking costs nothing."""
        self._timer: asyncio.TimerHandle | None = None

    def start(self, source: QueueState, destination_arn: str | None, rate: int | None) -> MoveTask:
        """Begin; one task per source at a time."""
        if rate is not None and not 1 <= rate <= MOVE_TASK_RATE:
            reason = f"It must be between 1 and {MOVE_TASK_RATE}."
            raise invalid_parameter("MaxNumberOfMessagesPerSecond", rate, reason)
        if any(task.source is source for task in self._running):
            only = "Only one active task is allowed for a source queue arn at a given time."
            raise SqsFault("InvalidParameterValueException", f"There is already a task running. {only}")
        now = self._clock()
        source.wake(now)
        source.expire(now)
        task = MoveTask(self._ids.next(), source, destination_arn, rate, now, source.held[VISIBLE], looked_at=now)
        self._tasks.insert(0, task)
        self._running.append(task)
        self.advance()
        return task

    def listed(self, source: QueueState, limit: int) -> list[MoveTask]:
        """The latest tasks of a source."""
        if not 1 <= limit <= _LISTED:
            raise invalid_parameter("MaxResults", limit, f"It must be between 1 and {_LISTED}.")
        self.advance()
        return [task for task in self._tasks if task.source is source][:limit]

    def cancel(self, handle: str) -> MoveTask:
        """Stop a running task; what it moved stays moved."""
        if not _is_handle(handle):
            raise invalid_parameter("TaskHandle", handle, "It is no handle of a message move task.")
        self.advance()
        for task in self._running:
            if task.handle == handle:
                self._end(task, "CANCELLED")
                return task
        raise SqsFault("ResourceNotFoundException", "Task does not exist or is not running.")

    def advance(self) -> None:
        """Move what the rates allow by now."""
        if not self._running:
            return
        now = self._clock()
        for task in tuple(self._running):
            self._step(task, now)
        self._arm()

    def drop(self, queue: QueueState) -> None:
        """The queue is deleted: its tasks fail."""
        for task in tuple(self._running):
            if task.source is queue:
                self._end(task, "FAILED")
                task.failure = "AWS.SimpleQueueService.NonExistentQueue"

    def _step(self, task: MoveTask, now: float) -> None:
        rate = task.rate or _CHOSEN_RATE
        task.credit += (now - task.looked_at) * rate
        task.looked_at = now
        targets: dict[str, QueueState] = {}
        for _ in range(min(int(task.credit), _STEP_MESSAGES)):
            target = self._move_one(task, now)
            if target is None:
                break
            targets[target.name] = target
        for target in targets.values():
            self._arrived(target)
        if task.status == "RUNNING" and task.source.peek(now) is None:
            self._end(task, "COMPLETED")

    def _move_one(self, task: MoveTask, now: float) -> QueueState | None:
        """Move the head; None when there is nothing or the task has failed."""
        head = task.source.peek(now)
        if head is None:
            return None
        arn = task.destination_arn or head.source_arn
        target = self._find(arn) if arn else None
        if target is None:
            self._end(task, "FAILED")
            task.failure = "AWS.SimpleQueueService.NonExistentQueue" if arn else "CouldNotDetermineMessageSource"
            return None
        task.source.pull()
        redrive(task.source, head, target, self._ids, now)
        task.moved += 1
        task.credit -= 1
        return target

    def _end(self, task: MoveTask, status: Status) -> None:
        task.status = status
        self._running.remove(task)

    def _arm(self) -> None:
        """Where a loop runs, look again by itself; without one, every operation looks."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._running:
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return
        slowest = max(1 / (task.rate or _CHOSEN_RATE) for task in self._running)
        self._timer = loop.call_later(max(slowest, _TICK_SECONDS), self.advance)
