"""How long from a message being sent to its row being on the disk, at half of the rate that this worker can do?

A producer inside the loopback sends at a fixed rate, each message with its time in it. The clock beside the worker's
sink tells when the row was there; the loopback tells when the delete was, which needs no change of the worker at all.
"""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bench.books import Books
from bench.contestants import observed, ourselves, quicker_transport
from bench.drain import PATIENCE_SECONDS, Run, between, drain
from bench.load import Load
from bench.programs import Failed, contestant, loopback
from bench.results import Section, Table
from bench.spans import WARM_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bench.drain import Figures
    from bench.plan import Plan

    Spans = dict[str, float]

NAMES: Final = ("p50", "p95", "p99", "max")


def latency(plan: Plan, facts: Mapping[str, float], say: Callable[[str], None]) -> Section:
    """The section: one row for the disk, one for the delete."""
    most = facts.get("rate.sqlite") or _most(plan, say)
    rounds = [one_round(most / 2, plan.latency_seconds, say) for _ in range(plan.rounds_of_others)]
    figures, row, delete = sorted(rounds, key=lambda one: one[1]["p95"])[len(rounds) // 2]
    text = (
        f"{most / 2:,.0f} messages a second, half of what it does with a full queue; {figures.rate:,.0f} were done "
        f"with {figures.cpu_microseconds:.1f} µs CPU each. Milliseconds; of {len(rounds)} rounds the middle one by p95."
    )
    rows = [
        (what, *(f"{found[name]:.1f}" for name in NAMES), f"{found['count']:,.0f}")
        for what, found in (("sent to row", row), ("sent to deleted", delete))
    ]
    notes = () if figures.rate > most / 2 * 0.95 else ("**It did not keep up**: what is shown is a queue that grows.",)
    table = Table((quicker_transport(), *NAMES, "messages"), rows)
    return Section("Latency at half load", text, table, notes, {"p95.row": row["p95"]})


def _most(plan: Plan, say: Callable[[str], None]) -> float:
    say("the rate at full load is not known yet: measuring it")
    return drain(ourselves(quicker_transport()), Load(plan.waiting), plan.short_window).rate


def one_round(rate: float, seconds: float, say: Callable[[str], None]) -> tuple[Figures, Spans, Spans]:
    """Figures after the warm-up, and the times from being sent to being a row, and to being deleted."""
    load = Load(0, rate=rate)
    with tempfile.TemporaryDirectory(prefix="bench-") as made, loopback(load) as (place, url), Books(url) as books:
        folder = Path(made)
        with contestant(observed(quicker_transport()), url, folder, load) as process:
            run = Run(process, place, books, folder)
            run.until(lambda now: now.page.deleted > 0, patience_seconds=PATIENCE_SECONDS)
            time.sleep(WARM_SECONDS)
            begin = run.sample()
            time.sleep(seconds)
            figures = between(begin, run.sample(), run.peak_bytes())
        row = json.loads((folder / "spans.json").read_text())
        place.terminate()
        delete = json.loads(place.stdout.read()) if place.stdout is not None else {}
    if not (row["count"] and delete["count"]):
        raise Failed("no message was sent and written in time")
    say(
        f"{rate:,.0f} messages/s: sent to row p50 {row['p50']:.1f} ms, p95 {row['p95']:.1f} ms, p99 {row['p99']:.1f} ms"
    )
    return figures, row, delete
