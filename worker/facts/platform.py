"""The platform that the worker runs on: what it was asked for."""

from __future__ import annotations

from typing import ClassVar

from worker.facts.counting import counter, gauge
from worker.facts.fact import Fact, Level, fact


@gauge("task_protected", "1 while ECS is asked to leave this task alone.", shows="protected")
@fact(frozen=True, slots=True)
class TaskProtectionChanged(Fact):
    """ECS keeps scale-in and deployments away from this task for `minutes`, or does so no longer."""

    protected: bool
    minutes: int


@counter("task_protection_failures", "Times ECS did not protect or free this task as asked.", "code")
@fact(frozen=True, slots=True)
class TaskProtectionFailed(Fact):
    """ECS did not do as asked (`wish`), so this task may be ended in the middle of long work; nothing is lost by that.

    The next try is in `retry_in` seconds. AccessDeniedException: allow the task's role `ecs:UpdateTaskProtection`.
    """

    level: ClassVar[Level] = "warning"
    damped: ClassVar[bool] = True
    code: str
    detail: str
    wish: str
    retry_in: float
