"""The commands: what they print and how they exit. The parts behind them are stood in for, never asked."""

from __future__ import annotations

import errno
import json
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import click
import pytest
from click.testing import CliRunner, Result

from worker import __version__, cli
from worker.commands.check import as_lines
from worker.errors import QueueMissing, SinkRefused, StartRefused, WorkerError
from worker.plugins.setting import settings_of
from worker.preflight import Finding
from worker.settings.pipeline import PipelineSettings
from worker.settings.worker import WorkerSettings
from worker.sinks.sqlite.settings import SqliteSettings

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from worker.settings import Loaded

MODELS = (WorkerSettings, PipelineSettings, SqliteSettings)
QUEUE = {"SQS_QUEUE_URL": "orders"}


@pytest.fixture(autouse=True)
def _empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Put a module of these names in the place of the real one, for a command that is imported anew."""

    def put(command: str, module: str, **names: object) -> None:
        stand = ModuleType(module)
        for name, value in names.items():
            setattr(stand, name, value)
        monkeypatch.setitem(sys.modules, module, stand)
        monkeypatch.delitem(sys.modules, f"worker.commands.{command}", raising=False)

    return put


def invoke(*arguments: str, **environ: str) -> Result:
    clean = dict.fromkeys(("WORKER_ID", "WORKER_CONFIG", "SQS_QUEUE_URL", "AWS_REGION"))
    return CliRunner().invoke(cli.main, list(arguments), env={**clean, **environ})


def test_every_command_is_found_and_named_as_it_is_listed(stand_in: Callable[..., None]) -> None:
    """The table of names and the files agree."""
    stand_in("run", "worker.process.run", run_worker=None)
    stand_in("check", "worker.app.build", open_queue=None, make_sink=None)
    stand_in("demo", "worker.demo", run_demo=None)
    stand_in("loopback", "worker.loopback.serve", serve=None)
    stand_in("health", "worker.telemetry.http.fetch", fetch=None)
    context = click.Context(cli.main)
    commands = {name: cli.main.get_command(context, name) for name in cli.main.list_commands(context)}
    assert {name: command and command.name for name, command in commands.items()} == {name: name for name in commands}
    files = {path.stem for path in Path(cli.__file__).with_name("commands").glob("*.py")}
    assert set(commands) == files - {"__init__", "options"}
    assert {"run", "check", "config", "demo", "loopback", "health", "iam", "scaling"} <= set(commands)


def test_help_is_sorted_by_use_and_a_wrong_command_is_a_usage_error() -> None:
    """`run` comes first; nonsense is exit code 2 like every wrong word."""
    listed = invoke("--help").output.partition("Commands:")[2].split()
    assert listed[0] == "run"
    assert invoke("nonsense").exit_code == 2


def test_the_reference_needs_no_settings() -> None:
    """It is about what may be set, not about what is."""
    result = invoke("config", "--markdown")
    assert result.exit_code == 0
    assert result.output.startswith("# Settings")


def test_the_version_is_told() -> None:
    """One line, for scripts and reports."""
    assert invoke("--version").output == f"worker {__version__}\n"


def test_config_lists_every_setting_with_its_origin() -> None:
    """What can be set can be seen."""
    result = invoke("config", **QUEUE, WORKER_CONCURRENCY="3")
    assert result.exit_code == 0
    lines = {line.split()[0]: line.split()[1:] for line in result.output.splitlines()}
    variables = [s.variable.name for model in MODELS for s in settings_of(model)]
    assert [name for name in variables if name not in lines] == []
    assert lines["WORKER_CONCURRENCY"] == ["3", "environment"]
    assert lines["SQS_MAX_MESSAGES"] == ["10", "default"]


def test_config_is_json_for_machines() -> None:
    """Settings and notices, whole."""
    result = invoke("config", "--json", **QUEUE, REDSHIFT_DATABASE="d", POSTGRES_DSN="geheim")
    document = json.loads(result.output)
    assert document["settings"]["SQS_QUEUE_URL"] == {"value": "orders", "origin": "environment"}
    assert document["settings"]["POSTGRES_DSN"]["value"] == "********"
    assert "REDSHIFT_DATABASE is set but not used by SINK=sqlite" in document["notices"]
    assert "geheim" not in result.output


def test_config_is_a_table_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same rows, with markup in values taken as text."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr("worker.commands.config._on_terminal", lambda: True)
    result = invoke("config", **QUEUE, SQLITE_PATH="[red]x.sqlite", WORKER_FAVOURITE_COLOUR="blue")
    assert result.exit_code == 0
    assert "[red]x.sqlite" in result.output
    assert "notice: WORKER_FAVOURITE_COLOUR" in result.output


def test_bad_settings_end_in_2_with_every_problem_on_stderr() -> None:
    """Nothing on stdout, no traceback, one line a problem."""
    result = invoke("check", SQS_MAX_MESSAGES="11")
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.splitlines() == [
        "worker: the settings cannot work:",
        "  - SQS_QUEUE_URL is not set: give a URL, an ARN or a name",
        "  - SQS_MAX_MESSAGES is '11': give a whole number from 1 to 10",
    ]


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (QueueMissing("attributes", "QueueDoesNotExist"), 3, "QueueDoesNotExist"),
        (SinkRefused("read-only"), 3, "worker check"),
        (StartRefused("contradiction"), 3, "contradiction"),
        (WorkerError("something"), 1, "something"),
        (OSError(errno.EADDRINUSE, "address already in use"), 1, "choose another port"),
        (ExceptionGroup("tasks", [OSError(errno.EACCES, "permission denied")]), 1, "permission denied"),
    ],
)
def test_what_a_user_can_cause_ends_in_a_sentence(
    stand_in: Callable[..., None], error: Exception, code: int, words: str
) -> None:
    """An exit code that scripts can rely on, and words instead of a traceback."""

    def run_worker(_loaded: Loaded, *, drain: bool, **_: object) -> int:
        assert not drain
        raise error

    stand_in("run", "worker.process.run", run_worker=run_worker)
    result = invoke("run", **QUEUE)
    assert result.exit_code == code
    assert result.stderr.startswith("worker: ")
    assert words in result.stderr
    assert "Traceback" not in result.stderr


def test_a_defect_of_ours_says_where_it_is(stand_in: Callable[..., None]) -> None:
    """In a sentence with the innermost places, since tracebacks never reach stderr."""

    def run_worker(_loaded: Loaded, *, drain: bool, **_: object) -> int:
        raise ZeroDivisionError(drain)

    stand_in("run", "worker.process.run", run_worker=run_worker)
    result = invoke("run", **QUEUE)
    assert result.exit_code == 1
    assert "unexpected ZeroDivisionError: False (at cli/test_commands.py:" in result.output


def test_run_hands_the_settings_over_and_the_exit_code_back(tmp_path: Path, stand_in: Callable[..., None]) -> None:
    """--drain and --config reach the worker."""
    seen: list[tuple[str, bool]] = []

    def run_worker(loaded: Loaded, *, drain: bool, lifeline: object, **_: object) -> int:
        assert lifeline is None
        seen.append((loaded.pipelines[0].name, drain))
        return 3

    (tmp_path / "site.toml").write_text('[pipelines.orders]\nqueue = "orders"\n', encoding="utf-8")
    stand_in("run", "worker.process.run", run_worker=run_worker)
    assert invoke("run", "--drain", "--config", "site.toml").exit_code == 3
    assert seen == [("orders", True)]


def test_run_with_several_processes_is_a_parent_s_and_one_with_a_lifeline_is_a_child_s(
    stand_in: Callable[..., None],
) -> None:
    """The parent is told how many; a child is a worker, however many there are, or each would become a parent."""
    seen: list[object] = []

    def run_parent(
        _loaded: Loaded,
        *,
        processes: int,
        environ: dict[str, str],
        config: Path | None,
        drain: bool,
        **_: object,
    ) -> int:
        seen.append((processes, environ["WORKER_PROCESSES"], config, drain))
        return 3

    def run_worker(_loaded: Loaded, *, drain: bool, lifeline: object, **_: object) -> int:
        seen.append((drain, lifeline))
        return 1

    stand_in("run", "worker.process.parent.run", run_parent=run_parent)
    stand_in("run", "worker.process.run", run_worker=run_worker)
    stand_in("run", "worker.process.lifeline", Lifeline=lambda number: f"line {number}")
    assert invoke("run", "--drain", **QUEUE, WORKER_PROCESSES="3").exit_code == 3
    assert invoke("run", "--lifeline", "9", **QUEUE, WORKER_PROCESSES="3").exit_code == 1
    assert seen == [(3, "3", None, True), (False, "line 9")]
    assert "--lifeline" not in invoke("run", "--help").output


def test_demo_hands_its_options_over(stand_in: Callable[..., None]) -> None:
    """A hundred thousand messages unless told otherwise."""
    seen: list[tuple[int, bool]] = []

    def run_demo(messages: int, as_json: bool) -> int:  # noqa: FBT001 - the signature is the demo's
        seen.append((messages, as_json))
        return 1

    stand_in("demo", "worker.demo", run_demo=run_demo)
    assert invoke("demo").exit_code == 1
    assert invoke("demo", "--messages", "5", "--json").exit_code == 1
    assert invoke("demo", "--messages", "0").exit_code == 2
    assert seen == [(100_000, False), (5, True)]


def test_a_certificate_without_its_key_is_refused(tmp_path: Path) -> None:
    """Half of a pair is a slip, told with exit code 2 before anything listens."""
    file = tmp_path / "loopback.pem"
    file.touch()
    result = invoke("loopback", "--tls-cert", str(file))
    assert (result.exit_code, "go together" in result.output) == (2, True)


def test_loopback_serves_until_told_to_stop(stand_in: Callable[..., None]) -> None:
    """Its options arrive and the endpoint is printed."""
    seen: list[dict[str, Any]] = []

    async def serve(*, started: Callable[[str], None], stop: asyncio.Event, **options: Any) -> None:
        assert not stop.is_set()
        seen.append(options)
        started("http://127.0.0.1:1")

    stand_in("loopback", "worker.loopback.serve", serve=serve)
    asked = ("--port", "0", "--queue", "a", "--queue", "b.fifo", "--seed", "7", "--ledger", "book")
    result = invoke("loopback", *asked, "--rules", "documented")
    assert result.exit_code == 0, result.stderr
    assert "http://127.0.0.1:1" in result.output
    address = {"host": "127.0.0.1", "port": 0, "tls": None}
    assert seen == [{**address, "queues": ("a", "b.fifo"), "seed": 7, "rules": "documented", "ledger": Path("book")}]


@pytest.mark.parametrize(
    ("environ", "arguments", "asked"),
    [
        ({}, (), ("http://127.0.0.1:9100", "/livez")),
        (
            {"METRICS_HOST": "0.0.0.0", "METRICS_PORT": "9101"},  # noqa: S104 - asked, not bound
            (),
            ("http://127.0.0.1:9101", "/livez"),
        ),
        ({"METRICS_HOST": "::"}, (), ("http://[::1]:9100", "/livez")),
        ({"METRICS_PORT": "0"}, ("--url", "http://127.0.0.1:7/"), ("http://127.0.0.1:7", "/livez")),
        ({}, ("--url", "http://127.0.0.1:9324/_loopback/health"), ("http://127.0.0.1:9324", "/_loopback/health")),
    ],
)
def test_health_asks_the_worker_on_this_machine(
    stand_in: Callable[..., None], environ: dict[str, str], arguments: tuple[str, ...], asked: tuple[str, str]
) -> None:
    """Where METRICS_HOST and METRICS_PORT say, or where --url says; its path is kept if it has one."""
    seen: list[tuple[str, str]] = []

    def fetch(base: str, path: str) -> tuple[int, str]:
        seen.append((base, path))
        return 200, "alive\n"

    stand_in("health", "worker.telemetry.http.fetch", fetch=fetch)
    result = invoke("health", *arguments, **environ)  # no queue: where to ask has nothing to do with it
    assert (result.exit_code, result.output) == (0, "alive\n")
    assert seen == [asked]


@pytest.mark.parametrize("environ", [QUEUE, {}, QUEUE | {"METRICS_PORT": "0"}])
def test_health_fails_with_1_whatever_is_wrong(stand_in: Callable[..., None], environ: dict[str, str]) -> None:
    """No answer, no settings, no known port: a container's health check knows only 0 and 1."""

    def fetch(_base: str, _path: str) -> tuple[int, str]:
        raise ConnectionRefusedError("nobody there")

    stand_in("health", "worker.telemetry.http.fetch", fetch=fetch)
    result = invoke("health", **environ)
    assert result.exit_code == 1
    assert "no answer" in result.stderr
    assert ("METRICS_HOST and METRICS_PORT" in result.stderr) is ("METRICS_PORT" not in environ)


def test_health_fails_when_the_worker_says_so(stand_in: Callable[..., None]) -> None:
    """A worker that hangs answers 503."""
    stand_in("health", "worker.telemetry.http.fetch", fetch=lambda _base, _path: (503, "stalled"))
    result = invoke("health", **QUEUE)
    assert (result.exit_code, result.output) == (1, "stalled\n")


def test_findings_are_wrapped_at_words() -> None:
    """No line is longer than the terminal, but for a word that is; what is wrapped stands under its beginning."""
    url = "https://sqs.eu-central-1.amazonaws.com/123456789012/orders"
    found = {"default": [Finding("queue", "warn", f"one two three four five six seven {url} eight", "mend it")]}
    lines = as_lines(found, ("a notice of several words that do not fit into one line",), width=40)
    text, _, sentence = lines.partition("\n\n")
    assert all(len(line) <= 40 or url in line for line in lines.splitlines())
    assert [line for line in text.splitlines() if url in line] == [f"{'':10}{url}"]
    assert " ".join(text.split()).startswith("notice a notice of several words that do not fit")
    assert sentence.startswith("The worker can start")


def test_the_settings_can_be_looked_at_without_a_queue() -> None:
    """`worker config` is how one begins: what is missing is a notice, and every other mistake still ends it."""
    result = invoke("config")
    assert result.exit_code == 0
    assert re.search(r"^SQS_QUEUE_URL +- +not set$", result.output, re.MULTILINE)
    assert "notice: SQS_QUEUE_URL is not set: `worker run` needs it" in result.output
    assert json.loads(invoke("config", "--json").output)["settings"]["SQS_QUEUE_URL"]["value"] == ""
    assert invoke("config", SQS_MAX_MESSAGES="11").exit_code == 2


FINDINGS = [Finding("queue", "ok", "answers"), Finding("receives", "warn", "only 1", "raise it")]


@pytest.mark.parametrize(("last", "code"), [([], 0), ([Finding("sink", "refuse", "locked", "unlock it")], 3)])
def test_check_prints_every_finding_with_its_fix(
    stand_in: Callable[..., None], monkeypatch: pytest.MonkeyPatch, last: list[Finding], code: int
) -> None:
    """Warnings let it pass, a refusal is exit code 3."""

    async def examine(settings: PipelineSettings, _worker: WorkerSettings, **parts: object) -> list[Finding]:
        assert settings.name == "default"
        assert set(parts) == {"open_queue", "make_sink", "memory_limit", "ways"}
        return FINDINGS + last

    stand_in("check", "worker.app.build", open_queue=None, make_sink=None)
    monkeypatch.setattr("worker.preflight.examine", examine)
    result = invoke("check", **QUEUE, REDSHIFT_DATABASE="d")
    assert result.exit_code == code
    assert "notice  REDSHIFT_DATABASE is set but not used by SINK=sqlite" in result.output
    assert "  warn    receives: only 1\n          → raise it" in result.output
    start = "The worker would not start: 1 of 3 checks refuse" if last else "The worker can start: 2 checks"
    assert result.output.splitlines()[-1] == f"{start}, 1 warning."
    document = json.loads(invoke("check", "--json", **QUEUE).output)
    assert [f["check"] for f in document["pipelines"]["default"]] == ["queue", "receives", *(f.check for f in last)]
