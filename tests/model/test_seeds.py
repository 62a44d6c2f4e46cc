"""The whole core in simulated time: many seeds, each a scenario of its own, and every invariant after every step."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.model.scenario import play
from tests.model.simulate import failure, kept_seeds

SEEDS: Final = 1_000
CHUNK: Final = 50
ROOT: Final = Path(__file__).parents[2]


def test_seeds_that_failed_once_hold() -> None:
    """What was mended stays mended."""
    broken = [failure(result) for result in map(play, kept_seeds()) if result.violation is not None]
    assert not broken, "\n".join(broken)


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, SEEDS, CHUNK))
def test_every_invariant_holds_whatever_happens(first: int) -> None:
    """No schedule, fault, crash or stop of these seeds loses, forgets, overtakes or prematurely deletes a message."""
    broken = [failure(result) for result in map(play, range(first, first + CHUNK)) if result.violation is not None]
    assert not broken, "\n".join(broken)


def test_a_seed_is_the_same_run_in_every_process() -> None:
    """A failing seed can be replayed anywhere: nothing depends on hashes, addresses or the machine's clock."""
    seeds = (3, 7, 13, 129, 211)
    program = f"from tests.model.scenario import play; print(*(play(seed).trace for seed in {seeds}))"
    here = [play(seed).trace for seed in reversed(seeds)][::-1]
    for hashes in ("1", "2"):
        there = subprocess.run(
            [sys.executable, "-c", program],
            check=True,
            capture_output=True,
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": hashes, "PYTHONPATH": str(ROOT)},
        ).stdout
        assert there.decode().split() == here
    assert len(set(here)) == len(seeds)
