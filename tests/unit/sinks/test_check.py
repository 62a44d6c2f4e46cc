"""A check of a sink proves what a start would, and leaves nothing behind."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from worker.errors import SinkRefused
from worker.sinks.ndjson.sink import NdjsonSink
from worker.sinks.sink import Checkable
from worker.sinks.sqlite.sink import SqliteSink
from worker.testing.messages import make_messages

if TYPE_CHECKING:
    from pathlib import Path


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


SINKS = [SqliteSink, NdjsonSink]


@pytest.mark.parametrize("make", SINKS)
async def test_what_is_missing_is_not_made(make: type[SqliteSink | NdjsonSink], tmp_path: Path) -> None:
    """No file, no table; the words say that it can be made."""
    sink = make(str(tmp_path / "rows"))
    assert isinstance(sink, Checkable)
    assert await sink.check() == f"{tmp_path / 'rows'} can be made"
    await sink.close()
    assert files(tmp_path) == {}


@pytest.mark.parametrize("make", SINKS)
async def test_what_is_there_stays_as_it_is(make: type[SqliteSink | NdjsonSink], tmp_path: Path) -> None:
    """A row is tried and taken back: the file is the same, byte for byte, and nothing stands beside it."""
    path = tmp_path / "rows"
    sink = make(str(path))
    await sink.open()
    await sink.write(make_messages(3))
    await sink.close()
    before = files(tmp_path)
    again = make(str(path))
    assert str(path) in await again.check()
    assert "can be made" not in await again.check()
    await again.close()
    assert files(tmp_path) == before
    assert set(before) == {"rows"}


@pytest.mark.parametrize("make", SINKS)
async def test_a_folder_that_is_missing_is_refused(make: type[SqliteSink | NdjsonSink], tmp_path: Path) -> None:
    """As a start would, with the setting to change."""
    sink = make(str(tmp_path / "no" / "rows"))
    with pytest.raises(SinkRefused, match="_PATH to a file in a directory"):
        await sink.check()
    await sink.close()


async def test_a_database_without_the_table_does_not_get_it(tmp_path: Path) -> None:
    """Somebody else's database is not changed by a look at it, whether or not it keeps a write-ahead log."""
    path = tmp_path / "theirs"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    sink = SqliteSink(str(path))
    assert await sink.check() == f"{path} takes rows in table messages"
    await sink.close()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("theirs",)]
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)


async def test_a_table_that_takes_no_messages_is_refused(tmp_path: Path) -> None:
    """A check that cannot fail would be none."""
    path = tmp_path / "theirs"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE messages (x)")
    sink = SqliteSink(str(path))
    with pytest.raises(SinkRefused, match="cannot take messages"):
        await sink.check()
    await sink.close()
