"""What is written when your function fails or logs: the way through your code, and whose message it was."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import sys
from typing import TYPE_CHECKING, Any, Literal

import pytest
import structlog

from worker.errors import BatchFailed, SinkUnavailable
from worker.outcome import Retried
from worker.sinks.handler.sink import HandlerSink
from worker.telemetry.logs.logs import Logs, configure
from worker.testing.messages import make_messages

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from worker.message import Message
    from worker.sinks.handler.answers import Answer

SHOP = """
import asyncio, logging, structlog
from worker import Reject, Retry
from worker.errors import SinkUnavailable
log = logging.getLogger("shop")

def price(item):
    try:
        return {}[item]
    except KeyError as error:
        raise LookupError("no price") from error

async def fails(message):
    price("cocoa")

def fails_in_a_thread(message):
    price("cocoa")

async def handle_batch(messages):
    price("cocoa")

async def gathers(messages):
    async def one(message):
        if message is messages[1]:
            price("cocoa")
    return await asyncio.gather(*map(one, messages), return_exceptions=True)

class Odd(Exception):
    def __str__(self):
        raise SystemExit

async def odd(message):
    raise Odd

async def says(message):
    log.info("one of %d", 3, extra={"order": 7, "event": "mine", "pipeline": "theirs"})
    structlog.get_logger().warning("two", order=8)
    await asyncio.create_task(later())

async def later():
    log.info("three")

def says_in_a_thread(message):
    log.info("one")

async def says_of_many(messages):
    log.info("one")

async def on_purpose(message):
    raise {"retry": Retry(), "reject": Reject("no"), "away": SinkUnavailable("x")}[message.value["raise"]]
"""


class Place:
    """A function, and what is written about its calls."""

    def __init__(self, logs: Logs, stream: io.StringIO) -> None:
        self._logs = logs
        self._stream = stream
        self.text = ""

    async def call(self, name: str, messages: Sequence[Message]) -> Sequence[Answer]:
        """What the function *name* answers."""
        sink = HandlerSink(
            f"shop_module:{name}", timeout_seconds=60, concurrency=2, emit=self._logs.observe, pipeline="orders"
        )
        await sink.open()
        try:
            return await sink.write(messages)
        finally:
            await asyncio.sleep(0)  # what a thread has to tell comes in the loop's own time
            await sink.close()

    def lines(self) -> list[dict[str, Any]]:
        """All of them, at the end."""
        self.close()
        return [json.loads(line) for line in self.text.splitlines()]

    def close(self) -> None:
        """Write what is left."""
        self._logs.close()
        self.text = self._stream.getvalue()


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Place]]:
    (tmp_path / "shop_module.py").write_text(SHOP)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "shop_module", raising=False)
    made: list[Place] = []

    def make(level: Literal["debug", "info"] = "info", fmt: Literal["json", "pretty"] = "json") -> Place:
        stream = io.StringIO()
        made.append(Place(configure(level, fmt, stream=stream, worker_id="w"), stream))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.mark.parametrize("name", ["fails", "fails_in_a_thread"])
async def test_the_way_through_your_code_is_told_as_values(place: Callable[..., Place], name: str) -> None:
    """Your frames and no other, the innermost last, the cause behind the error; with the message that it was about."""
    here, (message,) = place(), make_messages(1)
    (answer,) = await here.call(name, [message])
    assert isinstance(answer, Retried)
    assert answer.reason == "LookupError"
    (line,) = here.lines()
    assert (line["event"], line["level"], line["pipeline"]) == ("call_failed", "warning", "orders")
    assert (line["message_id"], line["receive_count"]) == (message.id, message.receive_count)
    error, cause = line["trace"]
    assert (error["error"], cause["error"]) == ("LookupError: no price", "KeyError: 'cocoa'")
    assert [frame["function"] for frame in error["frames"]] == [name, "price"]
    assert error["frames"][-1]["code"] == 'raise LookupError("no price") from error'
    assert error["frames"][-1]["file"].endswith("shop_module.py")
    assert line["place"].endswith(f"shop_module.py:{error['frames'][-1]['line']}")


async def test_people_read_it_as_python_prints_it(place: Callable[..., Place]) -> None:
    """Line by line below the line of the log, each marked so that none can pass for another one."""
    here = place(fmt="pretty")
    await here.call("fails", make_messages(1))
    here.close()
    assert '  |   price("cocoa")' in here.text
    assert "  | LookupError: no price" in here.text
    assert "handler_call.py" not in here.text
    assert "trace=" not in here.text


async def test_what_is_said_on_purpose_is_no_failure(place: Callable[..., Place]) -> None:
    """`Retry`, `Reject` and `SinkUnavailable` have lines of their own, elsewhere."""
    here = place("debug")
    for value in ("retry", "reject", "away"):
        message = make_messages(1)[0]._replace(value={"raise": value})
        try:
            await here.call("on_purpose", [message])
        except SinkUnavailable:
            assert value == "away"
    assert here.lines() == []


async def test_a_batch_names_how_many_it_was_about(place: Callable[..., Place]) -> None:
    """It is halved afterwards, so that the last line is about the one message."""
    here, messages = place(), make_messages(3)
    with pytest.raises(BatchFailed):
        await here.call("handle_batch", messages)
    (line,) = here.lines()
    assert (line["messages"], line["message_id"]) == (3, messages[0].id)


async def test_an_error_among_the_answers_of_a_batch_is_told(place: Callable[..., Place]) -> None:
    """As `gather(return_exceptions=True)` gives it: of the one message, with its way."""
    here, messages = place(), make_messages(3)
    answers = await here.call("gathers", messages)
    assert [answer is None for answer in answers] == [True, False, True]
    (line,) = here.lines()
    assert (line["messages"], line["message_id"]) == (1, messages[1].id)
    assert line["trace"][0]["frames"][-1]["function"] == "price"


async def test_an_error_that_cannot_be_read_hurts_nobody(place: Callable[..., Place]) -> None:
    """Its text raises SystemExit: the line says so, the message is tried again."""
    here = place()
    (answer,) = await here.call("odd", make_messages(1))
    assert isinstance(answer, Retried)
    (line,) = here.lines()
    assert line["reason"] == "Odd"


@pytest.mark.parametrize("name", ["says", "says_in_a_thread"])
async def test_every_line_of_a_call_names_its_message(place: Callable[..., Place], name: str) -> None:
    """Those of `logging` and of structlog, of tasks that the call begins, in the loop and in a thread; no other."""
    here, (message,) = place(), make_messages(1)
    await here.call(name, [message])
    logging.getLogger("elsewhere").info("outside")
    *inside, outside = here.lines()
    assert len(inside) == (3 if name == "says" else 1)
    for line in inside:
        assert (line["message_id"], line["receive_count"]) == (message.id, message.receive_count)
        assert (line["pipeline"], line["worker_id"]) == ("orders", "w")
    assert "message_id" not in outside


async def test_what_extra_gave_is_kept(place: Callable[..., Place]) -> None:
    """Under its own names; those that are ours are not taken from us."""
    here = place()
    await here.call("says", make_messages(1))
    first, second, _ = here.lines()
    assert (first["event"], first["order"], first["logger"]) == ("one of 3", 7, "shop")
    assert (first["extra_event"], first["extra_pipeline"]) == ("mine", "theirs")
    assert (second["event"], second["order"], second["level"]) == ("two", 8, "warning")


async def test_lines_of_a_batch_name_its_first_messages(place: Callable[..., Place]) -> None:
    """Ten of them, and how many there are."""
    here, messages = place(), make_messages(12)
    await here.call("says_of_many", messages)
    (line,) = here.lines()
    assert line["message_ids"] == [message.id for message in messages[:10]]
    assert line["messages"] == 12


async def test_what_is_damped_keeps_its_ids_at_debug(place: Callable[..., Place]) -> None:
    """The same failure is told once in a while; who looks closely finds each message that it befell."""
    for level, told in (("debug", 3), ("info", 1)):
        here, messages = place(level), make_messages(3)
        for message in messages:
            await here.call("fails", [message])
        lines = [line for line in here.lines() if not line.get("last")]
        assert [line["message_id"] for line in lines] == [message.id for message in messages[:told]]
        assert [line["level"] for line in lines] == ["warning", "debug", "debug"][:told]


async def test_structlog_as_you_configured_it_is_left_alone(place: Callable[..., Place]) -> None:
    """Your configuration has the last word, and finds the message bound where structlog looks for it."""
    mine: list[dict[str, Any]] = []

    def keep(_: object, __: str, event: Any) -> Any:
        mine.append(dict(event))
        raise structlog.DropEvent

    structlog.configure(processors=[structlog.contextvars.merge_contextvars, keep])
    try:
        here, (message,) = place(), make_messages(1)
        await here.call("says", [message])
        assert [line["event"] for line in here.lines()] == ["one of 3", "three"]
        assert structlog.is_configured()
    finally:
        structlog.reset_defaults()
    assert [(line["event"], line["message_id"]) for line in mine] == [("two", message.id)]


def test_structlog_is_given_back() -> None:
    """After the worker's end it is as it was."""
    configure("info", "json", stream=io.StringIO(), worker_id="w").close()
    assert not structlog.is_configured()
