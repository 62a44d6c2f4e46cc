"""Rates and loads out of what running workers say of themselves."""

from __future__ import annotations

from typing import Any

import pytest

from worker import facts
from worker.deploy.measured import measured
from worker.telemetry.health import Health


def status(
    rate: float, *, visible: int | None = 5000, change: float | None = -2.0, word: str = "sink"
) -> dict[str, Any]:
    return {
        "pipelines": {
            "default": {
                "capacity_per_second": 2 * rate or None,
                "rates": {"deleted_per_second": {"10s": 0.0, "60s": rate}},
                "in_flight": {"messages": 40},
                "depth": None if visible is None else {"visible": visible},
                "depth_change_per_second": change,
                "performance": {"bottleneck": word},
            }
        }
    }


def test_rates_are_those_of_one_worker_and_depths_are_not_added() -> None:
    """What a worker does while it has work; what came in is what was deleted and what the queue changed by."""
    seen = measured([status(10, visible=5000), status(30, visible=5100, change=-4.0)])
    assert (seen.workers, seen.rate, seen.in_flight, seen.backlog, seen.idle) == (2, 40, 40, 5100, False)
    assert seen.incoming == pytest.approx(40 - 3)


def test_processes_of_one_worker_are_added() -> None:
    """They are one replica; one that does not answer is left out."""
    worker = {"processes": [{"status": status(10)}, {"status": None}, {"status": status(20)}]}
    seen = measured([worker])
    assert (seen.workers, seen.rate, seen.in_flight) == (1, 60, 80)


def test_what_is_not_known_yet_stays_unknown() -> None:
    """A worker that has just started has no depth and no trend; one that waits says so."""
    seen = measured([status(0, visible=None, change=None, word="idle")])
    assert (seen.backlog, seen.incoming, seen.idle) == (None, None, True)


def test_a_pipeline_has_to_be_chosen_among_several() -> None:
    """By name, and by one that is there."""
    both = {"pipelines": {**status(1)["pipelines"], "other": status(2)["pipelines"]["default"]}}
    with pytest.raises(ValueError, match="--pipeline: default, other"):
        measured([both])
    assert measured([both], "other").rate == 4
    with pytest.raises(ValueError, match="--pipeline: default"):
        measured([status(1)], "nonsense")


def test_something_else_is_no_status() -> None:
    """Whoever answers there may be somebody else."""
    others: list[dict[str, Any]] = [{}, {"pipelines": {"default": {}}}, {"processes": [{}]}]
    for other in others:
        with pytest.raises(ValueError, match="no /status of a worker"):
            measured([other])
    with pytest.raises(ValueError, match="no process of the worker answers"):
        measured([{"processes": [{"status": None}]}])


def test_the_status_of_this_version_is_understood() -> None:
    """Every key that is read is one that a worker tells."""
    health = Health(worker_id="w")
    health.observe(facts.PipelineStarted("default", "orders", "json", "sqlite", 30, receiving=True))
    health.observe(facts.QueueMeasured("default", "orders", 7, 0, 0))
    seen = measured([health.status()])
    assert (seen.workers, seen.rate, seen.backlog) == (1, 0.0, 7)
