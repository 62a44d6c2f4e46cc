"""Checks of pace: how soon work goes on after trouble, how long it rests without a reason, how often it asks in vain.

Each check takes the evidence and gives one sentence for each violation; `recoveries` and `longest_gaps` are for the
report as well.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, NamedTuple

from tests.system.chaos.evidence import STOPS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.system.chaos.evidence import Evidence, Fault

SECOND = 1_000_000_000
BEFORE_SECONDS = 5
STEP_NS = SECOND // 10
LOOK_SECONDS = 60
AFTER_SECONDS = 5
"""After other trouble, in which its own recovery is under way."""
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
    calm_seconds: float
    """As `seconds`, without the time in which other trouble was in force or had just been."""


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
            until = fault.heal_ns + round(min(seconds, LOOK_SECONDS) * SECOND)
            others = _windows(evidence, place, but=fault, after_seconds=AFTER_SECONDS)
            calm = (until - fault.heal_ns - _covered(others, fault.heal_ns, until)) / SECOND
            found.append(Recovery(f"{fault.kind} {fault.detail}", place, before, after, seconds, calm))
    return found


def _rate(times: Sequence[int], since_ns: int, seconds: float) -> float:
    return (bisect_left(times, since_ns + round(seconds * SECOND)) - bisect_left(times, since_ns)) / seconds


def _seconds(flow: Flow, heal_ns: int, before: float) -> float:
    for step in range(LOOK_SECONDS * SECOND // STEP_NS):
        at = heal_ns + step * STEP_NS
        if _rate(flow.written, at, 1) >= SHARE * before or flow.waiting(at) < before / 2:
            return step * STEP_NS / SECOND
    return float("inf")


def slow_recovery(evidence: Evidence) -> Iterator[str]:
    """Time of other trouble not counted, the rate was not back in three times the time that is aimed at."""
    for one in recoveries(evidence):
        if one.calm_seconds > evidence.limits.recovery_seconds:
            yield f"{one.fault}: {one.place} wrote {one.rate_before:.0f}/s before, and took {one.calm_seconds:.1f} s"


def longest_gaps(evidence: Evidence) -> dict[str, float]:
    """By pipeline: the longest time without a delete while something waited, time of trouble not counted."""
    return {place: round(_gap(evidence, place, flow) / SECOND, 3) for place, flow in flows(evidence).items()}


def _gap(evidence: Evidence, place: str, flow: Flow) -> int:
    longest, windows = 0, _windows(evidence, place)
    for earlier, later in zip(flow.gone, flow.gone[1:], strict=False):
        since = earlier if flow.waiting(earlier + 1) else _next(flow.sent, earlier, later)
        if later - since > longest:
            longest = max(longest, later - since - _covered(windows, since, later))
    return longest


def _next(times: Sequence[int], since_ns: int, at_most_ns: int) -> int:
    at = bisect_left(times, since_ns + 1)
    return min(times[at], at_most_ns) if at < len(times) else at_most_ns


def _windows(
    evidence: Evidence, place: str, *, but: Fault | None = None, after_seconds: int = 0
) -> list[tuple[int, int]]:
    """When SQS or the sink of *place* was in trouble, or a worker stopped; begin and end, in order."""
    after = after_seconds * SECOND
    wide = [one for one in evidence.faults if one.kind == "sqs" or one.kind in STOPS or place_of(one) == place]
    return sorted((one.begin_ns, one.heal_ns + after) for one in wide if one is not but)


def _covered(windows: Sequence[tuple[int, int]], since_ns: int, until_ns: int) -> int:
    """How much of the time lies in any of *windows*."""
    total, at = 0, since_ns
    for begin, end in windows:
        first, last = max(at, begin), min(until_ns, end)
        if first < last:
            total, at = total + last - first, last
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
