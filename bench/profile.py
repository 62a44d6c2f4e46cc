"""Where the CPU goes: the parts of the worker's event loop, and the sink's thread beside it.

One run into SQLite with a clock that looks 500 times a CPU-second. It says proportions, not prices: who waits for the
interpreter's lock is found where it gave the lock away.
"""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from bench.books import Books
from bench.contestants import quicker_transport, sampled
from bench.drain import PATIENCE_SECONDS, Run
from bench.load import Load
from bench.programs import contestant, loopback
from bench.results import Section, Table
from bench.sampled import LOOP

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bench.plan import Plan


def profile(plan: Plan, _: Mapping[str, float], say: Callable[[str], None]) -> Section:
    """The section: a row for each part."""
    load = Load(plan.waiting)
    with tempfile.TemporaryDirectory(prefix="bench-") as made, loopback(load) as (place, url), Books(url) as books:
        folder = Path(made)
        with contestant(sampled(quicker_transport()), url, folder, load) as process:
            run = Run(process, place, books, folder)
            most = 0.9 * plan.waiting
            run.until(lambda now: now.page.deleted > most, patience_seconds=PATIENCE_SECONDS)
        found = json.loads((folder / "parts.json").read_text())
    seen, loop = Counter[str](found["seen"]), float(found["loop_share"])
    say(f"{seen.total()} looks, the event loop's thread used {loop:.0%} of the CPU")
    rows = [(part, f"{count / seen.total():.0%}") for part, count in seen.most_common()]
    text = (
        f"{seen.total():,} looks at the event loop's thread, which used {loop:.0%} of the CPU; the rest is the thread "
        f"that writes into SQLite, and is found where the loop waited for it. *{LOOP.capitalize()}*: uvloop, sockets."
    )
    return Section("Where the CPU goes", text, Table(("part", "of the looks"), rows))
