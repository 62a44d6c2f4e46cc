"""The PostgreSQL sink when the server or the network fails: nothing lost, nothing doubled, and soon well again."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import asyncpg
import pytest

from tests.system.proxy import Proxy, Trouble
from tests.system.tables import BOTH_WAYS, COMMITTED, leave_alone, on_insert, opened, trouble
from worker.errors import SinkContended, SinkUnavailable
from worker.sinks.postgres import connect
from worker.sinks.postgres import sink as module
from worker.sinks.postgres.table import COPY_ROWS
from worker.testing.messages import make_messages

if TYPE_CHECKING:
    from tests.system.postgres import Postgres
    from worker.sinks.postgres.sink import PostgresSink


async def test_a_table_renamed_away_and_back_is_passing(database: Postgres, sink: PostgresSink, table: str) -> None:
    """Every message would fail, and none is to blame."""
    database.sql(f"ALTER TABLE {table} RENAME TO {table}_away")
    assert isinstance(await trouble(sink, make_messages(3)), SinkUnavailable)
    database.sql(f"ALTER TABLE {table}_away RENAME TO {table}")
    assert set(await sink.write(make_messages(3))) == {None}


@BOTH_WAYS
async def test_a_key_that_another_session_locks_holds_up_its_own_row(
    database: Postgres, sink: PostgresSink, table: str, rows: int
) -> None:
    """A batch with it in it is told apart from a server that is away, and any other goes in beside the lock."""
    await sink.write(make_messages(1, prefix="before"))
    locking = await asyncpg.connect(database.dsn)
    try:
        async with locking.transaction():
            await locking.execute(f"INSERT INTO {table} SELECT 'm-0', body, sent_at, received_at, 1 FROM {table}")  # noqa: S608 - the test's own
            assert isinstance(await trouble(sink, make_messages(rows)), SinkContended)
            assert set(await sink.write(make_messages(rows)[1:])) == {None}
    finally:
        await locking.close()
    assert set(await sink.write(make_messages(rows))) == {None}
    assert len(database.keys(table)) == rows + 1


@BOTH_WAYS
async def test_a_backend_killed_before_the_commit_has_written_nothing(
    database: Postgres, sink: PostgresSink, table: str, rows: int
) -> None:
    """In the middle of the rows; the whole batch goes in over another connection."""
    dies = (
        f"IF NEW.message_id = 'm-{rows // 2}' THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF; RETURN NEW;"
    )
    on_insert(database, table, dies)
    assert isinstance(await trouble(sink, make_messages(rows)), SinkUnavailable)
    assert database.keys(table) == []
    leave_alone(database, table)
    assert set(await sink.write(make_messages(rows))) == {None}
    assert len(database.keys(table)) == rows


@pytest.mark.parametrize("how", ["stop", "crash"])
async def test_a_server_that_went_and_came_back_is_written_to_again(
    database: Postgres, sink: PostgresSink, table: str, how: str
) -> None:
    """While it is away: unavailable. Afterwards: what was accepted is there, and the sink connects by itself."""
    await sink.write(make_messages(5, prefix="before"))
    getattr(database, how)()
    try:
        for _ in range(3):
            assert isinstance(await trouble(sink, make_messages(3)), SinkUnavailable)
    finally:
        database.start()
    assert set(await sink.write(make_messages(3))) == {None}
    assert len(database.keys(table)) == 8


@BOTH_WAYS
async def test_a_commit_whose_answer_is_lost_leaves_one_row(
    database: Postgres, network: Proxy, table: str, rows: int
) -> None:
    """The rows are there although the sink had to say unavailable; written again they change nothing."""
    async with opened(database.dsn_at(network.port), table) as sink:
        network.behave(Trouble(cut_on=COMMITTED))
        assert isinstance(await trouble(sink, make_messages(rows)), SinkUnavailable)
        assert network.cuts == 1
        assert len(database.keys(table)) == rows
        network.heal()
        assert set(await sink.write(make_messages(rows))) == {None}
    assert len(database.keys(table)) == rows


@BOTH_WAYS
@pytest.mark.parametrize("at", [1, 60, 200])
async def test_answers_cut_at_any_byte_are_passing(
    database: Postgres, network: Proxy, table: str, rows: int, at: int
) -> None:
    """Half a message of the server's is trouble with the network, never with a record."""
    async with opened(database.dsn_at(network.port), table) as sink:
        network.reset()
        network.behave(Trouble(truncate_at=at))
        assert isinstance(await trouble(sink, make_messages(rows)), SinkUnavailable)
        network.heal()
        assert set(await sink.write(make_messages(rows))) == {None}
    assert len(database.keys(table)) == rows


@pytest.mark.parametrize("hold", [{"up", "down"}, {"down"}])
async def test_a_silent_network_is_given_up_in_time(
    database: Postgres, network: Proxy, table: str, hold: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server's own limits do not reach through a black hole, ours do; also when the goodbye is not heard."""
    monkeypatch.setattr(module, "ANSWER_SECONDS", 0.2)
    monkeypatch.setattr(module, "CLOSE_SECONDS", 0.2)
    monkeypatch.setattr(connect, "CONNECT_SECONDS", 0.2)
    monkeypatch.setattr(connect, "MARGIN_SECONDS", 0.2)
    async with opened(database.dsn_at(network.port), table) as sink:
        network.behave(Trouble(hold=frozenset({"up", "down"} if "up" in hold else {"down"})))
        for _ in range(2):
            assert isinstance(await trouble(sink, make_messages(3)), SinkUnavailable)
        network.heal()
        assert set(await sink.write(make_messages(3))) == {None}
        network.behave(Trouble(hold=frozenset({"up", "down"})))
    assert database.keys(table) == ["m-0", "m-1", "m-2"]


@BOTH_WAYS
async def test_a_cancelled_write_ends_at_once_and_leaves_no_lock(
    database: Postgres, network: Proxy, table: str, rows: int
) -> None:
    """The loop does not wait for a server that is silent; the same batch goes in over another connection."""
    async with opened(database.dsn_at(network.port), table, writers=1) as sink:
        network.behave(Trouble(hold=frozenset({"down"})))
        writing = asyncio.create_task(sink.write(make_messages(rows)))
        for _ in range(20):
            await asyncio.sleep(0)
        writing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await writing
        network.heal()
        assert set(await sink.write(make_messages(rows))) == {None}
    assert len(database.keys(table)) == rows


async def test_a_changed_password_is_passing_once_the_worker_runs(database: Postgres, table: str) -> None:
    """Somebody rotates it; the queue waits instead of running into the dead-letter queue."""
    database.sql("CREATE ROLE rotated LOGIN PASSWORD 'old'; GRANT CREATE ON SCHEMA public TO rotated")
    async with opened(f"postgresql://rotated:old@127.0.0.1:{database.port}/postgres", table) as sink:
        database.sql("ALTER ROLE rotated PASSWORD 'new'")
        database.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'rotated'")
        failures = [await trouble(sink, make_messages(1)) for _ in range(2)]
        assert all(isinstance(failure, SinkUnavailable) for failure in failures)
        assert "28P01" in str(failures[-1])
        database.sql("ALTER ROLE rotated PASSWORD 'old'")
        assert set(await sink.write(make_messages(1))) == {None}


async def test_a_goodbye_that_fails_takes_no_commit_back(
    database: Postgres, network: Proxy, table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The batch is committed and answered; that its connection cannot be closed in order is nobody's trouble."""
    monkeypatch.setattr(module, "CLOSE_SECONDS", 0.1)
    async with opened(database.dsn_at(network.port), table) as sink:
        on_insert(database, table, "IF NEW.message_id = 'm-0' THEN PERFORM pg_sleep(0.5); END IF; RETURN NEW;")
        writing = asyncio.create_task(sink.write(make_messages(COPY_ROWS)))
        asleep = f"pg_stat_activity WHERE wait_event = 'PgSleep' AND query LIKE '%{table}%'"
        while not await asyncio.to_thread(database.values, "pid", asleep):
            assert not writing.done()
        assert sink._pool is not None
        await sink._pool.expire_connections()
        network.behave(Trouble(hold=frozenset({"up"})))
        assert set(await writing) == {None}
    assert len(database.keys(table)) == COPY_ROWS
