"""What running workers say of themselves, for planning: their `/status`, as JSON, to a rate and a load.

The documents are somebody else's as far as this module is concerned: whatever is missing in one is a ValueError that
names the key.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

IDLE: Final = "idle"
"""The word of a pipeline that waits for messages: never full, it may be quicker than it looks."""
WINDOW: Final = "60s"


@dataclass(frozen=True, slots=True)
class Measured:
    """One pipeline of several workers."""

    workers: int
    rate: float
    """Messages a second of one worker while it has work, on average over them; 0: none has done any."""
    in_flight: int
    """Messages in flight in one worker."""
    backlog: int | None
    """Visible messages; None: SQS was not asked yet."""
    incoming: float | None
    """Messages a second that came in: the change of the depth and what these workers deleted."""
    idle: bool
    """Some of them waited for messages."""


def measured(documents: Sequence[Mapping[str, Any]], pipeline: str | None = None) -> Measured:
    """The figures of *pipeline* over the workers that *documents* are of, one each.

    Raises:
        ValueError: there is no such pipeline, or one of several was not chosen, or it is no status of a worker.
    """
    try:
        workers = [[_pipeline(process, pipeline) for process in _processes(one)] for one in documents]
        return _together(workers)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"that is no /status of a worker of this version: {type(error).__name__} {error}") from error


def _together(workers: Sequence[Sequence[Mapping[str, Any]]]) -> Measured:
    every = [one for processes in workers for one in processes]
    if not every:
        raise ValueError("no process of the worker answers; try again when it has started")
    deleted = sum(float(one["rates"]["deleted_per_second"][WINDOW]) for one in every)
    able = sum(float(one["capacity_per_second"] or 0.0) for one in every)
    held = sum(int(one["in_flight"]["messages"]) for one in every if one["in_flight"])
    depths = [int(one["depth"]["visible"]) for one in every if one["depth"]]
    changes = [float(one["depth_change_per_second"]) for one in every if one["depth_change_per_second"] is not None]
    return Measured(
        workers=len(workers),
        rate=able / len(workers),
        in_flight=round(held / len(workers)),
        backlog=max(depths, default=None),
        incoming=max(0.0, deleted + sum(changes) / len(changes)) if changes else None,
        idle=any(one["performance"]["bottleneck"] == IDLE for one in every),
    )


def _processes(document: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """A worker of several processes answers with a list of them; one that does not answer is null."""
    if "processes" in document:
        yield from (one["status"] for one in document["processes"] if one["status"] is not None)
    else:
        yield document


def _pipeline(document: Mapping[str, Any], name: str | None) -> Mapping[str, Any]:
    pipelines: Mapping[str, Mapping[str, Any]] = document["pipelines"]
    if name is None and len(pipelines) == 1:
        return next(iter(pipelines.values()))
    if name is None or name not in pipelines:
        raise ValueError(f"choose one of its pipelines by --pipeline: {', '.join(pipelines) or 'there is none yet'}")
    return pipelines[name]
