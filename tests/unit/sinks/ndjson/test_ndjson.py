"""The NDJSON sink in trouble: full disks, torn lines, rotation, closed pipes."""

from __future__ import annotations

import fcntl
import os
import stat
import subprocess
import sys
import threading
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import orjson
import pytest

from tests.unit.sinks.files import largest_file, move, remove
from worker.errors import SinkRefused, SinkUnavailable
from worker.message import Attribute
from worker.outcome import Rejected
from worker.sinks.ndjson.lines import LineStream
from worker.sinks.ndjson.sink import NdjsonSink
from worker.testing.messages import make_message, make_messages

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "orders.ndjson"


@asynccontextmanager
async def opened(path: Path) -> AsyncIterator[NdjsonSink]:
    """An open sink, closed at the end."""
    sink = NdjsonSink(str(path))
    await sink.open()
    try:
        yield sink
    finally:
        await sink.close()


def keys_in(path: Path) -> list[str]:
    """The keys of all lines; fails on a torn one."""
    return [orjson.loads(line)["message_id"] for line in path.read_bytes().splitlines()]


def mode_of(path: Path) -> int:
    """Its permissions."""
    return stat.S_IMODE(path.stat().st_mode)


def lines_in(path: Path) -> list[bytes]:
    """All lines, torn or not."""
    return path.read_bytes().splitlines()


def append(path: Path, text: bytes) -> None:
    """What another program writes."""
    with path.open("ab") as file:
        file.write(text)


async def test_a_line_holds_every_column_and_the_decoded_body(path: Path) -> None:
    """One object a line, the body as a value, newlines inside it escaped."""
    message = make_message(
        "k", {"text": "two\nlines", "n": 1}, group_id="g", attributes={"a": Attribute("Number", "1")}
    )
    async with opened(path) as sink:
        await sink.write([message])
    (line,) = lines_in(path)
    assert orjson.loads(line) == {
        "message_id": "k",
        "body": {"text": "two\nlines", "n": 1},
        "sent_at": 1_700_000_000.125,
        "received_at": 1_700_000_001.5,
        "receive_count": 1,
        "group_id": "g",
        "attributes": {"a": {"data_type": "Number", "value": "1"}},
    }
    assert mode_of(path) == 0o600


async def test_integers_beyond_64_bits_keep_their_digits(path: Path) -> None:
    """What the codec kept exact is written exact."""
    async with opened(path) as sink:
        await sink.write([make_message(value={"n": 12345678901234567890123}, body="{}")])
    assert b'"n":12345678901234567890123' in lines_in(path)[0]


async def test_a_value_that_json_cannot_hold_is_rejected_alone(path: Path) -> None:
    """Its neighbours are written; no halving is needed."""
    bad = make_message("bad", {"text": "\ud800"}, body="{}")
    infinite = make_message("infinite", {"n": [float("inf"), 2**70]}, body="{}")
    async with opened(path) as sink:
        answers = await sink.write([make_message("a"), bad, infinite, make_message("b")])
    assert [isinstance(a, Rejected) and a.reason for a in answers] == [False, "sink-data", "sink-data", False]
    assert keys_in(path) == ["a", "b"]


async def test_a_write_cut_short_by_a_full_disk_leaves_no_torn_line(path: Path) -> None:
    """Half a batch is cut off again; with room it goes in whole."""
    batch = [make_message(f"m-{n}", {"x": "y" * 1_000}) for n in range(100)]
    async with opened(path) as sink:
        await sink.write(batch[:10])
        with largest_file(50_000), pytest.raises(SinkUnavailable, match="File too large"):
            await sink.write(batch[10:])
        assert len(keys_in(path)) == 10
        await sink.write(batch[10:])
    assert keys_in(path) == [f"m-{n}" for n in range(100)]


async def test_a_line_torn_by_a_crash_is_ended_and_kept(path: Path) -> None:
    """What is there is never destroyed, and the first new line is whole."""
    append(path, b'{"message_id":"whole"}\n{"message_id":"to')
    async with opened(path) as sink:
        await sink.write([make_message("new")])
    lines = lines_in(path)
    assert lines[:2] == [b'{"message_id":"whole"}', b'{"message_id":"to']
    assert orjson.loads(lines[2])["message_id"] == "new"
    assert len(lines) == 3


async def test_a_rotated_file_is_followed_by_a_new_one(path: Path, tmp_path: Path) -> None:
    """Renaming loses nothing and fails nothing."""
    async with opened(path) as sink:
        await sink.write([make_message("before")])
        move(path, tmp_path / "orders.1")
        await sink.write([make_message("after")])
    assert keys_in(tmp_path / "orders.1") == ["before"]
    assert keys_in(path) == ["after"]


async def test_a_deleted_file_is_made_again(path: Path) -> None:
    """Deleted between two batches, the second goes to a new file."""
    async with opened(path) as sink:
        await sink.write([make_message("before")])
        remove(path)
        await sink.write([make_message("after")])
    assert keys_in(path) == ["after"]


async def test_a_file_deleted_during_the_write_fails_it(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines that went to an unlinked file are not accepted."""
    fsync = os.fsync

    def fsync_and_lose(descriptor: int) -> None:
        fsync(descriptor)
        path.unlink()

    async with opened(path) as sink:
        monkeypatch.setattr(os, "fsync", fsync_and_lose)
        with pytest.raises(SinkUnavailable, match="was deleted"):
            await sink.write([make_message()])
        monkeypatch.undo()
        await sink.write([make_message()])
    assert keys_in(path) == ["m-1"]


async def test_a_failed_sync_is_not_an_accepted_batch(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until the disk has it, nothing may be deleted from the queue; the lines are taken back."""

    def fail(_descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    async with opened(path) as sink:
        monkeypatch.setattr(os, "fsync", fail)
        with pytest.raises(SinkUnavailable, match="Input/output error"):
            await sink.write([make_message()])
        monkeypatch.undo()
        assert keys_in(path) == []
        await sink.write([make_message()])
    assert keys_in(path) == ["m-1"]


async def test_lines_of_others_are_not_cut_off(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program without our lock appended meanwhile: then nothing is taken back."""

    def fail_after_another(_descriptor: int) -> None:
        append(path, b'{"message_id":"theirs"}\n')
        raise OSError(28, "No space left on device")

    async with opened(path) as sink:
        monkeypatch.setattr(os, "fsync", fail_after_another)
        with pytest.raises(SinkUnavailable):
            await sink.write([make_message("ours")])
    assert keys_in(path) == ["ours", "theirs"]


async def test_a_directory_that_goes_away_and_comes_back(tmp_path: Path) -> None:
    """Unavailable meanwhile, and nothing is accepted."""
    directory = tmp_path / "data"
    directory.mkdir()
    path = directory / "orders.ndjson"
    async with opened(path) as sink:
        move(directory, tmp_path / "moved")
        with pytest.raises(SinkUnavailable):
            await sink.write([make_message()])
        directory.mkdir()
        await sink.write([make_message()])
    assert keys_in(path) == ["m-1"]


async def test_two_workers_share_a_file_line_by_line(path: Path) -> None:
    """Batches of two sinks alternate and never mix."""
    async with opened(path) as one, opened(path) as two:
        for number in range(20):
            await one.write(make_messages(5, prefix=f"a{number}"))
            await two.write(make_messages(5, prefix=f"b{number}"))
    assert len(keys_in(path)) == 200


async def test_a_file_locked_by_another_worker_is_waited_for_and_then_reported(path: Path) -> None:
    """A worker that hangs with the lock does not hang this one."""
    async with opened(path) as sink:
        with path.open("ab") as other:
            fcntl.flock(other, fcntl.LOCK_EX)
            with pytest.raises(SinkUnavailable):
                await sink.write([make_message()])
        await sink.write([make_message()])
    assert keys_in(path) == ["m-1"]


@pytest.mark.parametrize("place", ["", ".", "missing/x.ndjson", "/dev/null", "pipe", "/proc/nowhere"])
async def test_a_path_that_can_never_work_is_refused_with_the_setting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """Directories, devices, pipes and missing directories: the sentence names NDJSON_PATH."""
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")
    with pytest.raises(SinkRefused, match="NDJSON_PATH"):
        await NdjsonSink(place).open()


async def test_a_full_disk_at_the_start_is_passing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An operator may make room; the settings are right."""

    def no_space(*_arguments: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "open", no_space)
    sink = NdjsonSink(str(path))
    with pytest.raises(SinkUnavailable, match="No space left"):
        await sink.open()
    monkeypatch.undo()
    await sink.open()
    await sink.close()


async def test_dash_is_standard_output(capfd: pytest.CaptureFixture[str]) -> None:
    """Lines go out on descriptor 1, which stays open."""
    sink = NdjsonSink("-")
    await sink.open()
    await sink.write(make_messages(2))
    await sink.close()
    assert [orjson.loads(line)["message_id"] for line in capfd.readouterr().out.splitlines()] == ["m-0", "m-1"]
    os.fstat(1)


PROGRAM = """
import asyncio, sys
from worker.testing.messages import make_messages
from worker.errors import SinkUnavailable
from worker.sinks.ndjson.sink import NdjsonSink

async def main():
    sink = NdjsonSink("-")
    await sink.open()
    try:
        await sink.write(make_messages(1))
    except SinkUnavailable as error:
        print(error, file=sys.stderr)

asyncio.run(main())
"""


def run_program(stdout: int, root: Path) -> bytes:
    """What it said on standard error."""
    command = [sys.executable, "-c", PROGRAM]
    return subprocess.run(command, stdout=stdout, stderr=subprocess.PIPE, check=True, cwd=root).stderr


def test_a_full_device_behind_standard_output_is_unavailable(pytestconfig: pytest.Config) -> None:
    """A real process whose output has no room keeps its messages."""
    with open("/dev/full", "wb") as full:  # noqa: PTH123 - a device
        said = run_program(full.fileno(), pytestconfig.rootpath)
    assert b"No space left on device" in said


def test_a_closed_pipe_behind_standard_output_is_unavailable(pytestconfig: pytest.Config) -> None:
    """A real process whose reader has gone keeps its messages."""
    reader, writer = os.pipe()
    os.close(reader)
    said = run_program(writer, pytestconfig.rootpath)
    os.close(writer)
    assert b"Broken pipe" in said


def test_a_stream_that_does_not_block_is_waited_for() -> None:
    """A full pipe in non-blocking mode is written to as its reader makes room."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    payload = b"x" * 1_000_000 + b"\n"
    received = bytearray()

    def read() -> None:
        while len(received) < len(payload):
            received.extend(os.read(reader, 65_536))

    thread = threading.Thread(target=read)
    thread.start()
    LineStream(writer).append(payload)
    thread.join(10)
    os.close(reader)
    os.close(writer)
    assert received == payload


def test_a_line_torn_in_a_stream_is_ended_before_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a pipe has taken cannot be taken back, so the torn line is closed."""
    reader, writer = os.pipe()
    stream = LineStream(writer)
    write = os.write
    calls: list[int] = []

    def write_three_bytes_and_break(descriptor: int, payload: memoryview) -> int:
        calls.append(descriptor)
        if len(calls) > 1:
            raise BrokenPipeError
        return write(descriptor, payload[:3])

    monkeypatch.setattr(os, "write", write_three_bytes_and_break)
    with pytest.raises(BrokenPipeError):
        stream.append(b"torn line\n")
    monkeypatch.undo()
    stream.append(b"whole line\n")
    stream.append(b"next line\n")
    os.close(writer)
    assert os.read(reader, 100) == b"tor\nwhole line\nnext line\n"
    os.close(reader)


def test_a_stream_that_nobody_reads_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader that stopped reading is an outage and not a hang."""
    monkeypatch.setattr("worker.sinks.ndjson.lines._STREAM_SECONDS", 0.0)
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with pytest.raises(TimeoutError, match="nobody reads"):
        LineStream(writer).append(b"x" * 1_000_000)
    os.close(reader)
    os.close(writer)
