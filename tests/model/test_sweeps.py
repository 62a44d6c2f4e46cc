"""Every step of a small scenario as the moment of a stop, a crash, a cancellation: none of them may lose a message."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from tests.model.workload import Kind, make_item
from tests.model.world import Terms, World

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.model.process import SimProcess
    from tests.model.simloop import Owner

KINDS: Final[tuple[Kind, ...]] = ("good", "good", "garbage", "good", "flaky", "good", "refused", "good", "rejected")
MESSAGES: Final = 12
TERMS: Final = {
    "standard": Terms(lease_seconds=6, rows=4, wait_seconds=1.0, max_messages=20, retry_max_seconds=2.0, in_order=True),
    "fifo": Terms(
        lease_seconds=6, rows=4, wait_seconds=1.0, max_messages=20, retry_max_seconds=2.0, in_order=True, groups=2
    ),
}
SPAN_SECONDS: Final = 12.0


def force(world: World, process: SimProcess) -> None:
    """As two signals at once."""
    world.stop(process)
    process.force()


def thaw_late(world: World, process: SimProcess) -> None:
    """Stand still for longer than a lease, while another worker takes over."""
    world.freeze(process)
    world.start()
    world.advance(9.0)
    world.thaw(process)


MOMENTS: Final[dict[str, Callable[[World, SimProcess], None]]] = {
    "stop": World.stop,
    "force": force,
    "crash": World.crash,
    "cancel": World.cancel,
    "freeze": thaw_late,
}


def begin(terms: Terms) -> tuple[World, SimProcess]:
    """Twelve messages, most of them well, and one worker that has not taken a step."""
    world = World(1, terms)
    kinds = (KINDS * 2)[:MESSAGES]
    world.send(
        [make_item(n, kind, group_id=f"g{n % terms.groups}" if terms.fifo else None) for n, kind in enumerate(kinds)]
    )
    return world, world.start()


def run_steps(world: World, process: SimProcess, steps: int) -> bool:
    """Let *process* take so many steps; False when the scenario has ended before."""
    taken = 0
    check = world.loop.after_step

    def count(owner: Owner | None) -> None:
        nonlocal taken
        assert check is not None
        check(owner)
        taken += owner is process
        if taken == steps and owner is process:
            world.loop.stop()

    world.loop.after_step = count
    until = world.loop.call_later(SPAN_SECONDS, world.loop.stop)
    if steps:
        world.loop.run_forever()
    until.cancel()
    world.loop.after_step = check
    return taken == steps


@pytest.mark.slow
@pytest.mark.parametrize("terms", TERMS)
@pytest.mark.parametrize("moment", MOMENTS)
def test_no_moment_of_interruption_loses_a_message(terms: str, moment: str) -> None:
    """Interrupted after any of its steps, followed by another worker, everything ends where it belongs."""
    steps, going = 0, True
    while going:
        world, process = begin(TERMS[terms])
        try:
            going = run_steps(world, process, steps)
            MOMENTS[moment](world, process)
            world.finish()
        except AssertionError as broken:
            broken.add_note(f"{moment} after step {steps} ({terms})")
            raise
        finally:
            world.close()
        steps += 1
    assert steps > 100, "the scenario is too small to prove anything"
