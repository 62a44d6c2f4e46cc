"""The report of a run: one JSON object with everything a reader needs to believe it, or to run it again. Pure."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from tests.system.chaos import figures

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.system.chaos.checker import Verdict
    from tests.system.chaos.evidence import Evidence
    from tests.system.chaos.profiles import Profile

MS = 1_000_000


def report(
    evidence: Evidence, verdict: Verdict, *, profile: Profile, seed: int, seconds: Mapping[str, float]
) -> dict[str, object]:
    """Everything that was counted."""
    return {
        "verdict": verdict.word,
        "profile": profile.name,
        "seed": seed,
        "replay": f"make chaos PROFILE={profile.name} SEED={seed}",
        "seconds": dict(seconds),
        "counts": _counts(evidence, seconds),
        "checks": {one.check: one.count for one in verdict.findings},
        "violations": {one.check: list(one.examples) for one in verdict.findings if one.count},
        "missing": list(verdict.missing),
        "faults": _faults(evidence),
        "recovery_ms": _recovery(evidence),
        "worst": figures.worst(evidence),
        "sinks_back": figures.sink_summary(evidence),
        "sinks": figures.sinks(evidence),
        "workers": _workers(evidence),
    }


def _counts(evidence: Evidence, seconds: Mapping[str, float]) -> dict[str, object]:
    ops = Counter(f"{change.op}" for change in evidence.changes())
    rows = sum(map(len, evidence.rows.values()))
    return {
        "attempted": len(evidence.produced.attempts),
        "acknowledged": len(evidence.produced.acks),
        "sent_again": evidence.produced.sends - len(evidence.produced.attempts),
        "rows": rows,
        "dead_letters": len(evidence.letters),
        "left": len(evidence.remainder),
        "redelivered": sum(1 for change in evidence.changes() if change.op == "receive" and change.receives > 1),
        "loopback": dict(ops),
        "rate": round(rows / max(0.001, seconds.get("warm_up", 0.0) + seconds.get("load", 0.0)), 1),
    }


def _faults(evidence: Evidence) -> dict[str, dict[str, int]]:
    told: dict[str, dict[str, int]] = {}
    for fault in evidence.faults:
        one = told.setdefault(f"{fault.kind} {fault.detail}", {"planned": 0, "fired": 0, "struck": 0, "recovered": 0})
        one["planned"] += 1
        one["fired"] += bool(fault.fired)
        one["struck"] += fault.fired
        one["recovered"] += bool(fault.recovered_ns)
    return dict(sorted(told.items()))


def _recovery(evidence: Evidence) -> dict[str, dict[str, int]]:
    """From healing to the first sign of work after it."""
    times: dict[str, list[int]] = {}
    for fault in evidence.faults:
        if fault.recovered_ns:
            times.setdefault(fault.kind, []).append((fault.recovered_ns - fault.heal_ns) // MS)
    return {kind: {"median": sorted(all_)[len(all_) // 2], "max": max(all_)} for kind, all_ in times.items()}


def _workers(evidence: Evidence) -> dict[str, object]:
    ends = Counter(life.ending for life in evidence.lives)
    stops = [(life.ended_ns - life.signalled_ns) // MS for life in evidence.lives if life.ending == "term"]
    steady = evidence.lives[0]
    return {
        "lives": len(evidence.lives),
        "ends": dict(ends),
        "transports": figures.transports(evidence),
        "sigterm_ms_max": max(stops, default=0),
        "accounts_read": sum(len(life.scrapes) for life in evidence.lives),
        "rss_mib_max": max((rss for life in evidence.lives for _, rss, _ in life.samples), default=0) // 2**20,
        "steady_rss_mib": [rss // 2**20 for _, rss, _ in steady.samples[:: max(1, len(steady.samples) // 8)]],
        "steady_fds": [fds for _, _, fds in steady.samples[:: max(1, len(steady.samples) // 8)]],
    }
