"""Checks of pace: how soon work goes on after trouble, how long it rests without a reason, how often it asks in vain.

Each check takes the evidence and gives one sentence for each violation; `recoveries` and `longest_gaps` are for the
report as well.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.system.chaos.evidence import Evidence, Fault

SECOND = 1_000_000_000
BEFORE_SECONDS = 5
STEP_NS = SECOND // 10
LOOK_SECONDS = 60
SHARE = 0.9
RATE_MIN = 20.0
"""Messages a second; below this a rate over one second says nothing."""
RECEIVE = "ReceiveMessage"


class Flow(NamedTuple):
    """What came to one queue and left it, and what its sink took: sorted times."""

    sent: Sequence[int]
    gone: Sequence[int]
    written: Sequence[int]

    def waiting(self, ns: int) -> int:
        """What was in the queue then, in hand or not."""
        return bisect_left(self.sent, ns) - bisect_left(self.gone, ns)


class Recovery(NamedTuple):
    """How the rate of a pipeline came back after its sink did."""

    fault: str
    place: str
    rate_before: float
    """Messages a second, in the five seconds before."""
    rate_after: float
    """In the five seconds after healing."""
    seconds: float
    """From healing until it wrote nine tenths of that for a second, or had caught up; infinite if it did not."""
    alone: bool
    """No other trouble of SQS or of this sink, nor a stopped worker, came between."""


def flows(evidence: Evidence) -> dict[str, Flow]:
    """By pipeline."""
    sent: dict[str, list[int]] = {queue: [] for queue in evidence.sources.values()}
    gone: dict[str, list[int]] = {queue: [] for queue in evidence.sources.values()}
    written: dict[str, list[int]] = {place: [] for place in evidence.sources}
    for change in evidence.changes():
        if change.queue in sent and change.op in {"send", "delete", "move", "expire"}:
            (sent if change.op == "send" else gone)[change.queue].append(change.ns)
    for life in evidence.lives:
        for record in life.records():
            if record.kind == "commit" and record.place in written:
                written[record.place].append(record.ns)
    return {place: Flow(sent[q], gone[q], sorted(written[place])) for place, q in evidence.sources.items()}


def place_of(fault: Fault) -> str | None:
    """The pipeline whose sink was away."""
    if fault.kind == "database":
        return "events"
    return fault.detail if fault.kind == "lock" else None


def recoveries(evidence: Evidence) -> list[Recovery]:
    """One for each time that a sink was away in the middle of enough work."""
    flowing = flows(evidence)
    found: list[Recovery] = []
    for fault in evidence.faults:
        place = place_of(fault)
        if place not in flowing or not fault.fired:
            continue
        flow = flowing[place]
        before = _rate(flow.written, fault.begin_ns - BEFORE_SECONDS * SECOND, BEFORE_SECONDS)
        if before >= RATE_MIN:
            after = _rate(flow.written, fault.heal_ns, BEFORE_SECONDS)
            seconds = _seconds(flow, fault.heal_ns, before)
            name = f"{fault.kind} {fault.detail}"
            found.append(Recovery(name, place, before, after, seconds, _alone(evidence, fault, place)))
    return found


def _rate(times: Sequence[int], since_ns: int, seconds: float) -> float:
    return (bisect_left(times, since_ns + round(seconds * SECOND)) - bisect_left(times, since_ns)) / seconds


def _seconds(flow: Flow, heal_ns: int, before: float) -> float:
    for step in range(LOOK_SECONDS * SECOND // STEP_NS):
        at = heal_ns + step * STEP_NS
        if _rate(flow.written, at, 1) >= SHARE * before or flow.waiting(at) < before / 2:
            return step * STEP_NS / SECOND
    return float("inf")


def _alone(evidence: Evidence, fault: Fault, place: str) -> bool:
    begin = fault.begin_ns - BEFORE_SECONDS * SECOND
    end = fault.heal_ns + round(evidence.limits.recovery_seconds * SECOND)
    others = [one for one in evidence.faults if one is not fault]
    wide = [one for one in others if one.kind in {"sqs", "stop"} or place_of(one) == place]
    return not any(one.begin_ns < end and begin < one.heal_ns for one in wide)


def slow_recovery(evidence: Evidence) -> Iterator[str]:
    """Nothing else was wrong, and the rate was not back in three times the time that is aimed at."""
    for one in recoveries(evidence):
        if one.alone and one.seconds > evidence.limits.recovery_seconds:
            yield f"{one.fault}: {one.place} wrote {one.rate_before:.0f}/s before, and took {one.seconds:.1f} s"


def longest_gaps(evidence: Evidence) -> dict[str, float]:
    """By pipeline: the longest time without a delete while something waited, time of trouble not counted."""
    return {place: round(_gap(evidence, place, flow) / SECOND, 3) for place, flow in flows(evidence).items()}


def _gap(evidence: Evidence, place: str, flow: Flow) -> int:
    longest = 0
    for earlier, later in zip(flow.gone, flow.gone[1:], strict=False):
        since = earlier if flow.waiting(earlier + 1) else _next(flow.sent, earlier, later)
        if later - since > longest:
            longest = max(longest, later - since - _troubled(evidence, place, since, later))
    return longest


def _next(times: Sequence[int], since_ns: int, at_most_ns: int) -> int:
    at = bisect_left(times, since_ns + 1)
    return min(times[at], at_most_ns) if at < len(times) else at_most_ns


def _troubled(evidence: Evidence, place: str, since_ns: int, until_ns: int) -> int:
    """How much of the time SQS or the sink of *place* was in trouble."""
    total, at = 0, since_ns
    for fault in sorted(evidence.faults, key=lambda one: one.begin_ns):
        if (fault.kind == "sqs" or place_of(fault) == place) and fault.heal_ns > at and fault.begin_ns < until_ns:
            begin, end = max(at, fault.begin_ns), min(until_ns, fault.heal_ns)
            total, at = total + end - begin, end
    return total


def silence(evidence: Evidence) -> Iterator[str]:
    """Longer than any pause that the worker makes."""
    for place, seconds in longest_gaps(evidence).items():
        if seconds > evidence.limits.gap_seconds:
            yield f"{place}: nothing was deleted for {seconds:.1f} s, although something waited and nothing was wrong"


def hammering(evidence: Evidence) -> Iterator[str]:
    """Receives of one poller while SQS refuses everything."""
    for fault in evidence.faults:
        if fault.pace.get(RECEIVE, 0.0) > evidence.limits.calls_per_second:
            yield f"{fault.kind} {fault.detail}: {fault.pace[RECEIVE]:.2f} receives a second of one poller"
