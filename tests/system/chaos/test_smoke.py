"""The smoke profile of the chaos rig: the whole proof in under a minute, in every test run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.system.chaos.profiles import PROFILES
from tests.system.chaos.run import run

if TYPE_CHECKING:
    from pathlib import Path

SEED = 3
TRIES = 2
"""An invalid run (a fault found nobody to strike on a busy machine) proves nothing, so it is made once more; a red one
is red at once."""


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_nothing_is_lost_while_workers_are_killed_and_sqs_and_the_sink_misbehave(tmp_path: Path) -> None:
    """Three workers, three queues, twenty faults: every message is one row or one dead letter; every fault was met."""
    told: dict[str, object] = {}
    for number in range(TRIES):
        folder = tmp_path / str(number)
        folder.mkdir()
        told = run(PROFILES["smoke"], SEED, folder)
        if told["verdict"] != "invalid":
            break
    assert told["verdict"] == "green", json.dumps(told, indent=2)
