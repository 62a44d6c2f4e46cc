"""Checks of memory and open files: inside the budget, flat while a sink is away, back when all is over, no slope.

Each takes the evidence and gives one sentence for each violation. `settled`: lives that were watched for long enough to
be compared with themselves.
"""

from __future__ import annotations

from itertools import combinations
from statistics import median
from typing import TYPE_CHECKING

from tests.system.chaos.check_pace import place_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.system.chaos.evidence import Evidence, Life

SECOND = 1_000_000_000
MIB = 2**20
SAMPLES = 60
"""Seconds of a first third that can be compared with. In less, connection pools have not met the whole load yet, and
they keep what they opened for a while; shorter lives are held to the budget alone."""
WARM_SECONDS = 30
OUTAGE_MIB = 24
"""What a full buffer and the errors' own memory may add while a sink is away."""
SLOPE_MIB_PER_HOUR = 1.0
GROWTH_MIB = 16
"""Allocators step: a slope counts when the life has also grown by this."""
POINTS = 150

Sample = tuple[int, int, int]


def budget(evidence: Evidence) -> Iterator[str]:
    """Memory and open files inside their budgets, always."""
    for life in evidence.lives:
        largest = max((rss for _, rss, _ in life.samples), default=0)
        if largest > evidence.limits.rss_bytes:
            yield f"{life.name}: {largest / MIB:.0f} MiB"
        most = max((fds for _, _, fds in life.samples), default=0)
        if most > evidence.limits.fds:
            yield f"{life.name}: {most} open files"


def baseline(evidence: Evidence) -> Iterator[str]:
    """When all is over: open files as in the first third of the life, and memory that somebody else could use."""
    for life in evidence.lives:
        early = [fds for _, _, fds in life.samples[: len(life.samples) // 3]]
        if len(early) < SAMPLES:
            continue
        if life.samples[-1][2] > max(early) + evidence.limits.fd_slack:
            yield f"{life.name}: {life.samples[-1][2]} open files at the end, {max(early)} at the beginning"
        if life.samples[-1][1] > evidence.limits.rss_after_bytes:
            yield f"{life.name}: {life.samples[-1][1] / MIB:.0f} MiB when all was over"


def flat(evidence: Evidence) -> Iterator[str]:
    """With a sink away nothing piles up."""
    for name, what, grown in growths(evidence):
        if grown > OUTAGE_MIB:
            yield f"{name}: grew by {grown:.0f} MiB in {what}"


def growths(evidence: Evidence) -> Iterator[tuple[str, str, float]]:
    """Life, fault and MiB for each time that a warm worker lived through a sink's absence."""
    for fault in evidence.faults:
        if place_of(fault) is None or not fault.fired:
            continue
        for life in evidence.lives:
            if life.samples and life.samples[0][0] < fault.begin_ns - WARM_SECONDS * SECOND:
                before = [rss for ns, rss, _ in life.samples if ns <= fault.begin_ns]
                during = [rss for ns, rss, _ in life.samples if fault.begin_ns < ns <= fault.heal_ns + SECOND]
                if during:
                    yield life.name, f"{fault.kind} {fault.detail}", (max(during) - before[-1]) / MIB


def slopes(evidence: Evidence) -> Iterator[str]:
    """No steady growth after the first third of a life (Theil-Sen: the median of all slopes between two samples)."""
    for life in settled(evidence):
        late = life.samples[len(life.samples) // 3 :]
        slope, grown = slope_of(late), growth_of(late)
        if slope > SLOPE_MIB_PER_HOUR and grown > GROWTH_MIB:
            yield f"{life.name}: {slope:.1f} MiB an hour, {grown:.0f} MiB since its first third"


def settled(evidence: Evidence) -> list[Life]:
    """Lives whose first third is long enough."""
    return [life for life in evidence.lives if len(life.samples) >= 3 * SAMPLES]


def slope_of(samples: Sequence[Sample]) -> float:
    """MiB an hour."""
    few = samples[:: max(1, len(samples) // POINTS)]
    rises = [(b[1] - a[1]) / MIB / ((b[0] - a[0]) / SECOND / 3600) for a, b in combinations(few, 2) if b[0] > a[0]]
    return median(rises) if rises else 0.0


def growth_of(samples: Sequence[Sample]) -> float:
    """MiB between the first tenth and the last."""
    tenth = max(1, len(samples) // 10)
    first, last = ([rss for _, rss, _ in part] for part in (samples[:tenth], samples[-tenth:]))
    return (median(last) - median(first)) / MIB
