"""The observer that writes: every fact is one line, JSON for machines or aligned text for people.

Takes facts on the loop's thread and whatever libraries log through `logging`; gives lines to a `LineWriter`, masked,
escaped and damped. `close` says what was suppressed, gives `logging` back as it was, and drains the writer.
"""

from __future__ import annotations

import re
import time
from typing import IO, TYPE_CHECKING, Any, Final, Literal

import orjson
import structlog

from worker.facts.trace import Trace, as_text
from worker.telemetry.logs.damp import Damper
from worker.telemetry.logs.lines import LineWriter
from worker.telemetry.logs.redact import Redactor, plain
from worker.telemetry.logs.stdlib import Bridge
from worker.telemetry.logs.structured import Lines, Structured

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from structlog.typing import EventDict, Processor

    from worker.facts import Fact

Format = Literal["json", "pretty", "auto"]
LevelName = Literal["debug", "info", "warning", "error"]
LEVELS: Final[Mapping[str, int]] = {"debug": 10, "info": 20, "warning": 30, "error": 40}
UNLOGGED: Final = frozenset({"sent_at", "received_at", "finished_at"})
"""Fields that feed histograms: a number for each message of a batch is no line for a reader."""
TRACE: Final = "trace"
"""The field that holds the way of an error: read by programs as it is, printed for people as Python prints it."""
DAMPED: Final[dict[str, object]] = {"damped": True}
"""What is said at debug of that which was said a moment ago: whose it was, so that no id is lost."""
TRACEBACK_CHARACTERS: Final = 12_000
WORKER: Final = "workerId"
"""The report's word for what begins every other line."""
_WORDS: Final = re.compile(r"(?<!^)(?=[A-Z])")


class Logs:
    """Writes facts. Built by `configure`."""

    def __init__(
        self,
        writer: LineWriter,
        processors: list[Processor],
        *,
        level: int,
        clock: Callable[[], float],
        pretty: bool = False,
    ) -> None:
        self._pretty = pretty
        self._writer = writer
        self._level = level
        self._clock = clock
        self._damper = Damper()
        self._say: Any = structlog.wrap_logger(
            Lines(writer.write),
            processors=processors,
            wrapper_class=structlog.make_filtering_bound_logger(0),  # `observe` filters, before fields are gathered
            cache_logger_on_first_use=True,
        )
        self._kinds: dict[type[Fact], tuple[int, str, tuple[str, ...]]] = {}
        """Level, event and fields by kind of fact. Written by `observe` at the first of each kind."""
        self._bridge: Bridge | None = None
        self._structured: Structured | None = None
        """Both written by `route`, taken by `close`."""
        self.failures = 0
        """Lines that could not be built. Written by `observe`, read by `dropped`."""

    @property
    def dropped(self) -> int:
        """Lines that nobody will see: `log_lines_dropped`."""
        return self._writer.dropped + self.failures + (self._bridge.failures if self._bridge else 0)

    def heeds(self, kind: type[Fact]) -> bool:
        """Whether facts of *kind* are loud enough."""
        return LEVELS[kind.level] >= self._level

    def observe(self, fact: Fact) -> None:
        """Write *fact*, unless its level is below ours or it was said a moment ago."""
        level, event, names = self._kinds.get(type(fact)) or self._meet(type(fact))
        if level < self._level:
            return
        suppressed = self._damper.ask(fact, self._clock()) if fact.damped else 0
        if suppressed is None:
            if self._level <= LEVELS["debug"]:
                self._write("debug", event, {name: getattr(fact, name) for name in names if name != TRACE} | DAMPED)
            return
        fields = {name: readable(getattr(fact, name)) for name in names}
        if self._pretty:
            fields = {name: in_words(value) if isinstance(value, dict) else value for name, value in fields.items()}
        if suppressed:
            fields["suppressed"] = suppressed
        self._write(fact.level, event, fields)

    def line(self, values: Mapping[str, object]) -> None:
        """Write *values*, the report: a JSON object of its own with no key added, or for people a line like others."""
        if self._pretty:
            self._write("info", "report", {_snake(name): value for name, value in values.items() if name != WORKER})
        else:
            self._writer.write(orjson.dumps(dict(values)).decode())

    def route(self, bridge: Bridge, structured: Structured) -> None:
        """Let these carry what libraries and your code log, until `close`."""
        self._bridge, self._structured = bridge, structured
        bridge.install()
        structured.install()

    def close(self) -> None:
        """Say what was left unsaid, and write out everything."""
        for (kind, told), suppressed in self._damper.left_unsaid():
            level, event, _ = self._kinds[kind]
            if level >= self._level:
                self._write(kind.level, event, {**dict(told), "suppressed": suppressed, "last": True})
        if self._bridge is not None:
            self._bridge.remove()
        if self._structured is not None:
            self._structured.remove()
        self._writer.close()

    def _write(self, level: LevelName, event: str, fields: dict[str, object]) -> None:
        try:
            getattr(self._say, level)(event, **fields)
        except Exception:  # noqa: BLE001 - a line that cannot be built is counted; the message goes on
            self.failures += 1

    def _meet(self, kind: type[Fact]) -> tuple[int, str, tuple[str, ...]]:
        event = event_of(kind)
        names = tuple(name for name in kind.names() if name not in UNLOGGED)
        met = self._kinds[kind] = (LEVELS[kind.level], event, names)
        return met


def readable(value: object) -> object:
    """A field of a fact as a reader wants it: numbers to thousandths, or below one to three digits; a trace read."""
    if isinstance(value, float):
        return round(value, 3) if not -1 < value < 1 else float(f"{value:.3g}")
    if isinstance(value, Trace):
        return value.errors()
    return {name: readable(inner) for name, inner in value.items()} if isinstance(value, dict) else value


def in_words(values: Mapping[str, object]) -> str:
    """Values of a field as people read them: the braces and quotes of Python tell them nothing."""
    return ", ".join(f"{name} {value}" for name, value in values.items())


def event_of(kind: type[Fact]) -> str:
    """The event of a line that tells of a fact of *kind*: `SinkLost` is `sink_lost`."""
    return _snake(kind.__name__)


def _snake(name: str) -> str:
    return _WORDS.sub("_", name).lower()


def configure(
    level: LevelName,
    fmt: Format,
    *,
    stream: IO[str],
    worker_id: str,
    secrets: Iterable[str] = (),
    clock: Callable[[], float] = time.monotonic,
) -> Logs:
    """Start logging to *stream*; `close` the result at the end.

    *secrets* are masked wherever their values turn up; *clock* is what damping goes by.
    """
    pretty = fmt == "pretty" or (fmt == "auto" and stream.isatty())
    writer = LineWriter(stream)
    tail = _tail(Redactor(secrets), pretty=pretty, colors=pretty and stream.isatty())
    head = _head(worker_id)
    logs = Logs(writer, [*head, *tail], level=LEVELS[level], clock=clock, pretty=pretty)
    bridge = Bridge(writer.write, head=[*head, structlog.stdlib.add_logger_name], tail=tail, level=LEVELS[level])
    logs.route(bridge, Structured(writer.write, processors=[*head, *tail], level=LEVELS[level]))
    return logs


def _head(worker_id: str) -> list[Processor]:
    """What every line begins with."""

    def who(_: object, __: str, event: EventDict) -> EventDict:
        event.setdefault("worker_id", worker_id)
        return event

    return [structlog.processors.add_log_level, structlog.processors.TimeStamper(fmt="iso", utc=True), who]


def _tail(redactor: Redactor, *, pretty: bool, colors: bool) -> list[Processor]:
    """How a line is cleaned and put down."""

    def clean(_: object, __: str, event: EventDict) -> EventDict:
        if pretty and isinstance(errors := event.get(TRACE), list):
            event["exception"] = as_text(event.pop(TRACE, errors))
        traceback = event.pop("exception", None)
        cleaned = {plain(name): _plain(redactor.value(name, value)) for name, value in event.items()}
        return {**cleaned, "exception": _traceback(redactor, str(traceback))} if traceback else cleaned

    order = ["timestamp", "level", "event", "worker_id"]

    def in_order(_: object, __: str, event: EventDict) -> EventDict:
        return {**{name: event[name] for name in order if name in event}, **event}

    render: Processor
    if pretty:
        plain_traceback = structlog.dev.plain_traceback
        render = structlog.dev.ConsoleRenderer(colors=colors, sort_keys=False, exception_formatter=plain_traceback)
    else:
        render = structlog.processors.JSONRenderer(serializer=_dumps)
    return [structlog.processors.format_exc_info, clean, in_order, render]


def _traceback(redactor: Redactor, text: str) -> str:
    """The end of a traceback, where the cause is; its lines are marked so that none can pass for a line of ours."""
    lines = text[-TRACEBACK_CHARACTERS:].splitlines()
    if len(text) > TRACEBACK_CHARACTERS:
        lines[0] = "..."  # cut anywhere, perhaps through a secret
    return "\n".join(f"  | {plain(redactor.text(line))}" for line in lines)


def _plain(value: object) -> object:
    if isinstance(value, str):
        return plain(value.rstrip())  # many texts of others end in a newline
    if isinstance(value, dict):
        return {plain(str(name)): _plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return value if isinstance(value, int | float | None) else plain(str(value))


def _dumps(event: EventDict, **_: object) -> str:
    return orjson.dumps(event).decode()
