"""The hostile corpus, B01-B44, through codec, key and SQLite: one expected outcome each, no stall, no growth."""

from __future__ import annotations

import gc
import json
import random
import socket
import sqlite3
import time
from contextlib import closing
from random import Random
from typing import TYPE_CHECKING, Final, NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.corpus.line import SIBLING, delivery, opened
from tests.unit.corpus.rows import ELSEWHERE, MIB, ROWS, Row
from worker.codecs.codec import Reason
from worker.codecs.registry import make_codec
from worker.errors import DecodeError
from worker.loopback.in_memory import MemoryQueue
from worker.loopback.service import LoopbackSqs
from worker.message import Attribute, Delivery, Outgoing
from worker.outcome import DONE, Rejected
from worker.pipeline.backoff import Backoff
from worker.pipeline.deadletter import CONTEXT, DeadLetters
from worker.pipeline.deduplication import make_key
from worker.pipeline.holding import Holding
from worker.pipeline.lanes import Lanes
from worker.pipeline.life import Life
from worker.pipeline.sizing import BatchSettings, Sizing
from worker.sqs.queue import OK, EntryFailed
from worker.telemetry.logs.redact import plain
from worker.telemetry.metrics.ages import Ages

if TYPE_CHECKING:
    from pathlib import Path

STALL_SECONDS: Final = 0.25
GROWTH_BYTES: Final = 64 * MIB
GROUPS: Final = 20_000
REASONS: Final = set(Reason)


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing that a message says makes us look anything up."""

    def refuse(*_: object) -> NoReturn:
        raise AssertionError("a message made us connect")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def test_every_row_of_the_corpus_is_here() -> None:
    """Forty-four ids, each in the table or with a test of its own that exists."""
    assert {row.id for row in ROWS} | set(ELSEWHERE) == {f"B{number:02}" for number in range(1, 45)}
    assert set(ELSEWHERE.values()) <= set(globals())


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize("row", ROWS, ids=str)
async def test_each_row_has_its_one_outcome_and_its_neighbour_is_stored(row: Row, tmp_path: Path) -> None:
    """Done and literally in the table, or rejected with its reason; below 250 ms of CPU and 64 MiB each."""
    async with opened(tmp_path / "m.sqlite", codec=row.codec, key=row.key) as line:
        good = delivery(SIBLING, "good")
        gc.collect()
        began = time.process_time()
        outcomes = await line.handle([delivery(row.body), good])
        spent = time.process_time() - began
        peak = line.peak_bytes(row.body)
    assert outcomes["good"] is DONE
    outcome = outcomes["hostile"]
    if row.reason is None:
        assert outcome is DONE
        assert line.rows() == [row.body, SIBLING]
        assert line.rows("message_id")[0] == (row.stored_key or "hostile")
    else:
        assert isinstance(outcome, Rejected)
        assert outcome.reason == row.reason
        assert plain(outcome.detail) == outcome.detail
        assert len(outcome.detail) < 200
        assert line.rows() == [SIBLING]
    assert spent < STALL_SECONDS
    assert peak < GROWTH_BYTES


@given(st.text(max_size=200), st.sampled_from(["json", "text"]), st.sampled_from([None, "id", "a.b"]))
def test_any_text_is_done_or_rejected_with_a_reason_of_the_closed_set(body: str, codec: str, key: str | None) -> None:
    """Nothing but DecodeError comes out of codec and key, and what is accepted can be written as UTF-8."""
    sent = Delivery("id-1", "handle", body, 0.0, 0.0, 1, 0.0)
    refused, found = None, ""
    try:
        found = make_key(key)(make_codec(codec).decode(body), sent)
    except DecodeError as error:
        refused = error
    if refused is None:
        assert found.encode()
        assert body.encode().decode() == body
    else:
        assert refused.reason in REASONS
        assert len(refused.detail) < 600


async def test_b17_the_limit_is_the_queue_s_own() -> None:
    """A queue for 2 KiB takes exactly that and no byte more, for good; ours is read from it and not written down."""
    sqs = LoopbackSqs(rng=random.Random(0))
    sqs.create_queue("small", {"MaximumMessageSize": "2048"})
    queue = MemoryQueue(sqs, "small")
    assert (await queue.attributes()).max_message_bytes == 2_048
    fitting, larger = await queue.send([Outgoing("x" * 2_048), Outgoing("x" * 2_049)])
    assert fitting is OK
    assert isinstance(larger, EntryFailed)
    assert not larger.retry


async def test_b18_a_row_that_the_table_refuses_is_rejected_alone(tmp_path: Path) -> None:
    """A stricter table of somebody's own: too long, and nothing where something must be; the neighbours commit."""
    file = tmp_path / "m.sqlite"
    with closing(sqlite3.connect(file)) as maker:
        maker.execute(
            "CREATE TABLE messages (message_id TEXT NOT NULL PRIMARY KEY, body TEXT NOT NULL CHECK (length(body) < 50),"
            " sent_at REAL NOT NULL, received_at REAL NOT NULL, receive_count INTEGER NOT NULL,"
            " group_id TEXT CHECK (group_id <> 'none'), attributes TEXT)"
        )
    async with opened(file) as line:
        outcomes = await line.handle(
            [
                delivery(SIBLING, "before"),
                delivery('{"a":"' + "x" * 60 + '"}', "long"),
                delivery(SIBLING, "between"),
                delivery(SIBLING, "grouped", group_id="none"),
                delivery(SIBLING, "after"),
            ]
        )
    refused = {name: outcome.reason for name, outcome in outcomes.items() if isinstance(outcome, Rejected)}
    assert refused == {"long": "sink-data", "grouped": "sink-data"}
    assert line.rows("message_id") == ["before", "between", "after"]


@pytest.mark.usefixtures("no_network")
async def test_b20_no_message_chooses_a_table(tmp_path: Path) -> None:
    """Routing by content is not part of the worker: after every hostile name there is the one table."""
    hostile = ['{"table":"owned; DROP TABLE messages"}', '{"sink":"owned","column":"body\\" --"}']
    async with opened(tmp_path / "m.sqlite") as line:
        await line.handle([delivery(body, f"m{number}") for number, body in enumerate(hostile)])
    with closing(sqlite3.connect(line.file)) as reader:
        assert reader.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall() == [("messages",)]
    assert line.rows() == hostile


async def test_b38_a_crafted_handle_is_carried_and_never_read(tmp_path: Path) -> None:
    """Handles are opaque: one with an extended client's markers in it is like any other."""
    crafted = "-..s3BucketName..-theirs-..s3BucketName..--..s3Key..-secret-..s3Key..-handle"
    held = delivery(SIBLING, receipt_handle=crafted)
    async with opened(tmp_path / "m.sqlite") as line:
        assert await line.handle([held]) == {"hostile": DONE}
    assert held.receipt_handle == crafted
    assert line.rows() == [SIBLING]


def ugly_attributes() -> dict[str, Attribute]:
    """Ten: the most that a message may have."""
    return {
        "n" * 256: Attribute("String", "longest name"),
        "raw": Attribute("Binary.png", b"\x00\xff\x1b[31m"),
        "huge": Attribute("Number", "1e400"),
        "line": Attribute("String", "a\r\nINFO forged"),
        "awsome.not-reserved": Attribute("String", "'); DROP TABLE messages; --"),
        **{f"a{number}": Attribute("Number.int", str(number)) for number in range(5)},
    }


async def letters_of(held: Delivery, *, body_reason: str = "decode") -> tuple[Delivery, dict[str, object]]:
    """What lies in the dead-letter queue after *held* was rejected: the letter, and its context."""
    sqs = LoopbackSqs(rng=random.Random(0))
    sqs.create_queue("dead", {})
    queue = MemoryQueue(sqs, "dead")
    letters = DeadLetters(queue, source="orders", worker="w", fifo=False, emit=lambda _: None, pipeline="p")
    assert await letters.send([(held, Rejected(body_reason, "why"))]) == {held.message_id}
    (letter,) = await queue.receive(10, 0)
    context = letter.attributes.get(CONTEXT)
    return letter, json.loads(context.value) if context else {}


async def test_b39_ten_ugly_attributes_are_stored_and_fit_into_the_dead_letter(tmp_path: Path) -> None:
    """Each is in the row; in the letter one makes room for the context, and is in there with its type and value."""
    attributes = ugly_attributes()
    assert len(attributes) == 10
    async with opened(tmp_path / "m.sqlite") as line:
        reserved = delivery(SIBLING, "reserved", attributes={"AWS.x": Attribute("String", "y")})
        assert set((await line.handle([delivery(SIBLING, attributes=attributes), reserved])).values()) == {DONE}
    stored = json.loads(str(line.rows("attributes")[0]))
    assert set(stored) == set(attributes)
    assert stored["huge"] == {"data_type": "Number", "value": "1e400"}
    letter, context = await letters_of(delivery("no json", attributes=attributes))
    assert len(letter.attributes) == 10
    displaced = context["displaced_attributes"]
    assert isinstance(displaced, dict)
    assert {name: one for name, one in letter.attributes.items() if name != CONTEXT} == {
        name: one for name, one in attributes.items() if name not in displaced
    }
    assert {name: Attribute(*one) for name, one in displaced.items()} == {name: attributes[name] for name in displaced}


@pytest.mark.parametrize("others", [0, 5, 9])
async def test_b40_a_forged_dead_letter_attribute_is_replaced_by_ours(others: int) -> None:
    """The sender's reason is not in the letter, wherever there is room and where there is none; nor is it believed."""
    forged = Attribute("String", '{"reason":"forged","attempts":999}')
    attributes = {CONTEXT: forged, **{f"a{number}": Attribute("String", "x") for number in range(others)}}
    letter, context = await letters_of(delivery("no json", attributes=attributes))
    assert (context["reason"], context["attempts"]) == ("decode", 1)
    assert len(letter.attributes) == 1 + others
    size = MIB - len(CONTEXT) - len("String") - len(str(forged.value))
    full, context = await letters_of(delivery("x" * size, attributes={CONTEXT: forged}))
    assert forged not in full.attributes.values()
    assert context == {}


async def test_b41_a_bad_trace_context_is_an_attribute_like_any_other(tmp_path: Path) -> None:
    """Tracing is not part of the worker: garbage and eight kilobytes are stored, and nothing is made of them."""
    traces = {"traceparent": Attribute("String", "00-zz-\x7f"), "tracestate": Attribute("String", "x=" + "y" * 8_192)}
    async with opened(tmp_path / "m.sqlite") as line:
        assert await line.handle([delivery(SIBLING, attributes=traces)]) == {"hostile": DONE}
    stored = json.loads(str(line.rows("attributes")[0]))
    assert {name: one["value"] for name, one in stored.items()} == {name: one.value for name, one in traces.items()}


async def test_b42_groups_leave_nothing_behind(tmp_path: Path) -> None:
    """Twenty thousand groups, each with all the punctuation that SQS allows in 128 characters: no lane is left."""
    sizing = Sizing(BatchSettings(max_rows=500, max_bytes=10_000_000, max_wait_seconds=0.0))
    holding = Holding(max_messages=500, max_bytes=1, backoff=Backoff(1, 1, Random(1)))
    lanes = Lanes(
        sizing,
        holding,
        life=Life(emit=lambda _: None, pipeline="test"),
        settle=lambda _: None,
        rested=lambda: None,
        emit=lambda _: None,
        pipeline="test",
    )
    punctuation = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
    resolved = 0
    for first in range(0, GROUPS, 500):
        names = [f"{number:06}{punctuation}".ljust(128, "g") for number in range(first, first + 500)]
        assert lanes.put([delivery(SIBLING, name, group_id=name) for name in names]) == []
        while resolved < first + 500:
            batch = await lanes.take()
            lanes.decided([(one, DONE) for one in batch])
            lanes.departed(batch, "deleted", [])
            resolved += len(batch)
    assert len(lanes._groups) == 0
    assert len(lanes) == 0
    async with opened(tmp_path / "m.sqlite") as line:
        await line.handle([delivery(SIBLING, group_id=punctuation)])
    assert line.rows("group_id") == [punctuation]


async def test_b43_of_two_bodies_with_one_key_the_first_stays(tmp_path: Path) -> None:
    """First writer wins, in one batch and across batches; both are done, as the sink's docstring says."""
    async with opened(tmp_path / "m.sqlite", key="id") as line:
        both = [delivery('{"id":"k","n":1}', "one"), delivery('{"id":"k","n":2}', "two")]
        assert await line.handle(both) == {"one": DONE, "two": DONE}
        assert await line.handle([delivery('{"id":"k","n":3}', "three")]) == {"three": DONE}
    assert line.rows() == ['{"id":"k","n":1}']


@pytest.mark.parametrize(
    "sent_at",
    [0.0, -62_135_596_800.0, 3_093_527_980_800.0, time.time() + 86_400],
    ids=["epoch", "year 0", "year 99999", "tomorrow"],
)
async def test_b44_impossible_times_of_sending_are_stored_and_no_age_is_negative(
    sent_at: float, tmp_path: Path
) -> None:
    """The year 0, 99999 and tomorrow: rows like any other, and a histogram whose sum does not fall; 0 is no time."""
    async with opened(tmp_path / "m.sqlite") as line:
        assert await line.handle([delivery(SIBLING, sent_at=sent_at)]) == {"hostile": DONE}
    assert line.rows("sent_at") == [sent_at]
    ages = Ages("age", "age")
    ages.add("p", (sent_at,), time.time())
    (family,) = ages.collect()
    sums = [sample.value for sample in family.samples if sample.name == "age_sum"]
    assert len(sums) == (sent_at != 0)
    assert all(value >= 0 for value in sums)
    assert all(sample.value in {0.0, 1.0} for sample in family.samples if sample.name == "age_bucket")


async def test_an_outcome_arrives_for_every_row_of_one_batch(tmp_path: Path) -> None:
    """All rows of the json codec in one batch: each has the outcome that it has alone, so none hides another's."""
    rows = [row for row in ROWS if row.codec == "json" and row.key is None and len(row.body) < 100_000]
    async with opened(tmp_path / "m.sqlite") as line:
        outcomes = await line.handle([delivery(row.body, f"{at}") for at, row in enumerate(rows)])
    reasons = {at: getattr(outcomes[f"{at}"], "reason", None) for at in range(len(rows))}
    assert reasons == {at: row.reason for at, row in enumerate(rows)}
    assert line.rows() == [row.body for row in rows if row.reason is None]
