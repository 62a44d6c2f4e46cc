"""The SQLite sink in trouble: real locks, real full disks, files that go away."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import stat
import threading
from contextlib import asynccontextmanager, closing
from typing import TYPE_CHECKING

import orjson
import pytest

from tests.unit.sinks.files import largest_file, move, remove
from worker.errors import SinkRefused, SinkUnavailable
from worker.message import Attribute
from worker.sinks.columns import COLUMNS
from worker.sinks.sqlite.sink import SqliteSink
from worker.sinks.sqlite.statements import BY_TIME, keys_for, rows_compiled
from worker.sinks.sqlite.table import STATEMENT_ROWS, SqliteTable
from worker.testing.messages import make_message, make_messages

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "orders.db"


@asynccontextmanager
async def opened(path: Path, table: str = "messages") -> AsyncIterator[SqliteSink]:
    """An open sink with a short patience, closed at the end."""
    sink = SqliteSink(str(path), table, busy_timeout_seconds=0.02)
    await sink.open()
    try:
        yield sink
    finally:
        await sink.close()


def rows_in(path: Path, sql: str = "SELECT * FROM messages ORDER BY rowid") -> list[tuple[object, ...]]:
    """What another process would read."""
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql).fetchall()


def run_sql(path: Path, *statements: str) -> None:
    """What another process does to the file."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


async def test_a_row_holds_every_column_of_its_message(path: Path) -> None:
    """The seven columns come back as they were, Binary in base64, the body as it was sent."""
    attributes = {"kind": Attribute("String", "order"), "raw": Attribute("Binary", b"\0\xff")}
    message = make_message("k-1", body='{ "a" : 1 }', group_id="g", attributes=attributes)
    async with opened(path) as sink:
        assert list(await sink.write([message])) == [None]
    (row,) = rows_in(path)
    assert dict(zip(COLUMNS[:-1], row[:-1], strict=True)) == {
        "message_id": "k-1",
        "body": '{ "a" : 1 }',
        "sent_at": 1_700_000_000.125,
        "received_at": 1_700_000_001.5,
        "receive_count": 1,
        "group_id": "g",
    }
    assert orjson.loads(str(row[-1])) == {
        "kind": {"data_type": "String", "value": "order"},
        "raw": {"data_type": "Binary", "value": "AP8="},
    }


async def test_a_commit_is_synced_and_the_file_is_private(path: Path) -> None:
    """Durable before the delete, and readable by its owner alone, the log included."""
    async with opened(path) as sink:
        await sink.write([make_message()])
        modes = {p.name: stat.S_IMODE(p.stat().st_mode) for p in path.parent.iterdir()}
        table = sink._table
        synchronous = await sink._thread.run(lambda: _pragma(table, "synchronous"))
        journal = await sink._thread.run(lambda: _pragma(table, "journal_mode"))
    assert set(modes.values()) == {0o600}
    assert {"orders.db", "orders.db-wal"} <= set(modes)
    assert (synchronous, journal) == (2, "wal")


def _pragma(table: SqliteTable, name: str) -> object:
    connection = table._connection
    assert connection is not None
    return connection.execute(f"PRAGMA {name}").fetchone()[0]


async def test_opening_leaves_no_row(path: Path) -> None:
    """The row that proves the table is taken back, at the first and at every later start."""
    for _ in range(2):
        async with opened(path):
            pass
    assert rows_in(path) == []


@pytest.mark.parametrize("table", ["order events", 'a"b', "select", "given", "x; DROP TABLE messages; --", "Ünïcode"])
async def test_any_table_name_is_a_name_and_never_sql(path: Path, table: str) -> None:
    """Names are quoted."""
    async with opened(path, table) as sink:
        await sink.write([make_message()])
    assert rows_in(path, "SELECT name FROM sqlite_master WHERE type = 'table'") == [(table,)]


@pytest.mark.parametrize(
    "body",
    ["'); DROP TABLE messages; --", "nul \0 inside", "😀 \u2028 é", "{0.__class__} %s {{7*7}}", "x" * 1_048_576],
    ids=["sql", "nul", "unicode", "templates", "a-mebibyte"],
)
async def test_hostile_text_is_stored_literally(path: Path, body: str) -> None:
    """What was sent is what can be read, to the last character."""
    async with opened(path) as sink:
        await sink.write([make_message(body=body)])
    assert rows_in(path, "SELECT body FROM messages") == [(body,)]


async def test_ten_thousand_rows_are_one_batch(path: Path) -> None:
    """A batch larger than one statement is still all or nothing, and in order."""
    async with opened(path) as sink:
        await sink.write(make_messages(10_000))
    assert [row[0] for row in rows_in(path)] == [f"m-{n}" for n in range(10_000)]


async def test_batches_of_every_size_are_written_whole(path: Path) -> None:
    """A statement has room for more rows than most batches have; what is left over adds no row and hides none."""
    sizes = [*range(1, 62), 99, 100, 101, 499, 999, 1_001]
    async with opened(path) as sink:
        for size in sizes:
            await sink.write(make_messages(size, prefix=f"{size}"))
            await sink.write(make_messages(size, prefix=f"{size}"))  # again: the statement for rows that may be there
    assert [row[0] for row in rows_in(path)] == [f"{size}-{n}" for size in sizes for n in range(size)]


async def test_a_sqlite_of_few_variables_is_given_smaller_statements(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Filling up never takes a statement over the limit that SQLite was built with."""
    prepare = SqliteTable._prepare

    def prepare_for_few(table: SqliteTable, connection: sqlite3.Connection) -> None:
        connection.setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, 200)
        prepare(table, connection)

    monkeypatch.setattr(SqliteTable, "_prepare", prepare_for_few)
    async with opened(path) as sink:
        await sink.write(make_messages(105))
    assert [row[0] for row in rows_in(path)] == [f"m-{n}" for n in range(105)]


def test_nearly_every_batch_finds_its_statement_compiled() -> None:
    """There are few sizes, none too small for its batch, and little of them is filled up."""
    sizes = {rows: rows_compiled(rows) for rows in range(1, STATEMENT_ROWS + 1)}
    assert all(rows <= size <= STATEMENT_ROWS for rows, size in sizes.items())
    assert all(size - rows < max(10, rows) for rows, size in sizes.items())
    assert len(set(sizes.values())) == 24
    assert sizes[500] == 500


async def test_a_bad_record_leaves_no_trace_of_its_batch(path: Path) -> None:
    """A lone surrogate in the last of 1,500 rows is refused, and the statement before it is taken back."""
    batch = [*make_messages(1_500), make_message("bad", body="\ud800")]
    async with opened(path) as sink:
        with pytest.raises(SinkRefused):
            await sink.write(batch)
        assert rows_in(path) == []
        await sink.write(batch[:-1])
    assert len(rows_in(path)) == 1_500


async def test_an_attribute_that_is_no_text_is_refused(path: Path) -> None:
    """A surrogate in an attribute is the record's fault as well."""
    async with opened(path) as sink:
        with pytest.raises(SinkRefused):
            await sink.write([make_message(attributes={"a": Attribute("String", "\ud800")})])


async def test_a_constraint_of_the_operators_own_refuses_the_record(path: Path) -> None:
    """Your CHECK is data trouble, not an outage: halving finds the record."""
    async with opened(path) as sink:
        run_sql(
            path,
            "CREATE TRIGGER small BEFORE INSERT ON messages WHEN length(NEW.body) > 100 "
            "BEGIN SELECT RAISE(ABORT, 'too long'); END",
        )
        with pytest.raises(SinkRefused, match="SQLITE_CONSTRAINT_TRIGGER"):
            await sink.write([make_message(body="x" * 101)])
        await sink.write([make_message()])
    assert len(rows_in(path)) == 1


async def test_a_lock_held_by_another_is_waited_out_by_trying_again(path: Path) -> None:
    """A writer elsewhere makes the sink unavailable, and its end makes it available, with nothing written twice."""
    async with opened(path) as sink:
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(SinkUnavailable, match="SQLITE_BUSY"):
                await sink.write([make_message()])
            other.execute("ROLLBACK")
        await sink.write([make_message()])
    assert len(rows_in(path)) == 1


async def test_a_lock_at_the_start_is_passing(path: Path) -> None:
    """Another process that holds the file is no reason to give up for good."""
    async with opened(path):
        pass
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        sink = SqliteSink(str(path), busy_timeout_seconds=0.02)
        with pytest.raises(SinkUnavailable):
            await sink.open()
        other.execute("ROLLBACK")
        await sink.open()
        await sink.close()


async def test_a_full_disk_at_the_start_is_passing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An operator may make room; the settings are right."""

    def no_space(*_arguments: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "open", no_space)
    sink = SqliteSink(str(path))
    with pytest.raises(SinkUnavailable, match="No space left"):
        await sink.open()
    monkeypatch.undo()
    await sink.open()
    await sink.close()


async def test_a_file_replaced_while_it_is_opened_is_opened_again(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file that SQLite opened must be the one that is watched."""
    prepare = SqliteTable._prepare

    def prepare_and_lose(table: SqliteTable, connection: sqlite3.Connection) -> None:
        prepare(table, connection)
        remove(path)
        path.touch()

    monkeypatch.setattr(SqliteTable, "_prepare", prepare_and_lose)
    sink = SqliteSink(str(path))
    with pytest.raises(SinkUnavailable, match="replaced while it was opened"):
        await sink.open()
    monkeypatch.undo()
    await sink.open()
    await sink.close()


def test_a_connection_that_cannot_roll_back_is_given_up(path: Path) -> None:
    """The next write opens another one."""
    table = SqliteTable(str(path), "messages", keys=[BY_TIME], busy_timeout_seconds=0.02)
    table.open()
    assert table._connection is not None
    table._connection.close()
    table._undo(table._connection)
    assert table._connection is None


async def test_a_full_disk_is_waited_for(path: Path) -> None:
    """No room: unavailable, the file sound; room again: the same batch goes in, once."""
    batch = [make_message(f"m-{n}", body="x" * 10_000) for n in range(200)]
    async with opened(path) as sink:
        await sink.write(batch[:1])
        with largest_file(256 * 1024), pytest.raises(SinkUnavailable):
            await sink.write(batch)
        assert len(rows_in(path)) == 1
        await sink.write(batch)
    assert len(rows_in(path)) == 200
    assert rows_in(path, "PRAGMA integrity_check") == [("ok",)]


async def test_a_deleted_file_is_noticed_before_the_batch_is_accepted(path: Path) -> None:
    """Writes to an unlinked file succeed and are lost; the sink says unavailable and goes on in a new file."""
    async with opened(path) as sink:
        await sink.write([make_message("before")])
        remove(path)
        with pytest.raises(SinkUnavailable, match="deleted or replaced"):
            await sink.write([make_message("after")])
        await sink.write([make_message("after")])
    assert [row[0] for row in rows_in(path)] == ["after"]


async def test_a_file_behind_a_symbolic_link_is_watched_as_well(path: Path, tmp_path: Path) -> None:
    """The file and its log are found where the link leads, and a link that leads elsewhere is noticed."""
    link = tmp_path / "link.db"
    link.symlink_to(path)
    async with opened(path), opened(link) as sink:
        await sink.write([make_message("before")])
        remove(path.with_name("orders.db-wal"))
        with pytest.raises(SinkUnavailable, match=r"orders\.db-wal"):
            await sink.write([make_message("after")])


async def test_a_replaced_file_is_noticed_and_not_harmed(path: Path, tmp_path: Path) -> None:
    """A restored backup under the same name keeps its rows and takes the next batch."""
    backup = tmp_path / "backup.db"
    async with opened(backup) as sink:
        await sink.write([make_message("from the backup")])
    async with opened(path) as sink:
        await sink.write([make_message("before")])
        backup.replace(path)
        with pytest.raises(SinkUnavailable):
            await sink.write([make_message("after")])
        await sink.write([make_message("after")])
    assert [row[0] for row in rows_in(path)] == ["from the backup", "after"]
    assert rows_in(path, "PRAGMA integrity_check") == [("ok",)]


async def test_a_file_renamed_while_open_is_whole_under_its_new_name(path: Path, tmp_path: Path) -> None:
    """What was accepted, and still in the log, follows the file; the next batch goes to a new one."""
    async with opened(path) as sink:
        await sink.write([make_message("before")])
        move(path, tmp_path / "yesterday.db")
        with pytest.raises(SinkUnavailable):
            await sink.write([make_message("after")])
        await sink.write([make_message("after")])
    assert [row[0] for row in rows_in(tmp_path / "yesterday.db")] == ["before", "after"]
    assert [row[0] for row in rows_in(path)] == ["after"]


async def test_a_log_that_cannot_be_emptied_is_not_replayed_into_another_file(path: Path, tmp_path: Path) -> None:
    """While a reader keeps the old log alive, the sink waits instead of mixing two files."""
    backup = tmp_path / "backup.db"
    async with opened(backup) as sink:
        await sink.write([make_message("from the backup")])
    async with opened(path) as sink:
        await sink.write([make_message("before")])
        with closing(sqlite3.connect(path, isolation_level=None)) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT * FROM messages").fetchall()
            backup.replace(path)
            for expected in ("deleted or replaced", "belongs to the file that was here before"):
                with pytest.raises(SinkUnavailable, match=expected):
                    await sink.write([make_message("after")])
        remove(path.with_name("orders.db-wal"))
        await sink.write([make_message("after")])
    assert [row[0] for row in rows_in(path)] == ["from the backup", "after"]


async def test_a_deleted_log_is_noticed_and_nothing_is_lost(path: Path) -> None:
    """Rows in an unlinked write-ahead log would be gone with the process."""
    async with opened(path) as sink:
        await sink.write([make_message("before")])
        remove(path.with_name("orders.db-wal"))
        with pytest.raises(SinkUnavailable):
            await sink.write([make_message("after")])
        await sink.write([make_message("after")])
    assert [row[0] for row in rows_in(path)] == ["before", "after"]


async def test_a_directory_that_goes_away_and_comes_back(tmp_path: Path) -> None:
    """While the directory is gone the sink is unavailable; when it is back, writing goes on."""
    directory = tmp_path / "data"
    directory.mkdir()
    path = directory / "orders.db"
    async with opened(path) as sink:
        directory.rename(tmp_path / "moved")
        for _ in range(2):
            with pytest.raises(SinkUnavailable):
                await sink.write([make_message()])
        directory.mkdir()
        await sink.write([make_message()])
    assert len(rows_in(path)) == 1


def assert_kept(path: Path) -> None:
    """The rubbish is as it was."""
    assert path.read_bytes() == b"minutes of the meeting\n" * 1_000


def replace_by_rubbish(path: Path) -> None:
    """Another file under the same name, and no database."""
    path.unlink(missing_ok=True)
    path.write_bytes(b"minutes of the meeting\n" * 1_000)


async def test_a_file_that_turns_to_rubbish_while_running_burns_no_message(path: Path) -> None:
    """Whatever is wrong with the file is never blamed on the records."""
    async with opened(path) as sink:
        replace_by_rubbish(path)
        for _ in range(2):
            with pytest.raises(SinkUnavailable):
                await sink.write([make_message()])


async def test_a_dropped_table_is_made_again_by_the_next_write(path: Path) -> None:
    """A table that goes away is an outage of one write, not a reason to reject messages."""
    async with opened(path) as sink:
        run_sql(path, "DROP TABLE messages")
        with pytest.raises(SinkUnavailable):
            await sink.write([make_message()])
        await sink.write([make_message()])
    assert len(rows_in(path)) == 1


async def test_a_table_that_asks_for_more_since_the_start_is_waited_for(path: Path) -> None:
    """A column of somebody's that must be filled blames no message: else each would end in the dead-letter queue."""
    async with opened(path) as sink:
        run_sql(path, "DROP TABLE messages", *demanding("shop TEXT NOT NULL"))
        with pytest.raises(SinkUnavailable, match=r"messages\.shop"):
            await sink.write([make_message("a")])
        run_sql(path, "DROP TABLE messages", *demanding("shop TEXT"))
        await sink.write([make_message("a")])
    assert [row[0] for row in rows_in(path)] == ["a"]


def demanding(column: str) -> list[str]:
    """The statement that makes a table as ours with one more *column*."""
    columns = (
        "message_id TEXT PRIMARY KEY, body TEXT, sent_at REAL, received_at REAL, receive_count INTEGER, group_id TEXT"
    )
    return [f"CREATE TABLE messages ({columns}, attributes TEXT, {column})"]


@pytest.mark.parametrize(
    "table",
    [
        "CREATE TABLE messages (id TEXT PRIMARY KEY, payload TEXT)",
        "CREATE TABLE messages (message_id TEXT, body, sent_at, received_at, receive_count, group_id, attributes)",
        f"CREATE TABLE messages (message_id INTEGER PRIMARY KEY, {', '.join(COLUMNS[1:])})",
        f"CREATE TABLE messages ({', '.join(COLUMNS)}, tenant TEXT NOT NULL, PRIMARY KEY (message_id))",
        "CREATE VIEW messages AS SELECT 1 AS message_id",
    ],
    ids=["other-columns", "no-key", "integer-key", "a-column-we-cannot-fill", "a-view"],
)
async def test_a_table_that_cannot_take_messages_is_refused_at_the_start(path: Path, table: str) -> None:
    """A wrong schema ends the start with the fix; at run time it would dead-letter every message."""
    run_sql(path, table)
    with pytest.raises(SinkRefused, match="message_id as TEXT PRIMARY KEY"):
        await SqliteSink(str(path)).open()


@pytest.mark.parametrize(
    "column", ["message_id TEXT COLLATE NOCASE", "message_id TEXT COLLATE RTRIM", "message_id NUMERIC"]
)
async def test_a_table_in_which_different_keys_are_one_is_refused_at_the_start(path: Path, column: str) -> None:
    """The later of two such messages would be deleted unwritten; `worker check` says so too."""
    run_sql(path, f"CREATE TABLE messages ({column} PRIMARY KEY, {', '.join(COLUMNS[1:])})")
    for way in (SqliteSink.open, SqliteSink.check):
        with pytest.raises(SinkRefused, match=r"takes different keys for one .* message_id as TEXT PRIMARY KEY"):
            await way(SqliteSink(str(path)))
    assert rows_in(path) == []


async def test_a_rule_of_yours_that_the_trial_rows_break_says_nothing(path: Path) -> None:
    """Only how keys are compared is tried."""
    run_sql(path, f"CREATE TABLE messages (message_id TEXT PRIMARY KEY, {', '.join(COLUMNS[1:])}, UNIQUE (body))")
    async with opened(path) as sink:
        await sink.write([make_message()])
    assert len(rows_in(path)) == 1


async def test_a_table_with_more_columns_is_welcome(path: Path) -> None:
    """Columns of yours that may stay empty, or fill themselves, do not matter."""
    run_sql(
        path,
        "CREATE TABLE messages (message_id TEXT PRIMARY KEY, body, sent_at, received_at, receive_count, group_id, "
        "attributes, note TEXT, stored_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP)",
    )
    async with opened(path) as sink:
        await sink.write([make_message()])
    assert len(rows_in(path)) == 1


async def test_one_key_is_one_row_whenever_it_was_sent(path: Path) -> None:
    """Where a field of the body is the key: the producer has sent it twice."""
    first = make_message("order-1")
    async with opened(path) as sink:
        await sink.write([first])
        await sink.write([first._replace(sent_at=first.sent_at + 60), make_message("order-2")])
    assert [row[0] for row in rows_in(path)] == ["order-1", "order-2"]


async def test_ids_are_kept_in_the_order_of_time(path: Path) -> None:
    """The key of a table for message ids begins with the time; a redelivery, which keeps that, changes nothing."""
    sink = SqliteSink(str(path), keys=keys_for(keyed_by_id=True, fifo=False))
    await sink.open()
    batch = make_messages(3)
    for rows in (batch, [*reversed(batch)], [batch[0]._replace(receive_count=2), make_message("m-9")]):
        await sink.write(rows)
    await sink.close()
    assert [row[0] for row in rows_in(path)] == ["m-0", "m-1", "m-2", "m-9"]
    with closing(sqlite3.connect(path)) as reader:
        key = reader.execute("SELECT name FROM pragma_index_info('sqlite_autoindex_messages_1')").fetchall()
    assert key == [("sent_at",), ("message_id",)]


async def test_a_table_of_yours_by_ids_alone_takes_ids(path: Path) -> None:
    """It has another key than we would have made, and it is the stricter one."""
    async with opened(path) as by_key:
        await by_key.write([make_message("m-1")])
    sink = SqliteSink(str(path), keys=keys_for(keyed_by_id=True, fifo=False))
    await sink.open()
    await sink.write([make_message("m-1"), make_message("m-2")])
    await sink.close()
    assert [row[0] for row in rows_in(path)] == ["m-1", "m-2"]


@pytest.mark.parametrize("fifo_first", [False, True])
async def test_pipelines_of_both_kinds_share_a_table_whoever_made_it(path: Path, *, fifo_first: bool) -> None:
    """A FIFO queue would rather have ids alone, a standard one times; either lives with what it finds."""
    for fifo in (fifo_first, not fifo_first):
        sink = SqliteSink(str(path), keys=keys_for(keyed_by_id=True, fifo=fifo))
        await sink.open()
        for _ in range(2):
            await sink.write([make_message(f"fifo-{fifo}")])
        await sink.close()
    assert len(rows_in(path)) == 2


async def test_a_table_for_ids_is_refused_for_other_keys(path: Path) -> None:
    """There two messages of one key, sent at two times, would be two rows; the words say which setting led here."""
    sink = SqliteSink(str(path), keys=keys_for(keyed_by_id=True, fifo=False))
    await sink.open()
    await sink.close()
    with pytest.raises(SinkRefused, match="DEDUPLICATION_KEY has the key"):
        await SqliteSink(str(path)).open()


@pytest.mark.parametrize("place", ["", ":memory:", "/proc/nowhere/x.db", "missing/x.db", "."])
async def test_a_path_that_can_never_work_is_refused_with_the_setting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """No file, no directory, no permission: the sentence names SQLITE_PATH or what to change."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SinkRefused, match=r"SQLITE_PATH|writable"):
        await SqliteSink(place).open()


async def test_a_file_that_is_no_database_is_refused_and_kept(path: Path) -> None:
    """Somebody's file under our name is not touched."""
    replace_by_rubbish(path)
    with pytest.raises(SinkRefused, match="SQLITE_NOTADB"):
        await SqliteSink(str(path)).open()
    assert_kept(path)


async def test_a_read_only_database_is_refused_at_the_start(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that may be read but not written fails at the start and not with the first message."""
    async with opened(path):
        pass
    connect = sqlite3.connect

    def connect_read_only(database: Path, **options: object) -> sqlite3.Connection:
        return connect(f"file:{database}?mode=ro", uri=True, **options)  # type: ignore[call-overload, no-any-return]  # the options are passed through

    monkeypatch.setattr(sqlite3, "connect", connect_read_only)
    with pytest.raises(SinkRefused, match="SQLITE_READONLY"):
        await SqliteSink(str(path)).open()


async def test_two_sinks_share_a_file(path: Path) -> None:
    """Two workers on one file: every message once, whoever wrote it first."""
    batch = make_messages(100)
    async with opened(path) as one, opened(path) as two:
        for start in range(0, 100, 10):
            await one.write(batch[start : start + 10])
            await two.write(batch[start : start + 10])
    assert len(rows_in(path)) == 100


async def test_the_loop_runs_while_the_disk_is_busy(path: Path) -> None:
    """A write that waits for a lock holds its thread and not the loop."""
    sink = SqliteSink(str(path), busy_timeout_seconds=30)
    await sink.open()
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        async with asyncio.TaskGroup() as group:
            write = group.create_task(sink.write([make_message()]))
            for _ in range(100):
                await asyncio.sleep(0)
            assert not write.done()
            other.execute("ROLLBACK")
    assert list(write.result()) == [None]
    await sink.close()


async def test_a_cancelled_write_is_finished_unheard_and_harmless_when_repeated(path: Path) -> None:
    """A cancelled commit is unknown: it happens, and the repetition changes nothing."""
    sink = SqliteSink(str(path), busy_timeout_seconds=30)
    await sink.open()
    begun = threading.Event()
    go_on = threading.Event()
    insert = sink._table._insert

    def slow_insert(*arguments: object) -> None:
        begun.set()
        assert go_on.wait(60)
        insert(*arguments)  # type: ignore[arg-type]  # passed through

    sink._table._insert = slow_insert  # type: ignore[method-assign, assignment]  # the real one, with a gate before it
    async with asyncio.TaskGroup() as group:
        write = group.create_task(sink.write([make_message()]))
        await asyncio.to_thread(begun.wait, 10)
        write.cancel()
    assert write.cancelled()
    go_on.set()
    await sink.write([make_message()])
    await sink.close()
    assert len(rows_in(path)) == 1


async def test_batches_with_and_without_groups_that_wait_together_are_both_written(path: Path) -> None:
    """Columns of nulls alone are left out; what is committed with them keeps its own."""
    plain, grouped = make_messages(3, prefix="p"), [one._replace(group_id="g") for one in make_messages(3, prefix="g")]
    async with opened(path) as sink, asyncio.TaskGroup() as group:
        for batch in (plain[:1], plain[1:], grouped):
            group.create_task(sink.write(batch))
    found = {row[0]: row[5] for row in rows_in(path)}
    assert found == {one.key: one.group_id for one in (*plain, *grouped)}


async def test_one_batch_is_written_while_the_next_waits_at_the_thread(path: Path) -> None:
    """Two writers, one thread: both batches arrive, in the order they were handed over."""
    async with opened(path) as sink:
        assert sink.demand.max_writers == 4
        async with asyncio.TaskGroup() as group:
            for prefix in ("a", "b"):
                group.create_task(sink.write(make_messages(50, prefix=prefix)))
    assert [str(row[0])[0] for row in rows_in(path)] == ["a"] * 50 + ["b"] * 50
