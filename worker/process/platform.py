"""Platform: what started this process and can be spoken to, as the environment says.

Takes the environment; gives a service manager (systemd) and an agent (ECS), each None where there is none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from worker.ecs.agent import agent_of
from worker.telemetry.systemd.notifier import VARIABLES, taken

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from worker.ecs.agent import Agent
    from worker.telemetry.systemd.notifier import Manager


@dataclass(frozen=True, slots=True)
class Platform:
    """Who can be spoken to."""

    manager: Manager | None = None
    """Is told how the worker is."""
    agent: Agent | None = None
    """Is asked to leave this task alone."""


NOWHERE: Final = Platform()


def found(environ: MutableMapping[str, str]) -> Platform:
    """Who is named in *environ*. The service manager is taken out of it: it is ours alone."""
    return Platform(taken(environ), agent_of(environ))


__all__ = ["NOWHERE", "VARIABLES", "Platform", "found"]
