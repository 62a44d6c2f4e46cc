"""The process is killed: what it accepted is there, and of what it was at a transactional sink has kept all or nothing.

Real processes and a real SIGKILL, from outside between two answers, and from inside at each step of one write: every
call and return of Python or C code on its way, in every thread.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from worker.testing.messages import make_messages
from worker.testing.sinks.promise import promise, promise_stored
from worker.testing.sinks.watch import opened

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from worker.testing.sinks.case import Case

ROWS = 7
FEWEST_STEPS = 3
"""Of a write that is one, at which a process was really killed."""
STEPS = 24
"""Moments of one write at which a process dies, spread over all that there are."""


class Kills:
    """Tests that end a process."""

    @pytest.mark.asyncio
    @pytest.mark.parametrize("acknowledged", [1, 13, 40])
    async def test_killed_at_any_moment_what_was_accepted_is_there(self, case: Case, acknowledged: int) -> None:
        """Each accepted batch is stored; of the next one a transactional sink has stored all or nothing."""
        case.needs("child", case.child)
        async with _child(case, "stream", str(ROWS)) as (process, out):
            for _ in range(acknowledged):
                await out.readline()
            process.kill()
            accepted = acknowledged + len((await out.read()).splitlines())
        stored = [*case.keys()]
        found, written = {*stored}, {f"b{batch}-{n}" for batch in range(accepted) for n in range(ROWS)}
        lost = written - found
        promise(case, not lost, "what was accepted before the process was killed is stored", f"lost: {sorted(lost)}")
        foreign = found - written - {f"b{accepted}-{n}" for n in range(ROWS)}
        promise(case, not foreign, "nothing is stored that was not written", f"stored as well: {sorted(foreign)}")
        promise(
            case, len(stored) == len(found), "what was written once is stored once", f"{len(stored)} of {len(found)}"
        )
        next_one = [f"b{accepted}-{n}" in found for n in range(ROWS)]
        whole = not case.transactional or len({*next_one}) == 1
        promise(case, whole, "a batch is stored whole or not at all", f"{sum(next_one)} of {ROWS}")

    @pytest.mark.asyncio
    async def test_killed_at_each_step_a_batch_is_written_again_as_if_new(self, case: Case) -> None:
        """Whatever the process was at, the next one stores the batch, once where the sink is transactional."""
        case.needs("child", case.child)
        async with _child(case, "steps", str(ROWS), str(STEPS)) as (_, out):
            told = await out.read()
        ended: dict[str, bool] = json.loads(told or "{}")
        killed = [name for name, was_killed in ended.items() if was_killed]
        promise(case, len(killed) >= FEWEST_STEPS, "a write has steps to die at", f"{len(killed)} of {len(ended)}")
        self._holds_no_part(case, ended)
        keys = [f"{name}-{n}" for name in ended for n in range(ROWS)]
        async with opened(case) as sink:
            for name in ended:
                await sink.until_accepted(make_messages(ROWS, prefix=name))
        before = [f"{name}.before-{n}" for name in ended for n in range(ROWS)]
        promise_stored(case, [*before, *keys], times=2)

    @staticmethod
    def _holds_no_part(case: Case, ended: dict[str, bool]) -> None:
        found = {*case.keys()}
        for name, was_killed in ended.items():
            kept = sum(f"{name}-{n}" in found for n in range(ROWS))
            promise(case, was_killed or kept == ROWS, "what was accepted is stored", f"{kept} of {ROWS}")
            whole = not case.transactional or kept in {0, ROWS}
            promise(case, whole, "a batch is stored whole or not at all", f"{kept} of {ROWS}, killed at {name}")


@asynccontextmanager
async def _child(case: Case, *words: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, asyncio.StreamReader]]:
    """`child.py` with the sink of *case*; killed in the end."""
    child = case.needs("child", case.child)
    sink = json.dumps([child.target, list(child.arguments), dict(child.keywords)])
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "worker.testing.sinks.child", sink, *words),
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None  # noqa: S101 - it was asked for
        async with asyncio.timeout(2 * case.patience_seconds):
            yield process, process.stdout
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
