"""One suite for every sink: what the pipeline relies on, whatever the destination."""

from __future__ import annotations

import asyncio
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass, field
from types import ModuleType
from typing import TYPE_CHECKING

import orjson
import pytest

from tests.records import make_message, make_messages
from worker.errors import SinkRefused
from worker.outcome import Rejected
from worker.sinks.discard.sink import DiscardSink
from worker.sinks.handler.sink import HandlerSink
from worker.sinks.ndjson.sink import NdjsonSink
from worker.sinks.postgres.sink import PostgresSink
from worker.sinks.sqlite.sink import SqliteSink
from worker.sinks.sqlite.statements import BY_KEY, BY_TIME

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence
    from pathlib import Path

    from tests.contract.conftest import StartedOnce
    from worker.message import Message
    from worker.sinks.sink import Sink
    from worker.sinks.sqlite.statements import Key

MODULE = "module_of_the_sink_contract"


@dataclass(frozen=True, slots=True)
class Case:
    """A sink under contract, with the features it declares."""

    sink: Sink
    keys: Callable[[], list[str]]
    """The keys that the destination holds, read from outside."""
    transactional: bool = False
    """A redelivery leaves one row, and a refused batch none."""
    stores: bool = True
    refuses: bool = True
    """It looks at the values, so one that cannot be stored is refused."""
    ordered: bool = True
    """Its rows have an order, which is that of the batch."""


@dataclass(slots=True)
class Memory:
    """What a handler collects."""

    keys: list[str] = field(default_factory=list)
    """Written by the handler."""

    async def handle(self, message: Message) -> None:
        """One message, in the loop."""
        self.keys.append(message.key)

    def handle_batch(self, messages: Sequence[Message]) -> None:
        """A batch, in a thread."""
        self.keys.extend(m.key for m in messages)


def keys_in_table(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return [key for (key,) in connection.execute("SELECT message_id FROM messages ORDER BY rowid")]


def keys_in_lines(path: Path) -> list[str]:
    return [orjson.loads(line)["message_id"] for line in path.read_bytes().split(b"\n")[:-1]]


def make_handler(name: str) -> Case:
    memory = Memory()
    module = ModuleType(MODULE)
    vars(module).update(handle=memory.handle, handle_batch=memory.handle_batch)
    sys.modules[MODULE] = module
    sink = HandlerSink(f"{MODULE}.{name}", timeout_seconds=60, concurrency=2)
    return Case(sink, lambda: memory.keys, refuses=False)


def make_postgres(directory: Path, servers: StartedOnce) -> Case:
    table = "t_" + re.sub(r"\W", "_", directory.name)
    server = servers.postgres
    return Case(PostgresSink(server.dsn, table), lambda: server.keys(table), transactional=True, ordered=False)


def make_sqlite(directory: Path, key: Key) -> Case:
    path = directory / "contract.db"
    return Case(SqliteSink(str(path), keys=[key]), lambda: keys_in_table(path), transactional=True)


def make_ndjson(directory: Path, _servers: StartedOnce) -> Case:
    path = directory / "contract.ndjson"
    return Case(NdjsonSink(str(path)), lambda: keys_in_lines(path))


CASES: dict[str, Callable[[Path, StartedOnce], Case]] = {
    "sqlite": lambda directory, _: make_sqlite(directory, BY_TIME),
    "sqlite-by-key": lambda directory, _: make_sqlite(directory, BY_KEY),
    "postgres": make_postgres,
    "ndjson": make_ndjson,
    "handler": lambda *_: make_handler("handle"),
    "handler-batch": lambda *_: make_handler("handle_batch"),
    "discard": lambda *_: Case(DiscardSink(), list, stores=False, refuses=False),
}


@pytest.fixture(params=sorted(CASES))
async def case(request: pytest.FixtureRequest, tmp_path: Path, servers: StartedOnce) -> AsyncIterator[Case]:
    """An open sink of each kind."""
    case = CASES[request.param](tmp_path, servers)
    await case.sink.open()
    yield case
    await case.sink.close()
    sys.modules.pop(MODULE, None)


async def test_an_accepted_batch_is_in_the_destination_when_write_returns(case: Case) -> None:
    """One None for each record, and a reader from outside finds all of them, in order where there is one."""
    answers = await case.sink.write(make_messages(50))
    assert list(answers) == [None] * 50
    wanted = [f"m-{n}" for n in range(50)] if case.stores else []
    assert case.keys() == (wanted if case.ordered else sorted(wanted))


async def test_an_empty_batch_is_nothing(case: Case) -> None:
    """No answer and no row."""
    assert list(await case.sink.write([])) == []
    assert case.keys() == []


async def test_the_same_batch_twice_loses_nothing(case: Case) -> None:
    """Accepted both times; one row a key where the sink says transactional, at least one elsewhere."""
    batch = make_messages(20)
    for _ in range(2):
        assert list(await case.sink.write(batch)) == [None] * 20
    copies = 1 if case.transactional else 2
    assert len(case.keys()) == (20 * copies if case.stores else 0)


async def test_one_key_twice_in_a_batch_is_accepted(case: Case) -> None:
    """SQS may deliver a message twice in one receive."""
    answers = await case.sink.write([make_message("same"), make_message("other"), make_message("same")])
    assert list(answers) == [None] * 3
    assert len(case.keys()) == ((2 if case.transactional else 3) if case.stores else 0)


async def test_writes_side_by_side_are_all_kept(case: Case) -> None:
    """As many writers as the sink demands, each with batches of its own."""
    writers = case.sink.demand.max_writers or 4
    async with asyncio.TaskGroup() as group:
        for number in range(writers):
            group.create_task(case.sink.write(make_messages(25, prefix=f"w{number}")))
    assert len(set(case.keys())) == (25 * writers if case.stores else 0)


@pytest.mark.parametrize(
    "body", [{"x": "y" * 1_000_000}, {"nul": "\0"}, {"quote": "'); DROP TABLE messages; --"}, {"emoji": "😀\u2028"}]
)
async def test_large_and_strange_bodies_are_taken(case: Case, body: object) -> None:
    """Whatever a codec lets through goes in."""
    assert list(await case.sink.write([make_message("k", body)])) == [None]
    assert case.keys() == (["k"] if case.stores else [])


async def test_a_bad_record_never_takes_its_neighbours_with_it(case: Case) -> None:
    """Either it is rejected alone, or the batch is refused and its halves go in: the good ones arrive, once."""
    batch = [*make_messages(3), make_message("bad", {"text": "\ud800"}, body="\ud800"), make_message("last")]
    rejected: list[str] = []

    async def write(records: Sequence[Message]) -> None:
        try:
            answers = await case.sink.write(records)
        except SinkRefused:
            if len(records) == 1:
                rejected.append(records[0].key)
                return
            half = len(records) // 2
            await write(records[:half])
            await write(records[half:])
        else:
            rejected.extend(r.key for r, a in zip(records, answers, strict=True) if isinstance(a, Rejected))

    await write(batch)
    assert rejected == (["bad"] if case.refuses else [])
    if case.stores:
        assert sorted({*case.keys()} - {"bad"}) == ["last", "m-0", "m-1", "m-2"]
        assert len(case.keys()) == (4 if case.refuses else 5)


@pytest.mark.parametrize("kind", ["sqlite", "sqlite-by-key", "postgres", "ndjson"])
async def test_a_batch_outlives_the_sink(kind: str, tmp_path: Path, servers: StartedOnce) -> None:
    """Closed and opened again, what was accepted is there, and a redelivery is taken as before."""
    make = CASES[kind]
    case = make(tmp_path, servers)
    for rows in (5, 6):
        sink = make(tmp_path, servers).sink
        await sink.open()
        assert list(await sink.write(make_messages(rows))) == [None] * rows
        await sink.close()
    assert sorted(set(case.keys())) == [f"m-{n}" for n in range(6)]
    assert len(case.keys()) == (6 if case.transactional else 11)


PROGRAM = """
import asyncio, sys
from tests.records import make_messages
from worker.sinks.{module}.sink import {sink}

async def main():
    sink = {sink}(*sys.argv[1:])
    await sink.open()
    for number in range(100_000):
        await sink.write(make_messages(7, prefix=f"b{{number}}"))
        print(number, flush=True)

asyncio.run(main())
"""


@pytest.mark.parametrize(
    ("module", "sink"), [("sqlite", "SqliteSink"), ("postgres", "PostgresSink"), ("ndjson", "NdjsonSink")]
)
@pytest.mark.parametrize("acknowledged", [1, 13, 40])
def test_a_process_killed_at_any_moment_has_kept_what_it_accepted(
    module: str, sink: str, acknowledged: int, tmp_path: Path, pytestconfig: pytest.Config, servers: StartedOnce
) -> None:
    """A real process and a real SIGKILL: each accepted batch is there; a table holds no half of the next."""
    path = tmp_path / "killed"
    table = servers.postgres.fresh_table() if module == "postgres" else "messages"
    place = [servers.postgres.dsn, table] if module == "postgres" else [str(path)]
    command = [sys.executable, "-c", PROGRAM.format(module=module, sink=sink), *place]
    with subprocess.Popen(command, cwd=pytestconfig.rootpath, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        for _ in range(acknowledged):
            process.stdout.readline()
        process.kill()
        accepted = acknowledged + len(process.stdout.read().splitlines())
    read: dict[str, Callable[[Path], list[str]]] = {
        "sqlite": keys_in_table,
        "ndjson": keys_in_lines,
        "postgres": lambda _: servers.postgres.keys(table),
    }
    keys = read[module](path)
    assert 7 * accepted <= len(keys) <= 7 * (accepted + 1)
    assert module == "ndjson" or len(keys) % 7 == 0
    assert {f"b{batch}-{n}" for batch in range(accepted) for n in range(7)} <= set(keys)


async def test_opening_twice_is_opening_once(case: Case) -> None:
    """The pipeline opens again after an outage; nothing is written or lost by it."""
    await case.sink.write(make_messages(3))
    await case.sink.open()
    await case.sink.write(make_messages(1, prefix="again"))
    assert len(case.keys()) == (4 if case.stores else 0)
