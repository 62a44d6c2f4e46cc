"""Memory goes back to the system when work is over."""

from __future__ import annotations

import asyncio

from tests.model.simloop import simulated
from worker.telemetry.account import Account, Accounts
from worker.telemetry.release import LOOK_SECONDS, release_when_idle, trimmer


@simulated
async def test_memory_is_given_back_once_after_each_time_of_work() -> None:
    """Never while something is in hand or still comes, and not again and again while nothing does."""
    accounts, given = Accounts(), list[float]()
    account = accounts.by_pipeline["orders"] = Account()
    task = asyncio.create_task(release_when_idle(accounts, lambda: given.append(account.received)))
    for received, deleted, expected in (
        (0, 0, []),
        (10, 10, []),
        (10, 10, [10]),
        (10, 10, [10]),
        (20, 19, [10]),
        (20, 19, [10]),
        (20, 20, [10, 20]),
        (30, 30, [10, 20]),
        (31, 31, [10, 20]),
        (31, 31, [10, 20, 31]),
    ):
        account.received, account.deleted = received, deleted
        await asyncio.sleep(LOOK_SECONDS + 0.001)
        assert given == expected
    task.cancel()


def test_the_c_library_takes_memory_back() -> None:
    """It may be called whenever one likes; with musl there is nothing to call."""
    trim = trimmer()
    assert trim is None or trim() in {0, 1}
