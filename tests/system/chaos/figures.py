"""The worst of what was seen, for the report: how far each check was from turning red. Pure.

Takes the evidence, gives numbers that JSON can hold, `None` where nothing was there to be measured.
"""

from __future__ import annotations

from collections import Counter
from math import isinf
from statistics import median
from typing import TYPE_CHECKING

from tests.system.chaos import check_leases, check_memory, check_pace, check_workers

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.system.chaos.evidence import Ending, Evidence

GOAL_SECONDS = 5.0
"""From healing to nine tenths of the rate."""


def worst(evidence: Evidence) -> dict[str, object]:
    """One number for each promise."""
    limits = evidence.limits
    ends = [life for life in evidence.lives if life.ending == "term"]
    beyond = [check_workers.stop_seconds(life) - check_workers.longest_write(life) for life in ends]
    calm = [
        check_workers.stop_seconds(life) - check_workers.longest_write(life)
        for life in ends
        if check_workers.allowed_seconds(evidence, life) < limits.drain_seconds
    ]
    return {
        "sigterm_beyond_the_longest_write_seconds": _largest(beyond),
        "of_these_with_nothing_else_wrong": _largest(calm),
        "hidden_after_sigterm_seconds": _hidden(evidence, {"term"}),
        "hidden_after_kill_9_seconds": _hidden(evidence, {"kill", "crash"}),
        "kill_9_limit_seconds": limits.visibility_seconds + limits.kill_seconds,
        "gap_seconds": check_pace.longest_gaps(evidence),
        "renewals": renewals(evidence),
        "refused_requests_a_second_and_poller": {
            name: max(fault.pace[name] for fault in evidence.faults if name in fault.pace)
            for name in sorted({name for fault in evidence.faults for name in fault.pace})
        },
        "memory": memory(evidence),
    }


def _largest(numbers: Iterable[float]) -> float | None:
    found = max(numbers, default=None)
    return None if found is None else round(found, 3)


def _hidden(evidence: Evidence, endings: set[Ending]) -> float | None:
    return _largest(one.seconds for one in check_workers.returns(evidence) if one.life.ending in endings)


def renewals(evidence: Evidence) -> dict[str, object]:
    """How much of the lease was left: half of all renewals had more than the median, 99 in 100 more than p1."""
    found = check_leases.margins(evidence)
    if not found:
        return {"count": 0}
    p1 = found[len(found) // 100]
    return {"count": len(found), "left_median": round(median(found), 3), "left_p1": round(p1, 3)}


def memory(evidence: Evidence) -> dict[str, object]:
    """Of the worker that lives through the whole run, and of the worst."""
    grown = [grown for _, _, grown in check_memory.growths(evidence)]
    told: dict[str, object] = {"while_a_sink_was_away_mib": _largest(grown)}
    steady = evidence.lives[0]
    if steady.samples:
        told["after_mib"] = round(steady.samples[-1][1] / check_memory.MIB)
        told["after_files"] = steady.samples[-1][2]
    if steady in check_memory.settled(evidence):
        late = steady.samples[len(steady.samples) // 3 :]
        told["slope_mib_per_hour"] = round(check_memory.slope_of(late), 1)
        told["growth_mib"] = round(check_memory.growth_of(late), 1)
    return told


def sinks(evidence: Evidence) -> list[dict[str, object]]:
    """Before and after each time that a sink was away."""
    return [
        {
            "fault": one.fault,
            "pipeline": one.place,
            "rate_before": round(one.rate_before, 1),
            "rate_after": round(one.rate_after, 1),
            "seconds": None if isinf(one.seconds) else one.seconds,
            "calm_seconds": round(one.calm_seconds, 1),
        }
        for one in check_pace.recoveries(evidence)
    ]


def sink_summary(evidence: Evidence) -> dict[str, object]:
    """Of all of them: how long it took, and how long without the time of other trouble."""
    found = check_pace.recoveries(evidence)
    told: dict[str, object] = {"measured": len(found)}
    for name, all_ in (
        ("seconds", [one.seconds for one in found]),
        ("calm_seconds", [one.calm_seconds for one in found]),
    ):
        told[name] = {
            "within_5": sum(seconds <= GOAL_SECONDS for seconds in all_),
            "median": None if not all_ or isinf(median(all_)) else round(median(all_), 1),
            "worst": None if not all_ or isinf(max(all_)) else round(max(all_), 1),
        }
    return told


def transports(evidence: Evidence) -> dict[str, int]:
    """How many lives spoke to SQS by which class, as they booked it themselves."""
    spoken: Counter[str] = Counter()
    for life in evidence.lives:
        spoken.update({record.subject for record in life.records() if record.kind == "queue"})
    return dict(spoken)
