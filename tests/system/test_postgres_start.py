"""The PostgreSQL sink at the start: what works is proved, what cannot work is refused with the fix."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tests.system.postgres import PASSWORD, USER
from tests.system.proxy import Proxy, Trouble
from tests.system.tables import COLUMNS, opened, trouble
from tests.words.blocks import blocks
from worker.errors import SinkRefused, SinkUnavailable
from worker.sinks.postgres import connect
from worker.sinks.postgres.sink import PostgresSink
from worker.sinks.postgres.table import COPY_ROWS
from worker.testing.messages import make_messages

if TYPE_CHECKING:
    from tests.system.postgres import Postgres


async def test_workers_that_start_together_make_one_table(database: Postgres, table: str) -> None:
    """Creating it is a race that only one of them may run."""
    sinks = [PostgresSink(database.dsn, table) for _ in range(6)]
    async with asyncio.TaskGroup() as group:
        for sink in sinks:
            group.create_task(sink.open())
    for sink in sinks:
        await sink.close()
    assert database.keys(table) == []


async def test_a_table_in_which_different_keys_are_one_is_refused(database: Postgres, table: str) -> None:
    """The later of two such messages would be deleted unwritten: this type knows no blanks at the end."""
    times = "sent_at timestamptz, received_at timestamptz"
    others = f"body text, {times}, receive_count integer, group_id text, attributes jsonb"
    database.sql(f"CREATE TABLE {table} (message_id character(40) PRIMARY KEY, {others})")
    with pytest.raises(SinkRefused, match="takes different keys for one"):
        await PostgresSink(database.dsn, table).open()
    assert database.keys(table) == []


async def test_the_table_of_the_page_takes_messages(database: Postgres, table: str) -> None:
    """As printed on the page of the sink, for those who create it themselves; in a schema of its own."""
    (block,) = (one for one in blocks("docs/sinks/postgres.md") if one.language == "sql")
    database.sql(f"CREATE SCHEMA {table}; SET search_path TO {table}; {block.text}")
    async with opened(database.dsn, f"{table}.messages") as sink:
        assert await sink.write(make_messages(3)) == [None] * 3


async def test_a_check_leaves_nothing_behind(database: Postgres, table: str) -> None:
    """A table that is missing could be made and is not; one that is there is proved by a row, taken back."""
    sink = PostgresSink(database.dsn, table)
    assert await sink.check() == f"table {table} can be made"
    assert database.sql(f"SELECT to_regclass('{table}') IS NULL") == ["t"]
    await sink.open()
    assert await sink.check() == f"table {table} takes rows"
    assert database.keys(table) == []
    await sink.close()


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
        (database.dsn + "?sslmode=geheim", "sslmode is none of"),
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


WORDS = (
    "channel_binding=prefer",
    "connect_timeout=5",
    "keepalives=1&keepalives_idle=30&keepalives_interval=10&keepalives_count=3&tcp_user_timeout=9000",
    "gssencmode=disable",
    "options=-c%20jit%3Doff",
    "pgbouncer=true&connection_limit=1",
    "application_name=shop&fallback_application_name=other",
    "target_session_attrs=read-write",
    "target_session_attrs=prefer-standby",
    "sslmode=disable&sslsni=1",
    "client_encoding=UTF8",
    "statement_timeout=30000&search_path=public",
)


@pytest.mark.parametrize("words", WORDS)
async def test_words_of_libpq_and_of_providers_open_the_sink(database: Postgres, table: str, words: str) -> None:
    """Taken or dropped, but never sent to the server as settings that it refuses."""
    async with opened(f"{database.dsn}?{words}", table) as sink:
        assert set(await sink.write(make_messages(2))) == {None}


async def test_the_form_of_pairs_opens_the_sink(database: Postgres, table: str) -> None:
    """As in a service file or a command line, in quotes as a shell wants them."""
    pairs = f"\"host=127.0.0.1 port={database.port} dbname=postgres user={USER} password='{PASSWORD}'\""
    async with opened(pairs, table) as sink:
        assert set(await sink.write(make_messages(2))) == {None}


async def test_a_silent_first_host_costs_its_share_of_the_time_and_once(
    database: Postgres, network: Proxy, table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It accepts and says nothing; the second is taken, stays the first choice, and is left when it fails."""
    monkeypatch.setattr(connect, "CONNECT_SECONDS", 1.0)
    network.behave(Trouble(hold=frozenset({"up", "down"})))
    silent = f"127.0.0.1:{network.port}"
    dsn = database.dsn.replace("127.0.0.1:", f"{silent},127.0.0.1:")
    async with opened(dsn, table) as sink:
        assert set(await sink.write(make_messages(2))) == {None}
        assert sink._connector._first == ("127.0.0.1", database.port)
        sink._connector.forget()
        assert next(sink._connector._attempts())[0] == ("127.0.0.1", network.port)


async def test_hosts_that_are_all_silent_are_named(network: Proxy, table: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the time that each had."""
    monkeypatch.setattr(connect, "CONNECT_SECONDS", 0.4)
    network.behave(Trouble(hold=frozenset({"up", "down"})))
    place = f"127.0.0.1:{network.port}"
    with pytest.raises(SinkUnavailable, match=f"{place} did not answer within 0.2 s"):
        await PostgresSink(f"postgresql://me:x@{place},{place}/x", table).open()


async def test_a_server_without_tls_is_refused_where_tls_is_demanded(database: Postgres, table: str) -> None:
    """Nobody waits a minute for it to change, and the words are about TLS."""
    for mode in ("require", "no-verify"):
        with pytest.raises(SinkRefused, match="TLS to PostgreSQL: the server has none"):
            await PostgresSink(f"{database.dsn}?sslmode={mode}", table).open()
