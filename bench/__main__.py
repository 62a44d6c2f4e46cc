"""`python -m bench`: the sections that were asked for, their tables as they come, and the pages of a full run.

Only a full run writes `bench/results.md` and `bench/results.svg`: a part, or a quick look, is no result.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from bench.contestants import PEERS_PYTHON, ROOT
from bench.machine import core_of_contestant, core_of_loopback, cores, described
from bench.plan import QUICK, Plan
from bench.programs import Failed, Lost
from bench.results import Section, page, targets_table
from bench.sections import SECTIONS, versions
from bench.targets import verdicts

if TYPE_CHECKING:
    from collections.abc import Sequence

PAGE = ROOT / "bench" / "results.md"
PICTURE = ROOT / "bench" / "results.svg"


@click.command()
@click.option("--only", default="", help=f"Sections, with commas between: {', '.join(SECTIONS)}.")
@click.option("--quick", is_flag=True, help="Less than two minutes; no result, a look.")
@click.option("--rounds", type=click.IntRange(1), help="Rounds of the peers.")
@click.option("--minutes", type=click.FloatRange(0.1), help="How long memory is watched.")
def main(*, only: str, quick: bool, rounds: int | None, minutes: float | None) -> None:
    """Measure ourselves and our peers on one loopback."""
    plan = QUICK if quick else Plan()
    plan = plan if rounds is None else replace(plan, rounds=rounds)
    plan = plan if minutes is None else replace(plan, memory_seconds=minutes * 60)
    wanted = [name for name in only.replace(",", " ").split() if name] or list(SECTIONS)
    unknown = set(wanted) - set(SECTIONS)
    if unknown:
        raise click.UsageError(f"no section {min(unknown)!r}; there are {', '.join(SECTIONS)}")
    if len(cores()) == 1:
        _say("ONE CORE ONLY: the loopback and whoever is measured share it, so rates say little")
    os.sched_setaffinity(0, core_of_loopback())  # whoever looks must not disturb whoever is looked at
    _run(plan, wanted, whole=not (quick or only))


def _run(plan: Plan, wanted: Sequence[str], *, whole: bool) -> None:
    begun, sections, facts = time.monotonic(), [], dict[str, float]()
    for name in wanted:
        try:
            sections.append(SECTIONS[name](plan, facts, _say))
        except (Failed, Lost) as failure:
            sys.exit(f"{name}: {failure}")
        facts |= sections[-1].facts
        click.echo(f"\n{sections[-1].page()}")
    click.echo(f"## Targets\n\n{targets_table(verdicts(facts)).text()}\n")
    _say(f"{(time.monotonic() - begun) / 60:.1f} minutes")
    if whole:
        _write(plan, sections, facts)


def _write(plan: Plan, sections: Sequence[Section], facts: dict[str, float]) -> None:
    PAGE.write_text(page(_head(plan), verdicts(facts), sections))
    _say(f"written: {PAGE.relative_to(ROOT)}")
    if not PEERS_PYTHON.exists():
        _say("NO PICTURE: matplotlib is among the peers, which are not installed")
        return
    command = [str(PEERS_PYTHON), str(ROOT / "bench" / "plot.py"), str(PICTURE)]
    subprocess.run(command, input=json.dumps(facts), text=True, check=True)
    _say(f"written: {PICTURE.relative_to(ROOT)}")


def _head(plan: Plan) -> str:
    return (
        f"{described()}. The contestant has core {_one(core_of_contestant())} to itself, the loopback core "
        f"{_one(core_of_loopback())}. {versions()}.\n\n"
        f"Figures are the middle of {plan.rounds} rounds (peers) or {plan.rounds_of_others} (all else), the least and "
        "the most behind them; rounds go through all contestants in turn. CPU is user and system time of all the "
        f"contestant's processes, from {plan.window.warm_seconds:g} s after its first delete on, for at most "
        f"{plan.window.seconds:g} s. Memory is the peak of resident memory, starting up included. Every run into "
        "SQLite is checked: no message was deleted without its row."
    )


def _one(core: set[int]) -> str:
    return str(min(core))


def _say(text: str) -> None:
    click.echo(text, err=True)


if __name__ == "__main__":
    main()
