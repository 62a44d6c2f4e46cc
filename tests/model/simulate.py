"""Many seeds, one line each that fails: `python -m tests.model.simulate --seeds 50000 [--from N] [--jobs 2]`.

Takes a range of seeds or one seed, runs each in a world of its own, prints the rate and for each failing seed the one
line that replays it. Ends with exit code 1 if any seed failed; failing seeds belong into `seeds.txt`, for ever.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.model.scenario import described, play

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tests.model.scenario import Result

KEPT: Final = Path(__file__).with_name("seeds.txt")
TOLD_EVERY_SECONDS: Final = 10.0


def kept_seeds() -> list[int]:
    """Seeds that failed once; they run first, for ever."""
    lines = (line.partition("#")[0].strip() for line in KEPT.read_text("utf-8").splitlines())
    return [int(line) for line in lines if line]


def failure(result: Result) -> str:
    """The one line that says what failed, and how to see it again."""
    return f"make simulate SEED={result.seed}   # {result.violation}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what was asked for; returns the exit code."""
    asked = _parser().parse_args(arguments)
    if asked.seed is not None:
        return _one(asked.seed)
    seeds = chain(kept_seeds(), range(asked.first, asked.first + asked.seeds))
    return _many(seeds, jobs=asked.jobs)


def _one(seed: int) -> int:
    result = play(seed)
    _say("\n".join(described(seed)))
    _say(f"{result.messages} messages, {result.steps} steps, trace {result.trace}")
    _say("every invariant holds" if result.violation is None else failure(result))
    return int(result.violation is not None)


def _many(seeds: Iterable[int], *, jobs: int) -> int:
    began = told = time.monotonic()
    done = failed = steps = messages = 0
    for result in _results(seeds, jobs=jobs):
        done, steps, messages = done + 1, steps + result.steps, messages + result.messages
        if result.violation is not None:
            failed += 1
            _say(failure(result))
        if time.monotonic() - told > TOLD_EVERY_SECONDS:
            told = time.monotonic()
            _say(f"{done} seeds, {done / (told - began):.1f} a second, {failed} failed")
    seconds = time.monotonic() - began
    _say(
        f"{done} seeds, {messages} messages, {steps} steps in {seconds:.1f} s: "
        f"{done / seconds:.1f} seeds a second, {failed} failed"
    )
    return int(failed > 0)


def _results(seeds: Iterable[int], *, jobs: int) -> Iterator[Result]:
    """In order; each process is replaced now and then, so that nothing can pile up."""
    if jobs == 1:
        yield from map(play, seeds)
        return
    with multiprocessing.get_context("spawn").Pool(jobs, maxtasksperchild=500) as pool:
        yield from pool.imap(play, seeds, chunksize=5)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.model.simulate", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1_000, help="how many")
    parser.add_argument("--from", type=int, default=0, dest="first", help="the first of them")
    parser.add_argument("--jobs", type=int, default=multiprocessing.cpu_count(), help="processes side by side")
    parser.add_argument("--seed", type=int, help="only this one, with its scenario")
    return parser


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
