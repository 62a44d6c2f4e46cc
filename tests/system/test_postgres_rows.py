"""The PostgreSQL sink and what is written: every value kept, every fault given to whom it belongs."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest

from tests.system.tables import BOTH_WAYS, leave_alone, on_insert, opened, trouble
from worker.errors import SinkRefused, SinkUnavailable
from worker.message import Attribute
from worker.outcome import Rejected
from worker.testing.messages import make_message, make_messages

if TYPE_CHECKING:
    from tests.system.postgres import Postgres
    from worker.sinks.postgres.sink import PostgresSink


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


async def test_workers_that_write_the_same_keys_in_any_order_do_not_deadlock(database: Postgres, table: str) -> None:
    """Rows are locked in the order of their keys, so one waits for the other and neither for each other."""
    forth = make_messages(60)
    async with opened(database.dsn, table) as one, opened(database.dsn, table) as other:
        on_insert(database, table, "PERFORM pg_sleep(0.002); RETURN NEW;")
        async with asyncio.TaskGroup() as group:
            group.create_task(one.write(forth))
            group.create_task(other.write(forth[::-1]))
    assert len(database.keys(table)) == 60


async def test_a_commit_is_on_the_disk_whatever_the_database_prefers(database: Postgres, table: str) -> None:
    """Messages are deleted after it, so synchronous_commit = off would lose them with the server."""
    database.sql("CREATE ROLE hasty LOGIN SUPERUSER PASSWORD 'x'")
    database.sql("ALTER ROLE hasty SET synchronous_commit = off")
    async with opened(f"postgresql://hasty:x@127.0.0.1:{database.port}/postgres", table) as sink:
        on_insert(database, table, "NEW.group_id := current_setting('synchronous_commit'); RETURN NEW;")
        await sink.write(make_messages(1))
    assert database.values("group_id", table) == ["on"]
