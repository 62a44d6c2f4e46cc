"""The database goes away under a running worker: nothing is received, lost or burnt, and it goes on when it is back."""

from __future__ import annotations

import resource
import signal
import sqlite3
import time
from contextlib import closing
from typing import TYPE_CHECKING, Final

import pytest

from tests.system.rig import rig as a_rig

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.system.rig import Child, Rig

BOUND: Final = 40
MESSAGES: Final = 300
FULL_BYTES: Final = 40_000


@pytest.fixture(name="rig")
def _rig(tmp_path: Path) -> Iterator[Rig]:
    with a_rig(tmp_path, queue="orders:visibility=3") as made:
        yield made


def small(rig: Rig, **settings: str) -> Child:
    """A worker whose bound is far below what waits for it, so that receiving on would show."""
    limits = {"IN_FLIGHT_MAX_MESSAGES": str(BOUND), "BATCH_MAX_ROWS": "10", "SQS_WAIT_TIME_SECONDS": "1"}
    return rig.worker(**{**limits, **settings})


def warm(rig: Rig, **settings: str) -> Child:
    """One that has written already, so that its file is open."""
    rig.send(10, seed=1)
    worker = small(rig, **settings)
    rig.until_books("deleted", 10)
    return worker


def expect_patience(rig: Rig, worker: Child, *, away_seconds: float) -> None:
    """While the sink is away: at most the bound is received, leases are renewed, nobody is ready, nothing settled."""
    lost = worker.event("sink_lost")
    assert lost["pipeline"] == "default"
    until = time.monotonic() + away_seconds
    rig.until(lambda: time.monotonic() > until, "the time that the sink is away")
    books = rig.books()
    assert books["received"] <= 10 + BOUND
    assert books["deleted"] == 10


def expect_recovery(rig: Rig, worker: Child, messages: int = MESSAGES) -> None:
    """Everything is one row of the first receipt: no receive count was burnt."""
    worker.event("sink_restored")
    rig.until_books("deleted", messages + 10)
    worker.tell(signal.SIGTERM)
    assert worker.end() == 0
    rows = rig.rows()
    assert len(rows) == len(set(rows)) == messages + 10
    assert set(rig.rows("receive_count")) == {1}
    assert worker.account()["received"] == worker.account()["deleted"] == messages + 10


def test_a_locked_database_is_waited_for_longer_than_a_lease(rig: Rig) -> None:
    """Another process holds the write lock for two leases: no second receipt, one row each, all of it counted."""
    worker = warm(rig)
    with closing(sqlite3.connect(rig.database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        rig.send(MESSAGES)
        expect_patience(rig, worker, away_seconds=6.0)
        other.execute("ROLLBACK")
        expect_recovery(rig, worker)


def test_a_full_disk_is_waited_for(rig: Rig) -> None:
    """The system grants the file no more bytes: the batch is kept, and written when there is room again."""
    worker = warm(rig)
    unlimited = resource.prlimit(worker.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(worker.process.pid, resource.RLIMIT_FSIZE, (FULL_BYTES, unlimited[1]))
    rig.send(MESSAGES)
    worker.event("sink_lost")
    resource.prlimit(worker.process.pid, resource.RLIMIT_FSIZE, unlimited)
    worker.event("sink_restored")
    rig.until_books("deleted", MESSAGES + 10)
    worker.tell(signal.SIGTERM)
    assert worker.end() == 0
    rows = rig.rows()
    assert len(rows) == len(set(rows)) == MESSAGES + 10
    assert set(rig.rows("receive_count")) == {1}
    with closing(sqlite3.connect(rig.database)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_directory_that_goes_away_and_comes_back_is_waited_for(rig: Rig) -> None:
    """What is written to a file that has no name any more is not accepted; every message is in the file in the end."""
    home, away = rig.folder / "disk", rig.folder / "unplugged"
    home.mkdir()
    rig.database = home / "rows.sqlite"
    worker = warm(rig)
    home.rename(away)
    rig.send(MESSAGES)
    expect_patience(rig, worker, away_seconds=4.0)
    away.rename(home)
    expect_recovery(rig, worker)


def test_a_deleted_file_is_noticed_before_a_message_is(rig: Rig) -> None:
    """Rows committed into a deleted file are gone with it, so their messages are written again, into a new one."""
    worker = warm(rig)
    for file in rig.folder.glob(rig.database.name + "*"):
        file.unlink()
    rig.send(MESSAGES)
    worker.event("sink_lost")
    worker.event("sink_restored")
    rig.until_books("deleted", MESSAGES + 10)
    worker.tell(signal.SIGTERM)
    assert worker.end() == 0
    rows = rig.rows()
    assert len(rows) == len(set(rows)) == MESSAGES  # the ten before were deleted with their file


def test_a_table_that_is_renamed_away_is_made_anew(rig: Rig) -> None:
    """No table is the sink's trouble, not the message's: nobody is rejected for it, and every message is a row."""
    worker = warm(rig)
    with closing(sqlite3.connect(rig.database, isolation_level=None)) as owner:
        owner.execute("ALTER TABLE messages RENAME TO elsewhere")
    rig.send(MESSAGES)
    worker.event("sink_lost")
    worker.event("sink_restored")
    rig.until_books("deleted", MESSAGES + 10)
    worker.tell(signal.SIGTERM)
    assert worker.end() == 0
    rows = rig.rows()
    assert len(rows) == len(set(rows)) == MESSAGES
    assert worker.account()["rejected"] == 0


def locked(rig: Rig) -> Callable[[], None]:
    other = sqlite3.connect(rig.database, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    return other.close


def unplugged(rig: Rig) -> Callable[[], None]:
    rig.database.parent.rename(rig.folder / "unplugged")
    return lambda: None


@pytest.mark.parametrize("trouble", [locked, unplugged])
def test_a_worker_told_to_stop_while_its_sink_is_away_gives_everything_back(
    rig: Rig, trouble: Callable[[Rig], Callable[[], None]]
) -> None:
    """It ends within the time to drain, with code 0, and whatever was in its hands is visible at once."""
    rig.database = rig.folder / "disk" / "rows.sqlite"
    rig.database.parent.mkdir()
    worker = warm(rig, WORKER_DRAIN_SECONDS="4")
    mend = trouble(rig)
    rig.send(MESSAGES)
    worker.event("sink_lost")
    began = time.monotonic()
    worker.tell(signal.SIGTERM)
    assert worker.end() == 0
    assert time.monotonic() - began < 4 + 6  # the time to drain, and a noisy machine
    mend()
    books, account = rig.books(), worker.account()
    assert (books["visible"], books["not_visible"], books["deleted"]) == (MESSAGES, 0, 10)
    assert account["in_flight"] == 0
    assert account["released"] == account["received"] - 10
