"""The destinations of our own sinks, each as a `Case` of the conformance suite, and what is done to them.

Takes a folder of the test and the servers, gives a case whose destination is empty.
"""

from __future__ import annotations

import fcntl
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Timer
from typing import TYPE_CHECKING, Final

import orjson

from tests.contract.dynamodb import sink_of
from tests.contract.notebook import NOTEBOOK, sign
from tests.contract.s3_place import sink_at
from tests.contract.streams import kinesis_of
from tests.system.proxy import Trouble
from tests.system.receiver import LARGEST_BYTES, Asked, Told
from worker.sinks.discard.plugin import PLUGIN as DISCARD
from worker.sinks.discard.sink import DiscardSink
from worker.sinks.dynamodb.plugin import PLUGIN as DYNAMODB
from worker.sinks.handler.plugin import PLUGIN as HANDLER
from worker.sinks.handler.sink import HandlerSink
from worker.sinks.http.plugin import PLUGIN as HTTP
from worker.sinks.http.settings import Format, HttpSettings
from worker.sinks.http.sink import HttpSink
from worker.sinks.kinesis.plugin import PLUGIN as KINESIS
from worker.sinks.ndjson.plugin import PLUGIN as NDJSON
from worker.sinks.ndjson.sink import NdjsonSink
from worker.sinks.postgres.plugin import PLUGIN as POSTGRES
from worker.sinks.postgres.sink import PostgresSink
from worker.sinks.s3.plugin import PLUGIN as S3
from worker.sinks.sqlite.plugin import PLUGIN as SQLITE
from worker.sinks.sqlite.sink import SqliteSink
from worker.sinks.sqlite.statements import BY_KEY, BY_TIME
from worker.testing.messages import make_message
from worker.testing.sinks import Case, Child

if TYPE_CHECKING:
    import pytest

    from tests.contract.conftest import StartedOnce
    from tests.system.proxy import Proxy
    from worker.sinks.sqlite.statements import Key

Maker = Callable[[Path, "StartedOnce", "pytest.MonkeyPatch"], Case]

SLOW_SECONDS: Final = 0.6
BAD: Final = make_message("bad", {"text": "\ud800"}, body='{"account": "of somebody", "text": "\ud800"}')
NO_LOCK: Final = "it is locked as a whole, never a row of it"


def sqlite(folder: Path, key: Key) -> Case:
    """A table in a file of its own."""
    path = folder / "contract.db"
    return Case(
        name="sqlite",
        make=lambda: SqliteSink(str(path), keys=[key]),
        keys=lambda: keys_in_table(path),
        guarantee=SQLITE.guarantee,
        ordered=True,
        bad=BAD,
        away=lambda: file_locked(path),
        slow=lambda: file_locked(path, SLOW_SECONDS),
        refused=lambda: SqliteSink(str(folder / "no" / "contract.db")),
        child=Child("tests.contract.destinations:sqlite_of", (str(path), key is BY_TIME)),
        cannot={"too_large": "a value may have a gigabyte, and no message is that large", "locked": NO_LOCK},
    )


def sqlite_of(path: str, by_time: bool) -> SqliteSink:  # noqa: FBT001 - as JSON carries it
    """For a process of its own."""
    return SqliteSink(path, keys=[BY_TIME if by_time else BY_KEY])


def postgres(folder: Path, servers: StartedOnce) -> Case:
    """A table of the server, by way of a network that can fail."""
    server, network = servers.postgres, servers.network
    table = "t_" + re.sub(r"\W", "_", folder.name)
    dsn = server.dsn_at(network.port)
    row = f"INSERT INTO {table} SELECT '%s', '', now(), now(), 1"

    return Case(
        name="postgres",
        make=lambda: PostgresSink(dsn, table),
        keys=lambda: server.keys(table) if server.sql(f"SELECT to_regclass('{table}')") != [""] else [],
        guarantee=POSTGRES.guarantee,
        bad=BAD,
        too_large=make_message("too-large" + "".join(map(str, range(5_000)))),
        away=lambda: _troubled(network, Trouble(refuse=True)),
        slow=lambda: _troubled(network, Trouble(latency_seconds=SLOW_SECONDS / 6)),
        locked=lambda key: server.holding(row % key),
        refused=lambda: PostgresSink(server.dsn_at(network.port, password="of somebody else"), table),
        child=Child("worker.sinks.postgres.sink:PostgresSink", (dsn, table)),
        cannot={"ordered": "a table has no order of its own"},
    )


def dynamodb(folder: Path, servers: StartedOnce) -> Case:
    """A table of the emulator, by way of a network that can fail."""
    tables, network = servers.tables, servers.way_to_tables
    table = tables.make(re.sub(r"[^\w.-]", "_", folder.name))
    url = f"http://127.0.0.1:{network.port}"
    return Case(
        name="dynamodb",
        make=lambda: sink_of(url, table),
        keys=lambda: tables.keys(table),
        guarantee=DYNAMODB.guarantee,
        bad=BAD,
        too_large=make_message("too-large", {"x": "y" * 500_000}),
        largest_body=400_000,
        away=lambda: _troubled(network, Trouble(refuse=True)),
        slow=lambda: _troubled(network, Trouble(latency_seconds=SLOW_SECONDS / 6)),
        refused=lambda: sink_of(url, f"{table}-of-nobody"),
        child=Child("tests.contract.dynamodb:sink_of", (url, table)),
        cannot={"ordered": "a table has no order of its own", "locked": "nobody can lock an item of DynamoDB"},
    )


def kinesis(folder: Path, servers: StartedOnce) -> Case:
    """A stream of one shard, by way of a network that can fail."""
    streams, network = servers.streams, servers.way_to_streams
    stream = streams.make(re.sub(r"[^\w.-]", "_", folder.name))
    url = f"http://127.0.0.1:{network.port}"
    return Case(
        name="kinesis",
        make=lambda: kinesis_of(url, stream),
        keys=lambda: streams.keys(stream),
        guarantee=KINESIS.guarantee,
        ordered=True,
        bad=BAD,
        too_large=make_message("too-large", {"x": "y" * 1_100_000}),
        away=lambda: _troubled(network, Trouble(refuse=True)),
        slow=lambda: _troubled(network, Trouble(latency_seconds=SLOW_SECONDS / 6)),
        refused=lambda: kinesis_of(url, f"{stream}-of-nobody"),
        child=Child("tests.contract.streams:kinesis_of", (url, stream)),
        cannot={"locked": "nobody can lock a record of a stream"},
        patience_seconds=60.0,  # each of the many processes that die reads the SDK's model of the service first
    )


def ndjson(folder: Path) -> Case:
    """A file of lines."""
    path = folder / "contract.ndjson"
    return Case(
        name="ndjson",
        make=lambda: NdjsonSink(str(path)),
        keys=lambda: _keys_in_lines(path),
        guarantee=NDJSON.guarantee,
        ordered=True,
        bad=BAD,
        away=lambda: _lines_locked(path),
        slow=lambda: _lines_locked(path, SLOW_SECONDS),
        refused=lambda: NdjsonSink(str(folder / "no" / "contract.ndjson")),
        child=Child("worker.sinks.ndjson.sink:NdjsonSink", (str(path),)),
        cannot={"too_large": "a line has no limit", "locked": NO_LOCK},
    )


def handler(folder: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> Case:
    """A function that writes into a file."""
    path = folder / "notebook"
    monkeypatch.setenv(NOTEBOOK, str(path))
    limits = {"timeout_seconds": 60, "concurrency": 2}
    function = f"tests.contract.notebook.{name}"
    return Case(
        name=name,
        make=lambda: HandlerSink(function, timeout_seconds=60, concurrency=2),
        keys=lambda: path.read_text().splitlines() if path.exists() else [],
        guarantee=HANDLER.guarantee,
        ordered=True,
        bad=BAD,
        away=lambda: _signed("away"),
        slow=lambda: _signed("slow"),
        locked=lambda key: _signed("locked", key),
        refused=lambda: HandlerSink(f"{function}_of_nobody", timeout_seconds=60, concurrency=2),
        child=Child("worker.sinks.handler.sink:HandlerSink", (function,), limits),
        cannot={"too_large": "a function has no limits but those it sets itself"},
    )


def http(servers: StartedOnce, form: Format) -> Case:
    """A service that keeps what it accepted, in order."""
    service = servers.receiver
    service.keys.clear()
    large = "x" * (LARGEST_BYTES + 1)

    @contextmanager
    def answering(answer: Callable[[Asked], Told]) -> Iterator[None]:
        service.answer = answer
        yield
        service.answer = service.take

    @contextmanager
    def locked(key: str) -> Iterator[None]:
        service.locked.add(key)
        yield
        service.locked.clear()

    def slowly(asked: Asked) -> Told:
        return replace(service.take(asked), after_seconds=SLOW_SECONDS)

    refused = service.url.replace("orders", "forbidden")
    return Case(
        name=f"http-{form}",
        make=lambda: http_of(service.url, form),
        keys=lambda: service.keys,
        guarantee=HTTP.guarantee,
        ordered=True,
        bad=BAD,
        too_large=make_message("too-large", {"text": large}, body=large),
        away=lambda: answering(lambda _: Told(503)),
        slow=lambda: answering(slowly),
        locked=locked,
        refused=lambda: http_of(service.url, form, refused),
        child=None if form == "single" else Child("tests.contract.destinations:http_of", (service.url, form)),
        cannot={"child": "it dies as with batches"} if form == "single" else {},
    )


def http_of(url: str, form: Format, check_url: str | None = None) -> HttpSink:
    """For a process of its own."""
    return HttpSink(HttpSettings(url=url, format=form, check_url=check_url, compression="none"), connections=4)


def s3(folder: Path, servers: StartedOnce) -> Case:
    """A bucket."""
    store, bucket = servers.store, re.sub(r"[^a-z0-9]", "-", folder.name.lower())[:50].strip("-")
    store.client.create_bucket(Bucket=bucket)

    @contextmanager
    def in_mood(**mood: object) -> Iterator[None]:
        for name, value in mood.items():
            setattr(store, name, value)
        try:
            yield
        finally:
            store.away, store.pause_seconds = False, 0.0

    return Case(
        name="s3",
        make=lambda: sink_at(store.url, bucket),
        keys=lambda: store.keys(bucket),
        guarantee=S3.guarantee,
        bad=BAD,
        away=lambda: in_mood(away=True),
        slow=lambda: in_mood(pause_seconds=SLOW_SECONDS),
        refused=lambda: sink_at(store.url, f"{bucket}-of-nobody"),
        child=Child("tests.contract.s3_place:sink_at", (store.url, bucket)),
        cannot={
            "ordered": "a bucket has no order of its own; a file has that of its batch",
            "too_large": "a file of one message is far from any limit",
            "locked": "nothing of a bucket can be held",
        },
    )


def discard() -> Case:
    """Nowhere."""
    nowhere = dict.fromkeys(
        ("ordered", "bad", "too_large", "away", "slow", "locked", "refused", "child"), "there is no destination"
    )
    return Case(name="discard", make=DiscardSink, keys=list, guarantee=DISCARD.guarantee, cannot=nowhere)


CASES: Final[dict[str, Maker]] = {
    "sqlite": lambda folder, *_: sqlite(folder, BY_TIME),
    "sqlite-by-key": lambda folder, *_: sqlite(folder, BY_KEY),
    "postgres": lambda folder, servers, _: postgres(folder, servers),
    "dynamodb": lambda folder, servers, _: dynamodb(folder, servers),
    "kinesis": lambda folder, servers, _: kinesis(folder, servers),
    "ndjson": lambda folder, *_: ndjson(folder),
    "handler": lambda folder, _, patch: handler(folder, "handle", patch),
    "handler-batch": lambda folder, _, patch: handler(folder, "handle_batch", patch),
    "http": lambda _, servers, __: http(servers, "json"),
    "http-single": lambda _, servers, __: http(servers, "single"),
    "discard": lambda *_: discard(),
    "s3": lambda folder, servers, _: s3(folder, servers),
}


def keys_in_table(path: Path) -> list[str]:
    if not path.exists():
        return []
    with closing(sqlite3.connect(path)) as connection:
        return [key for (key,) in connection.execute("SELECT message_id FROM messages ORDER BY rowid")]


def _keys_in_lines(path: Path) -> list[str]:
    if not path.exists():
        return []
    return [orjson.loads(line)["message_id"] for line in path.read_bytes().split(b"\n")[:-1]]


@contextmanager
def _troubled(network: Proxy, trouble: Trouble) -> Iterator[None]:
    """The network does as *trouble* says, also to the connections that there are."""
    network.behave(trouble)
    if trouble.refuse:
        network.reset()
    try:
        yield
    finally:
        network.heal()


@contextmanager
def file_locked(path: Path, seconds: float | None = None) -> Iterator[None]:
    """Somebody else is in the database for *seconds*, or as long as the block lasts."""
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        with _over_after(seconds, lambda: connection.execute("ROLLBACK")):
            yield


@contextmanager
def _lines_locked(path: Path, seconds: float | None = None) -> Iterator[None]:
    """Somebody else holds the lock of the file for *seconds*, or as long as the block lasts."""
    with path.open("ab") as lines:
        fcntl.flock(lines, fcntl.LOCK_EX)
        with _over_after(seconds, lambda: fcntl.flock(lines, fcntl.LOCK_UN)):
            yield


@contextmanager
def _over_after(seconds: float | None, end: Callable[[], object]) -> Iterator[None]:
    timer = Timer(seconds or 0.0, end)
    if seconds is not None:
        timer.start()
    yield
    if seconds is None:
        end()
    else:
        timer.join()


@contextmanager
def _signed(matter: str, words: str = "") -> Iterator[None]:
    sign(matter).write_text(words)
    yield
    sign(matter).unlink()
