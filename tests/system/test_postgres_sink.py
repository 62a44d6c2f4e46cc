"""The PostgreSQL sink against a real server and a network that fails: nothing lost or doubled, and the right words."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from tests.records import make_message, make_messages
from tests.system.proxy import Proxy, Trouble, proxy
from worker.errors import SinkError, SinkRefused, SinkUnavailable
from worker.message import Attribute
from worker.outcome import Rejected
from worker.sinks import postgres as module
from worker.sinks.postgres import PostgresSink
from worker.sinks.postgres_table import COPY_ROWS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

    from tests.system.postgres import Postgres
    from worker.message import Message

COMMITTED = b"C\0\0\0\x0bCOMMIT\0"
"""What the server says once the rows are there for good."""
BOTH_WAYS = pytest.mark.parametrize("rows", [COPY_ROWS - 1, COPY_ROWS], ids=["arrays", "copy"])
"""A batch of every way into the table."""
COLUMNS = (
    "message_id text PRIMARY KEY, body text, sent_at timestamptz, received_at timestamptz, receive_count integer, "
    "group_id text, attributes jsonb"
)


@asynccontextmanager
async def opened(dsn: str, table: str, **changes: int) -> AsyncIterator[PostgresSink]:
    sink = PostgresSink(dsn, table, **changes)
    await sink.open()
    try:
        yield sink
    finally:
        await sink.close()


@pytest.fixture
def table(database: Postgres) -> str:
    return database.fresh_table()


@pytest.fixture
async def sink(database: Postgres, table: str) -> AsyncIterator[PostgresSink]:
    async with opened(database.dsn, table) as made:
        yield made


@pytest.fixture
def network(database: Postgres) -> Iterator[Proxy]:
    with proxy(database.port) as made:
        yield made


async def trouble(sink: PostgresSink, records: Sequence[Message]) -> SinkError:
    """What a write of *records* raises."""
    with pytest.raises(SinkError) as raised:
        await sink.write(records)
    return raised.value


def on_insert(database: Postgres, table: str, statement: str) -> None:
    """Let the server do *statement* for each row that comes in, from now on."""
    database.sql(
        f"CREATE OR REPLACE FUNCTION {table}_does() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {statement} END $$"
    )
    database.sql(
        f"CREATE OR REPLACE TRIGGER does BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION {table}_does()"
    )


def leave_alone(database: Postgres, table: str) -> None:
    database.sql(f"DROP TRIGGER does ON {table}")


async def test_every_column_holds_what_the_message_said(database: Postgres, sink: PostgresSink, table: str) -> None:
    """Times as times, attributes as JSON, the body letter by letter."""
    attributes = {"kind": Attribute("String", 'ö"\\u0000'), "raw": Attribute("Binary", b"\0\xff")}
    body = '{"a": "\\u0000 \\ud83d\\ude00 \\\\N \t 😀"}'
    await sink.write([make_message("k", body=body, group_id="g", attributes=attributes)])
    (row,) = database.values("row_to_json(t)", f"{table} t")
    assert json.loads(row) == {
        "message_id": "k",
        "body": body,
        "sent_at": "2023-11-14T22:13:20.125+00:00",
        "received_at": "2023-11-14T22:13:21.5+00:00",
        "receive_count": 1,
        "group_id": "g",
        "attributes": {
            "kind": {"data_type": "String", "value": 'ö"\\u0000'},
            "raw": {"data_type": "Binary", "value": "AP8="},
        },
    }


async def test_ten_thousand_rows_in_one_batch_twice_are_ten_thousand_rows(
    database: Postgres, sink: PostgresSink, table: str
) -> None:
    """The largest batch that the settings allow, delivered again as a whole."""
    batch = make_messages(10_000)
    for _ in range(2):
        assert set(await sink.write(batch)) == {None}
    assert database.values("count(*)", table) == ["10000"]


@BOTH_WAYS
async def test_what_text_cannot_hold_is_rejected_alone(
    database: Postgres, sink: PostgresSink, table: str, rows: int
) -> None:
    """NUL and lone surrogates, wherever they stand, are known before anything is sent; the others go in at once."""
    bad = [
        make_message("nul", body="a\0b"),
        make_message("key\0"),
        make_message("half", body="\ud800"),
        make_message("attribute", attributes={"a": Attribute("String", "\0")}),
        make_message("name", attributes={"\udfff": Attribute("String", "x")}),
        make_message("group", group_id="\0"),
    ]
    answers = await sink.write([*bad, *make_messages(rows)])
    reasons = [answer.reason for answer in answers[: len(bad)] if isinstance(answer, Rejected)]
    assert reasons == ["nul", "nul", "unicode", "nul", "unicode", "nul"]
    assert set(answers[len(bad) :]) == {None}
    assert len(database.keys(table)) == rows


@BOTH_WAYS
async def test_a_key_twice_in_a_batch_is_one_row(database: Postgres, sink: PostgresSink, table: str, rows: int) -> None:
    """One receive may hold a message twice, and the copy may meet a row that is there already."""
    await sink.write([make_message("old", {"first": True})])
    batch = [*make_messages(rows // 2), make_message("old"), *make_messages(rows // 2)]
    assert set(await sink.write(batch)) == {None}
    assert len(database.keys(table)) == rows // 2 + 1
    assert database.values("body", f"{table} WHERE message_id = 'old'") == ['{"first":true}']


@BOTH_WAYS
async def test_a_refused_row_takes_its_batch_with_it_and_is_not_quoted(
    database: Postgres, sink: PostgresSink, table: str, rows: int
) -> None:
    """All or nothing, so that the halves can be written; the words name the constraint and never the row."""
    database.sql(f"ALTER TABLE {table} ADD CONSTRAINT no_secrets CHECK (body NOT LIKE '%geheim%')")
    refused = await trouble(sink, [*make_messages(rows - 1), make_message("bad", {"x": "geheim"})])
    assert isinstance(refused, SinkRefused)
    assert "no_secrets" in str(refused)
    assert "geheim" not in str(refused)
    assert database.keys(table) == []
    assert set(await sink.write(make_messages(rows))) == {None}


@pytest.mark.parametrize("code", ["22001", "22P05", "23505", "23514", "44000", "54000", "P0001"])
async def test_a_row_s_own_fault_is_refused(database: Postgres, sink: PostgresSink, table: str, code: str) -> None:
    """The batch is halved until the bad one is alone; a trigger's words may quote it, so they are left out."""
    on_insert(database, table, f"RAISE EXCEPTION 'geheim' USING ERRCODE = '{code}';")
    refused = await trouble(sink, make_messages(3))
    assert isinstance(refused, SinkRefused)
    assert code in str(refused)
    assert "geheim" not in str(refused)
    leave_alone(database, table)
    assert set(await sink.write(make_messages(3))) == {None}


@pytest.mark.parametrize(
    "code",
    [
        "40001",
        "40P01",
        "55P03",
        "57014",
        "25006",
        "53300",
        "53100",
        "08006",
        "57P01",
        "57P03",
        "42P01",
        "42501",
        "28P01",
    ],
)
async def test_the_server_s_own_trouble_is_passing(
    database: Postgres, sink: PostgresSink, table: str, code: str
) -> None:
    """Nothing is dead-lettered for it, and the same batch goes in when it is over."""
    on_insert(database, table, f"RAISE EXCEPTION 'trouble' USING ERRCODE = '{code}';")
    assert isinstance(await trouble(sink, make_messages(3)), SinkUnavailable)
    leave_alone(database, table)
    assert set(await sink.write(make_messages(3))) == {None}
    assert database.keys(table) == ["m-0", "m-1", "m-2"]


async def test_a_column_that_somebody_added_blames_no_message(
    database: Postgres, sink: PostgresSink, table: str
) -> None:
    """It refuses every row, so the queue would run into the dead-letter queue."""
    database.sql(f"ALTER TABLE {table} ADD COLUMN colour text NOT NULL")
    assert isinstance(await trouble(sink, make_messages(3)), SinkUnavailable)
    database.sql(f"ALTER TABLE {table} ALTER COLUMN colour SET DEFAULT 'red'")
    assert set(await sink.write(make_messages(3))) == {None}


async def test_a_table_renamed_away_and_back_is_passing(database: Postgres, sink: PostgresSink, table: str) -> None:
    """Every message would fail, and none is to blame."""
    database.sql(f"ALTER TABLE {table} RENAME TO {table}_away")
    assert isinstance(await trouble(sink, make_messages(3)), SinkUnavailable)
    database.sql(f"ALTER TABLE {table}_away RENAME TO {table}")
    assert set(await sink.write(make_messages(3))) == {None}


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
    monkeypatch.setattr(module, "CONNECT_SECONDS", 0.2)
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


async def test_workers_that_write_the_same_keys_in_any_order_do_not_deadlock(database: Postgres, table: str) -> None:
    """Rows are locked in the order of their keys, so one waits for the other and neither for each other."""
    forth = make_messages(300)
    async with opened(database.dsn, table) as one, opened(database.dsn, table) as other, asyncio.TaskGroup() as group:
        for number in range(0, 300, 30):
            group.create_task(one.write(forth[number:]))
            group.create_task(other.write(forth[::-1][number:]))
    assert len(database.keys(table)) == 300


async def test_workers_that_start_together_make_one_table(database: Postgres, table: str) -> None:
    """Creating it is a race that only one of them may run."""
    sinks = [PostgresSink(database.dsn, table) for _ in range(6)]
    async with asyncio.TaskGroup() as group:
        for sink in sinks:
            group.create_task(sink.open())
    for sink in sinks:
        await sink.close()
    assert database.keys(table) == []


async def test_a_commit_is_on_the_disk_whatever_the_database_prefers(database: Postgres, table: str) -> None:
    """Messages are deleted after it, so synchronous_commit = off would lose them with the server."""
    database.sql("CREATE ROLE hasty LOGIN SUPERUSER PASSWORD 'x'")
    database.sql("ALTER ROLE hasty SET synchronous_commit = off")
    async with opened(f"postgresql://hasty:x@127.0.0.1:{database.port}/postgres", table) as sink:
        on_insert(database, table, "NEW.group_id := current_setting('synchronous_commit'); RETURN NEW;")
        await sink.write(make_messages(1))
    assert database.values("group_id", table) == ["on"]


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


async def test_a_user_who_may_only_insert_is_enough(database: Postgres, table: str) -> None:
    """The table is there: no right to create one is needed, and without INSERT the missing grant is named."""
    database.sql(f"CREATE TABLE {table} ({COLUMNS}); CREATE ROLE modest LOGIN PASSWORD 'x'")
    dsn = f"postgresql://modest:x@127.0.0.1:{database.port}/postgres"
    with pytest.raises(SinkRefused, match="grant this user SELECT and INSERT"):
        await PostgresSink(dsn, table).open()
    database.sql(f"GRANT SELECT, INSERT ON {table} TO modest")
    async with opened(dsn, table) as sink:
        assert set(await sink.write(make_messages(COPY_ROWS))) == {None}


REFUSED = {
    "unlogged": ("CREATE UNLOGGED TABLE {t} (" + COLUMNS + ")", "SET LOGGED"),
    "a missing column": ("CREATE TABLE {t} (message_id text PRIMARY KEY)", '"body"'),
    "no key": ("CREATE TABLE {t} (" + COLUMNS.replace("PRIMARY KEY", "") + ")", "PRIMARY KEY"),
    "a short key": ("CREATE TABLE {t} (" + COLUMNS.replace("text PRIMARY", "varchar(35) PRIMARY") + ")", "too long"),
    "a column of their own": ("CREATE TABLE {t} (" + COLUMNS + ", colour text NOT NULL)", "colour"),
    "another type": ("CREATE TABLE {t} (" + COLUMNS.replace("body text", "body jsonb") + ")", '"body"'),
    "a view": ("CREATE VIEW {t} AS SELECT 1 AS message_id", '"body"'),
}


@pytest.mark.parametrize("kind", REFUSED)
async def test_a_table_that_cannot_take_messages_is_refused_with_the_fix(
    database: Postgres, table: str, kind: str
) -> None:
    """At the start, by name, before a message is received."""
    statement, words = REFUSED[kind]
    database.sql(statement.format(t=table))
    with pytest.raises(SinkRefused) as refused:
        await PostgresSink(database.dsn, table).open()
    assert table in str(refused.value)
    assert words in str(refused.value)


async def test_a_table_with_rules_of_its_own_is_taken(database: Postgres, table: str) -> None:
    """The trial row is no order; that a CHECK refuses it says nothing against the orders."""
    database.sql(f"CREATE TABLE {table} ({COLUMNS}, CHECK (body LIKE '%order%'))")
    async with opened(database.dsn, table) as sink:
        assert set(await sink.write(make_messages(3))) == {None}


async def test_opening_leaves_no_row_behind(database: Postgres, sink: PostgresSink, table: str) -> None:
    """The trial row is taken back, and the table is created under the name that was given."""
    assert sink.demand.max_writers == 4
    assert database.keys(table) == []


async def test_a_schema_may_be_named(database: Postgres, table: str) -> None:
    """`schema.table`, both quoted, so capitals count; a schema that is missing is named."""
    database.sql(f'CREATE SCHEMA "S_{table}"')
    async with opened(database.dsn, f"S_{table}.Orders") as sink:
        await sink.write(make_messages(2))
    assert len(database.keys(f'"S_{table}"."Orders"')) == 2
    with pytest.raises(SinkRefused, match="create the schema"):
        await PostgresSink(database.dsn, f"nowhere.{table}").open()


async def test_what_only_people_can_mend_is_refused_at_the_start(database: Postgres, table: str) -> None:
    """A wrong password, a missing database, a DSN that nobody can read: with the fix and without the password."""
    for dsn, words in [
        (database.dsn_at(database.port, password="geheim"), "correct user and password"),
        (database.dsn + "_nowhere", "create the database"),
        ("postgresql://me:ge/heim@127.0.0.1/x", "percent-encoding"),
        (database.dsn + "?sslmode=geheim", "percent-encoding"),
    ]:
        with pytest.raises(SinkRefused, match=words) as refused:
            await PostgresSink(dsn, table).open()
        assert "heim" not in str(refused.value)


async def test_what_may_pass_is_unavailable_at_the_start(database: Postgres, network: Proxy, table: str) -> None:
    """Nobody listens, the network resets, the database is read-only for the moment: tried again by who starts us."""
    database.sql("CREATE ROLE reader LOGIN SUPERUSER PASSWORD 'x'")
    database.sql("ALTER ROLE reader SET default_transaction_read_only = on")
    network.behave(Trouble(refuse=True))
    for dsn in [
        database.dsn_at(1),
        database.dsn_at(network.port),
        f"postgresql://reader:x@127.0.0.1:{database.port}/postgres",
    ]:
        with pytest.raises(SinkUnavailable):
            await PostgresSink(dsn, table).open()


async def test_before_it_is_open_and_after_it_is_closed_it_is_unavailable(database: Postgres, table: str) -> None:
    """Closing twice is closing once."""
    sink = PostgresSink(database.dsn, table)
    assert isinstance(await trouble(sink, make_messages(1)), SinkUnavailable)
    await sink.open()
    for _ in range(2):
        await sink.close()
    assert isinstance(await trouble(sink, make_messages(1)), SinkUnavailable)
