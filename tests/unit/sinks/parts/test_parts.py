"""What a part holds in each format, read back by the format's own library, and what its name is made of."""

from __future__ import annotations

import asyncio
import gzip
import io
import sys
from typing import TYPE_CHECKING, Any, Final

import fastavro
import orjson
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet
from zstandard import ZstdDecompressor

from worker.demo.orders import order
from worker.message import Attribute
from worker.outcome import Rejected
from worker.sinks.columns import COLUMNS
from worker.sinks.parts.encoders import encoder_of
from worker.sinks.parts.part import make_part
from worker.sinks.threads import Threads
from worker.testing.messages import make_message, make_messages

if TYPE_CHECKING:
    from collections.abc import Callable

    from worker.message import Message
    from worker.sinks.parts.part import Compression, Format

Rows = list[dict[str, Any]]


def lines(data: bytes) -> Rows:
    return [orjson.loads(line) for line in data.splitlines()]


def of_avro(data: bytes) -> Rows:
    return [dict(row) for row in fastavro.reader(io.BytesIO(data)) if isinstance(row, dict)]


def of_parquet(data: bytes) -> Rows:
    rows: Rows = parquet.read_table(pa.BufferReader(data)).to_pylist()
    return rows


READERS: Final[dict[tuple[Format, Compression], Callable[[bytes], Rows]]] = {
    ("ndjson", "gzip"): lambda data: lines(gzip.decompress(data)),
    ("ndjson", "zstd"): lambda data: lines(ZstdDecompressor().decompress(data)),
    ("ndjson", "none"): lines,
    ("parquet", "gzip"): of_parquet,
    ("parquet", "zstd"): of_parquet,
    ("parquet", "none"): of_parquet,
    ("avro", "gzip"): of_avro,
    ("avro", "zstd"): of_avro,
    ("avro", "none"): of_avro,
}
ATTRIBUTES: Final = {"source": Attribute("String", "shöp"), "raw": Attribute("Binary", b"\0\xff")}
SURROGATE: Final = make_message("bad", {"text": "\ud800"}, body='{"text": "\ud800"}')


@pytest.fixture(params=READERS, ids="-".join)
def way(request: pytest.FixtureRequest) -> tuple[Format, Compression]:
    chosen: tuple[Format, Compression] = request.param
    return chosen


def test_what_is_written_is_read_back(way: tuple[Format, Compression]) -> None:
    """Seven columns for each message in the order of the batch, by a reader that is not ours."""
    messages = [make_message(f"k-{n}", order(n), group_id="g" if n % 2 else None) for n in range(300)]
    messages[7] = messages[7]._replace(attributes=ATTRIBUTES)
    part = make_part(messages, encoder_of(*way))
    rows = READERS[way](part.data)
    assert (part.rows, part.answers) == (300, [None] * 300)
    assert [row["message_id"] for row in rows] == [message.key for message in messages]
    assert all(tuple(row) == COLUMNS for row in rows)
    assert [row["group_id"] for row in rows[:2]] == [None, "g"]
    moment, body, attributes = rows[7]["sent_at"], rows[7]["body"], rows[7]["attributes"]
    if way[0] == "ndjson":
        assert (moment, body) == (1_700_000_000.125, order(7))
    else:
        assert (moment.timestamp(), body) == (1_700_000_000.125, messages[7].body)
        attributes = orjson.loads(attributes)
    assert attributes["source"] == {"data_type": "String", "value": "shöp"}
    assert rows[8]["attributes"] is None


def test_one_bad_record_in_five_hundred_is_rejected_alone(way: tuple[Format, Compression]) -> None:
    """What is no Unicode is in no file of these; 499 are, and the reason quotes nothing."""
    good = make_messages(499)
    part = make_part([*good[:250], SURROGATE, *good[250:]], encoder_of(*way))
    (rejected,) = [answer for answer in part.answers if answer]
    assert part.answers[250] is rejected
    assert isinstance(rejected, Rejected)
    assert (rejected.reason, "text" in rejected.detail) == ("sink-data", False)
    assert [row["message_id"] for row in READERS[way](part.data)] == [message.key for message in good]


def test_a_key_stands_in_a_part_once(way: tuple[Format, Compression]) -> None:
    """SQS may deliver one twice in a receive: both are accepted, the first is kept, a bad one keeps no place."""
    first, second = make_message("same", {"n": 1}), make_message("same", {"n": 2})
    bad = SURROGATE._replace(key="other")
    part = make_part([first, second, bad, make_message("other")], encoder_of(*way))
    assert [answer is None for answer in part.answers] == [True, True, False, True]
    assert [row["message_id"] for row in READERS[way](part.data)] == ["same", "other"]
    assert part.name == make_part([first, make_message("other")], encoder_of(*way)).name


def test_the_same_messages_make_the_same_file(way: tuple[Format, Compression]) -> None:
    """Byte for byte: nothing of the time at which it is made, and no chance, is in it."""
    messages = make_messages(100)
    assert make_part(messages, encoder_of(*way)).data == make_part(messages, encoder_of(*way)).data


def test_nothing_that_can_be_held_is_no_file() -> None:
    """An empty file would be put for nothing."""
    part = make_part([SURROGATE], encoder_of("ndjson"))
    assert (part.data, part.rows) == (b"", 0)


@given(st.permutations(range(8)), st.floats(0, 1e9), st.integers(1, 9))
def test_a_name_is_that_of_what_was_sent(order: list[int], received_at: float, receive_count: int) -> None:
    """However often and whenever it was received, in whatever order."""
    sent = make_messages(8)
    again = [sent[n]._replace(received_at=received_at, receive_count=receive_count) for n in order]
    assert name_of(again) == name_of(sent)


@pytest.mark.parametrize("change", [{"key": "x"}, {"id": "x"}, {"body": "{}"}])
def test_another_batch_has_another_name(change: dict[str, str]) -> None:
    """Else its rows would be taken for those that are there: fewer, more, or one with another key, id or body."""
    sent = make_messages(8)
    other = [sent[0]._replace(**change), *sent[1:]]  # type: ignore[arg-type]  # texts, as the fields are
    assert len({name_of(sent), name_of(other), name_of(sent[1:]), name_of([*sent, make_message("new")])}) == 4


def name_of(messages: list[Message]) -> str:
    return make_part(messages, encoder_of("ndjson", "none")).name


@pytest.mark.parametrize("kind", ["ndjson", "parquet", "avro"])
async def test_the_loop_goes_on_while_a_file_is_made(kind: Format) -> None:
    """20,000 rows in a thread, five times: the loop, which renews leases, has its turns all the while.

    Five files, since a scheduler may give a thread a tenth of a second at a time, which is most of one file.
    """
    messages = [make_message(f"k-{n}", order(n)) for n in range(20_000)]
    encoder, threads, stood = encoder_of(kind), Threads(1, name="parts"), list[float]()
    now = asyncio.get_running_loop().time
    began = now()

    def five_files() -> list[int]:
        return [make_part(messages, encoder).rows for _ in range(5)]

    making = asyncio.ensure_future(threads.run(five_files))
    while not making.done():
        before = now()
        await asyncio.sleep(0.001)
        stood.append(now() - before)
    threads.stop()
    assert await making == [20_000] * 5
    assert len(stood) >= 5
    assert max(stood) < (now() - began) / 2


@pytest.mark.parametrize(
    ("library", "kind", "compression"),
    [("pyarrow", "parquet", None), ("fastavro", "avro", None), ("zstandard", "ndjson", "zstd")],
)
def test_a_library_is_needed_by_its_format_alone(
    monkeypatch: pytest.MonkeyPatch, library: str, kind: Format, compression: Compression | None
) -> None:
    """Without it the others work, and this one is an ImportError, which the worker makes a sentence of."""
    monkeypatch.setitem(sys.modules, library, None)
    for module in ("worker.sinks.parts.parquet", "worker.sinks.parts.avro"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    assert encoder_of("ndjson").suffix == ".ndjson.gz"
    with pytest.raises(ImportError):
        encoder_of(kind, compression)
