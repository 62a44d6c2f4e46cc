"""What is written, in which words, and what never is."""

from __future__ import annotations

import io
import json
import logging
import os
import threading
import warnings
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.facts import (
    BatchWritten,
    Fact,
    MessageRejected,
    MessagesReceived,
    PerformanceReported,
    ReceiveFailed,
    SettleFailed,
    SinkLost,
    WorkerStarted,
    WorkerStopping,
)
from worker.telemetry.logs.lines import LineWriter
from worker.telemetry.logs.logs import configure, readable
from worker.telemetry.logs.redact import MASK, TEXT_CHARACTERS, Redactor, plain
from worker.telemetry.report import KEYS

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.telemetry.conftest import Clock
    from worker.facts import Level
    from worker.telemetry.logs.logs import Format, Logs

CANARY = "cAnArY/sEcReT+0123456789"


class Written(io.StringIO):
    """A stream in memory that can pretend to be a terminal."""

    def __init__(self, *, tty: bool = False) -> None:
        super().__init__()
        self._tty = tty

    def isatty(self) -> bool:
        """As it was told."""
        return self._tty

    @property
    def objects(self) -> list[dict[str, Any]]:
        """Each line as the JSON object it must be."""
        return [json.loads(line) for line in self.getvalue().splitlines()]


def logging_to(stream: Written, level: Level = "info", fmt: Format = "json", **more: Any) -> Logs:
    return configure(level, fmt, stream=stream, worker_id="w-1", **more)


def failed(code: str = "InternalError", detail: str = "") -> ReceiveFailed:
    return ReceiveFailed("orders", code=code, detail=detail, retry_in=1.0)


def rejected(reason: str) -> MessageRejected:
    return MessageRejected("orders", "m-1", reason, "", receive_count=3, dead_lettered=True)


def test_a_fact_is_one_json_object_with_its_fields() -> None:
    """Event, level, time, worker and the fact's own fields, flat, in that order."""
    stream = Written()
    logs = logging_to(stream)
    logs.observe(SinkLost("orders", code="OperationalError", detail="disk full"))
    logs.close()
    (line,) = stream.objects
    assert list(line)[:4] == ["timestamp", "level", "event", "worker_id"]
    assert line["timestamp"].endswith("Z")
    assert list(line.values())[1:4] == ["error", "sink_lost", "w-1"]
    assert list(line.items())[4:] == [("pipeline", "orders"), ("code", "OperationalError"), ("detail", "disk full")]


def test_every_fact_can_be_logged(every_kind: list[type[Fact]], make: Callable[[type[Fact]], Fact]) -> None:
    """At debug each fact gives exactly one line, and none holds the times of single messages."""
    stream = Written()
    logs = logging_to(stream, "debug")
    for kind in every_kind:
        logs.observe(make(kind))
    logs.close()
    assert len(stream.objects) == len(every_kind)
    assert not any("sent_at" in line for line in stream.objects)
    assert logs.dropped == 0


def test_the_level_holds_back_what_is_below_it() -> None:
    """The course of the day is not written at info."""
    stream = Written()
    logs = logging_to(stream)
    logs.observe(MessagesReceived("orders", asked=10, count=3, bytes=1, seconds=0.1))
    logs.observe(BatchWritten("orders", 1, 1, 1, 0.1, 0.1, 1, (1.0,), 2.0))
    logs.observe(WorkerStarted("w-1", "1", ("orders",), ""))
    logs.close()
    assert [line["event"] for line in stream.objects] == ["worker_started"]


def test_the_same_trouble_is_said_once_per_interval(clock: Clock) -> None:
    """A storm gives a line in ten seconds, and the next one says how much was left out."""
    stream = Written()
    logs = logging_to(stream, clock=clock)
    for _ in range(100):
        logs.observe(failed())
    clock.now += 9.9
    logs.observe(failed())
    clock.now += 0.2
    logs.observe(failed())
    logs.close()
    assert [line.get("suppressed") for line in stream.objects] == [None, 100]


def test_different_troubles_are_each_said(clock: Clock) -> None:
    """Another code, another reason, or a failure that became final is not hidden by one that was said."""
    stream = Written()
    logs = logging_to(stream, clock=clock)
    for fact in (
        *(failed("A"), failed("B"), rejected("decode"), rejected("depth")),
        SettleFailed("orders", "delete", "X", 1, final=False),
        SettleFailed("orders", "delete", "X", 1, final=True),
    ):
        logs.observe(fact)
    logs.close()
    assert len(stream.objects) == 6


def test_what_was_suppressed_is_said_at_the_end(clock: Clock) -> None:
    """No suppressed line is forgotten at close."""
    stream = Written()
    logs = logging_to(stream, clock=clock)
    for _ in range(5):
        logs.observe(rejected("decode"))
    logs.close()
    last = stream.objects[-1]
    assert (last["event"], last["reason"], last["suppressed"], last["last"]) == ("message_rejected", "decode", 4, True)


def test_reasons_without_bound_share_one_damper(clock: Clock) -> None:
    """A handler that invents a reason for each message cannot fill the memory or the log."""
    stream = Written()
    logs = logging_to(stream, clock=clock)
    for n in range(1_500):
        logs.observe(rejected(f"r{n}"))
    logs.close()
    assert len(stream.objects) == 1_002  # a thousand reasons, the one they share, and its count at the end
    assert stream.objects[-1]["suppressed"] == 499


@pytest.mark.parametrize("fmt", ["json", "pretty"])
def test_a_detail_cannot_forge_a_line_or_steer_a_terminal(fmt: Format) -> None:
    """Newlines, escapes, 8-bit controls, directional marks and lone surrogates come out visible, on one line."""
    stream = Written()
    logs = logging_to(stream, fmt=fmt)
    detail = 'bad\r\n{"event":"forged"}\x1b[2J\x9b31m\u2028\u202e\ud800'
    logs.observe(SinkLost("orders", code="X", detail=detail))
    logging.getLogger("library").warning("also\n%s", detail)
    logs.close()
    text = stream.getvalue()
    assert len(text.splitlines()) == 2
    assert not any(character in text for character in "\r\x1b\x9b\u2028\u202e\ud800")
    assert "\\x0a" in text
    assert logs.dropped == 0


@given(st.text(alphabet=st.characters()))
def test_plain_text_is_one_printable_line(text: str) -> None:
    """Whatever a sender or a server writes, one line stays one line and can be encoded."""
    shown = plain(text)
    assert len(shown.splitlines()) <= 1
    shown.encode()
    assert "\x1b" not in shown


def test_a_long_text_is_cut() -> None:
    """One error cannot fill the disk; the line says how long it was."""
    shown = plain("x" * 1_000_000)
    assert len(shown) < TEXT_CHARACTERS + 30
    assert shown.endswith("(1000000 characters)")


@pytest.mark.parametrize(
    "text",
    [
        f"Authorization: AWS4-HMAC-SHA256 Credential=AKIAABCDEFGHIJKLMNOP/x, SignedHeaders=a;b, Signature={CANARY}",
        f"headers={{'Authorization': b'AWS4-HMAC-SHA256 Credential=x, Signature={CANARY}', 'Host': 'a'}}",
        f"'X-Amz-Security-Token': '{CANARY}'",
        f"x-amz-security-token: {CANARY}",
        f"GET /?X-Amz-Signature={CANARY}&X-Amz-Expires=1",
        f"AWS_SECRET_ACCESS_KEY={CANARY}",
        f"aws_secret_access_key = {CANARY}",
        f"AWSSecretKey: {CANARY}",
        f'{{"SecretAccessKey": "{CANARY}", "SessionToken": "{CANARY}"}}',
        f"<SecretAccessKey>{CANARY}</SecretAccessKey>",
        f"Authorization: Bearer {CANARY}",
        f"postgresql://worker:{CANARY.replace('/', '')}@db/x",
        f"connection failed: host=db password='{CANARY} with, more' user=x",
        f'\\"password\\": \\"{CANARY}\\"',
        f"'ReceiptHandle': '{CANARY}'",
        f"the value itself: {CANARY}",
    ],
)
def test_secrets_never_reach_the_stream(text: str) -> None:
    """Canaries in every known writing are masked at DEBUG: in facts, in library records and in tracebacks."""
    stream = Written()
    known = (CANARY,) if text.startswith("the value") else ()
    logs = logging_to(stream, "debug", secrets=known)
    logs.observe(SinkLost("orders", code="X", detail=text))
    logging.getLogger("psycopg").error("it said %s", text)
    try:
        raise ValueError(text)  # noqa: TRY301 - the traceback is what is looked at
    except ValueError:
        logging.getLogger("app").exception("failed")
    logs.close()
    assert CANARY not in stream.getvalue()
    assert CANARY.replace("/", "") not in stream.getvalue()
    assert MASK in stream.getvalue()
    assert len(stream.objects) == 3


def test_fields_are_masked_by_their_name() -> None:
    """A structure is looked through, and what a field is called decides before what it looks like."""
    value = Redactor().value("", {"password": CANARY, "inner": [{"Authorization": CANARY}], "pipeline": "orders"})
    assert value == {"password": MASK, "inner": [{"Authorization": MASK}], "pipeline": "orders"}


def test_ordinary_words_are_left_alone() -> None:
    """Masking does not make errors unreadable."""
    for text in ("InternalError: try again", "batch of 10, code=X", "https://sqs.eu-west-1.amazonaws.com/1/q", "a@b.c"):
        assert Redactor().text(text) == text


def test_the_sdk_is_held_at_info_whatever_our_level() -> None:
    """At DEBUG botocore prints headers and bodies; neither the logger nor a child with its own level gets through."""
    stream = Written()
    logs = logging_to(stream, "debug")
    logging.getLogger("botocore").debug("body %s", CANARY)
    child = logging.getLogger("aiobotocore.endpoint")
    child.setLevel(logging.DEBUG)
    child.debug("headers %s", CANARY)
    child.info("said")
    logging.getLogger("ours").debug("seen")
    logs.close()
    child.setLevel(logging.NOTSET)
    assert [(line["logger"], line["event"]) for line in stream.objects] == [
        ("aiobotocore.endpoint", "said"),
        ("ours", "seen"),
    ]


def test_logging_is_given_back_at_close() -> None:
    """Root handlers, levels and warnings are as before, so that a program that embeds the worker keeps its own."""
    root, sdk = logging.getLogger(), logging.getLogger("botocore")
    before = (root.handlers[:], root.level, sdk.level, warnings.showwarning)
    logs = logging_to(Written(), "error")
    during = (root.handlers[:], root.level, sdk.level, warnings.showwarning)
    logs.close()
    after = (root.handlers[:], root.level, sdk.level, warnings.showwarning)
    assert after == before
    assert during != before


def test_a_record_that_cannot_be_formatted_is_counted() -> None:
    """A library's broken log call neither raises nor prints a traceback of its own."""
    stream = Written()
    logs = logging_to(stream)
    logging.getLogger("library").error("%d", "not a number")
    dropped = logs.dropped
    logs.close()
    assert dropped == 1
    assert stream.getvalue() == ""


@pytest.mark.parametrize(
    ("fmt", "tty", "is_json"), [("auto", False, True), ("auto", True, False), ("json", True, True)]
)
def test_auto_is_pretty_on_a_terminal_only(fmt: Format, *, tty: bool, is_json: bool) -> None:
    """Machines get JSON, people get text, and a wish is obeyed."""
    stream = Written(tty=tty)
    logs = logging_to(stream, fmt=fmt)
    logs.observe(WorkerStarted("w-1", "1", ("orders",), ""))
    logs.close()
    assert stream.getvalue().startswith("{") is is_json
    assert "worker_started" in stream.getvalue()


def test_a_fact_that_cannot_be_written_is_counted() -> None:
    """A number that JSON cannot hold costs its line, never the worker."""
    stream = Written()
    logs = logging_to(stream)
    logs.observe(WorkerStopping("SIGTERM", drain_seconds=2**70))
    logs.close()
    assert logs.dropped == 1
    assert stream.getvalue() == ""


def test_a_long_traceback_keeps_its_end() -> None:
    """The cause stands last, so the beginning is what is cut; every line of it is marked as part of it."""
    stream = Written()
    logs = logging_to(stream)
    try:
        raise ValueError("\n".join(["filler " * 20] * 200) + "\nthe cause")  # noqa: TRY301 - the traceback is looked at
    except ValueError:
        logging.getLogger("app").exception("failed")
    logs.close()
    lines = stream.objects[0]["exception"].splitlines()
    assert (lines[0], lines[-1]) == ("  | ...", "  | the cause")
    assert all(line.startswith("  | ") for line in lines)
    assert sum(map(len, lines)) < 15_000


def test_a_report_line_has_no_other_keys() -> None:
    """Programs that parse the report find its keys and nothing else."""
    stream = Written()
    logs = logging_to(stream, fmt="json")
    logs.line(dict.fromkeys(KEYS, 1))
    logs.close()
    assert list(stream.objects[0]) == list(KEYS)


def test_people_read_the_report_as_a_line_like_others() -> None:
    """No object of JSON stands among pretty lines."""
    stream = Written()
    logs = logging_to(stream, fmt="pretty")
    logs.line(dict.fromkeys(KEYS, 1))
    logs.close()
    (line,) = stream.getvalue().splitlines()
    assert "report" in line
    assert "messages_processed=1" in line
    assert "{" not in line


@pytest.mark.parametrize(
    ("fmt", "said"), [("pretty", "receiving 0.25, sink 0.5"), ("json", '{"receiving":0.25,"sink":0.5}')]
)
def test_people_read_what_a_field_is_made_of_as_words(fmt: Format, said: str) -> None:
    """The shares of the time, with which every run ends on a terminal; programs find an object."""
    stream = Written()
    logs = logging_to(stream, fmt=fmt)
    shares = {"receiving": 0.25, "sink": 0.5}
    logs.observe(PerformanceReported("p", "sink", "", 1.0, shares, 1, 1.0, 0.1, 0.1, 0.1, 0.1, 1, 0.1, 1, 1))
    logs.close()
    assert said in stream.getvalue()


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (1.0792839, 1.079),
        (0.000123456, 0.000123),
        (-12345.67891, -12345.679),
        (float("inf"), float("inf")),
        ({"a": 0.33333333}, {"a": 0.333}),
        (7, 7),
        ("0.33333333", "0.33333333"),
    ],
)
def test_numbers_of_facts_are_rounded(value: object, said: object) -> None:
    """To thousandths, and below one to three digits: what a reader can use; what your code logs is left alone."""
    assert readable(value) == said


def test_the_sdk_speaks_of_its_credentials_once() -> None:
    """Each queue has a client, and each client says where it found the keys; other words, or errors, are all kept."""
    stream = Written()
    logs = logging_to(stream, fmt="json")
    log = logging.getLogger("aiobotocore.credentials")
    for text in ("Found credentials in environment variables.", "Found credentials from IAM Role: one"):
        log.info(text)
        log.info(text)
    for _ in range(2):
        log.warning("refused")
        logging.getLogger("shop").info("twice")
    logs.close()
    said = [line["event"] for line in stream.objects]
    assert len(said) == 6
    assert len(set(said)) == 4


def test_a_full_pipe_holds_up_nobody() -> None:
    """Nobody reads the pipe: every call returns at once, the buffer is bounded, and what is lost is counted."""
    reading, writing = os.pipe()
    with os.fdopen(writing, "w") as stream:
        writer = LineWriter(stream, capacity_bytes=100_000)
        finished = threading.Event()

        def storm() -> None:
            for _ in range(5_000):
                writer.write("x" * 99)
            finished.set()

        threading.Thread(target=storm, daemon=True).start()
        assert finished.wait(60)
        writer.close(timeout_seconds=0.05)
        assert writer.dropped >= 5_000 - 3 * 1_000 - 700  # two buffers and what the pipe itself holds got away
        os.close(reading)  # the thread's write ends with a broken pipe
        writer.close(timeout_seconds=10)


def test_a_full_pipe_that_does_not_block_is_waited_for() -> None:
    """On a non-blocking descriptor the writer waits for room instead of losing lines, and all arrive in order."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with os.fdopen(writing, "w") as stream, os.fdopen(reading) as reader:
        writer = LineWriter(stream)
        for n in range(30_000):
            writer.write(f"line {n}")
        got = [reader.readline() for _ in range(30_000)]
        writer.close()
    assert got == [f"line {n}\n" for n in range(30_000)]
    assert writer.dropped == 0


def test_a_closed_pipe_is_counted_and_never_raised() -> None:
    """The reader is gone: the worker goes on, and the metric says that nobody sees its log."""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as stream:
        writer = LineWriter(stream)
        for _ in range(3):
            writer.write("unseen")
        writer.close()
    writer.write("after the end")
    assert writer.dropped == 4


def test_what_nobody_catches_is_a_line_in_our_form(capsys: pytest.CaptureFixture[str]) -> None:
    """A thread that dies and a finalizer that raises: Python would print their tracebacks to stderr."""
    stream = io.StringIO()
    logs = configure("info", "json", stream=stream, worker_id="w")

    class Failing:
        def __del__(self) -> None:
            raise ZeroDivisionError("in a finalizer")

    def die() -> None:
        raise ZeroDivisionError("in a thread")

    try:
        thread = threading.Thread(target=die, name="poor-thread")
        thread.start()
        thread.join()
        Failing()
    finally:
        logs.close()
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert ["poor-thread" in line["event"] for line in lines] == [True, False]
    assert [line["level"] for line in lines] == ["error", "error"]
    assert all("ZeroDivisionError" in json.dumps(line) for line in lines)
    assert capsys.readouterr().err == ""
    assert threading.excepthook is threading.__excepthook__
