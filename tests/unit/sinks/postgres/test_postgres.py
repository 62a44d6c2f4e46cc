"""What errors of PostgreSQL and of the way to it mean, as far as no server can be made to say them."""

from __future__ import annotations

import ssl
import sys

import asyncpg
import pytest

from worker.app.build import make_sink
from worker.errors import SinkContended, SinkRefused, SinkUnavailable
from worker.settings import PipelineSettings
from worker.sinks.postgres.connect import MARGIN_SECONDS, Connector
from worker.sinks.postgres.errors import TROUBLE, at_open, in_connect, in_write
from worker.sinks.postgres.sink import PostgresSink

PASSING = [
    ConnectionResetError("reset"),
    TimeoutError(),
    ssl.SSLError("record layer"),
    asyncpg.ConnectionDoesNotExistError("closed in the middle"),
    asyncpg.InterfaceError("connection is closed"),
    asyncpg.InternalClientError("out of step"),
    asyncpg.TooManyConnectionsError("full"),
    asyncpg.DiskFullError("full"),
    asyncpg.ReadOnlySQLTransactionError("standby"),
    asyncpg.CannotConnectNowError("starting up"),
    asyncpg.DeadlockDetectedError("deadlock"),
]


@pytest.mark.parametrize("error", PASSING, ids=lambda error: type(error).__name__)
def test_trouble_that_passes_is_unavailable_at_any_time(error: Exception) -> None:
    """At the start and while writing; and all of it is caught."""
    assert isinstance(error, TROUBLE)
    assert isinstance(at_open(error, "t"), SinkUnavailable)
    assert isinstance(in_write(error, "t"), SinkUnavailable)
    assert isinstance(in_connect(error, "t"), SinkUnavailable)


@pytest.mark.parametrize(
    "error",
    [
        asyncpg.DeadlockDetectedError("deadlock"),
        asyncpg.SerializationError("concurrent update"),
        asyncpg.LockNotAvailableError("lock timeout"),
        asyncpg.QueryCanceledError("statement timeout"),
    ],
)
def test_what_somebody_else_holds_may_be_one_record_s_trouble(error: Exception) -> None:
    """So the batch is halved, and the server is not called away."""
    assert isinstance(in_write(error, "t"), SinkContended)


@pytest.mark.parametrize(
    "error", [asyncpg.ClientConfigurationError("no such file"), asyncpg.InvalidPasswordError("changed")]
)
def test_what_is_refused_at_the_start_is_waited_for_later(error: Exception) -> None:
    """A certificate or a password that is exchanged under a running worker is no fault of any message."""
    assert isinstance(at_open(error, "t"), SinkRefused)
    assert isinstance(in_connect(error, "t"), SinkUnavailable)
    assert isinstance(in_write(error, "t"), SinkUnavailable)


def test_a_data_error_while_connecting_blames_no_record() -> None:
    """A pooler's word about a parameter of the connection has a code of the class of data errors."""
    error = asyncpg.InvalidParameterValueError("unknown parameter")
    assert isinstance(in_connect(error, "t"), SinkUnavailable)
    assert isinstance(in_write(error, "t"), SinkRefused)


def test_an_untrusted_certificate_is_refused_at_the_start() -> None:
    """Only people can mend it, and the setting that does is named."""
    assert "sslrootcert" in str(at_open(ssl.SSLCertVerificationError("self-signed"), "t"))


def test_what_a_server_says_is_told_without_its_details() -> None:
    """DETAIL quotes the row."""
    error = asyncpg.NotNullViolationError("null value in column colour")
    error.detail = "Failing row contains (geheim)"
    error.column_name = "colour"
    meaning = in_write(error, "t")
    assert isinstance(meaning, SinkUnavailable)
    assert "colour" in str(meaning)
    assert "geheim" not in str(meaning)


def test_the_settings_make_the_sink() -> None:
    """One connection for each writer, no more than messages are handled at once."""
    settings = PipelineSettings.model_validate(
        {"queue": "orders", "sink": "postgres", "sink_settings": {"dsn": "postgresql://db/shop"}, "concurrency": 2}
    )
    sink = make_sink(settings)
    assert isinstance(sink, PostgresSink)
    assert sink.demand.max_writers == 2


def test_without_asyncpg_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The driver is not part of the plain package."""
    monkeypatch.setitem(sys.modules, "asyncpg", None)
    for name in ("sink", "table", "errors"):
        monkeypatch.delitem(sys.modules, f"worker.sinks.postgres.{name}")
    settings = PipelineSettings.model_validate(
        {"queue": "orders", "sink": "postgres", "sink_settings": {"dsn": "postgresql://db/shop"}}
    )
    with pytest.raises(SinkRefused, match=r"pip install 'sqs-worker-daemon\[postgres\]'"):
        make_sink(settings)


@pytest.mark.parametrize(
    ("dsn", "environ", "each"),
    [
        ("postgresql://me@a/x", "", 10),
        ("postgresql://me@a,b/x", "", 5),
        ("postgresql://me@a,b/x?connect_timeout=3", "", 3),
        ("postgresql://me@a/x?connect_timeout=60", "7", 60),
        ("host=a,b dbname=x", "7", 7),
        ("host=a dbname=x", "0", 10),
    ],
)
def test_the_time_to_connect_is_each_hosts_own(
    dsn: str, environ: str, each: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`connect_timeout`, then libpq's variable, else ten seconds shared; all hosts together have their sum."""
    if environ:
        monkeypatch.setenv("PGCONNECT_TIMEOUT", environ)
    connector = Connector.of(dsn)
    assert connector._each == each
    assert connector.seconds == MARGIN_SECONDS + each * len(connector.dsn.hosts)


@pytest.mark.parametrize(
    ("words", "environ", "attempts"),
    [
        ("", "", ["a read-write", "b read-write"]),
        ("", "any", ["a None", "b None"]),
        ("?target_session_attrs=any", "", ["a any", "b any"]),
        ("?target_session_attrs=prefer-standby", "", ["a standby", "b standby", "a any", "b any"]),
    ],
)
def test_of_several_hosts_the_one_that_can_be_written_to_is_taken(
    words: str, environ: str, attempts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unless the DSN or libpq's variable wants something else."""
    if environ:
        monkeypatch.setenv("PGTARGETSESSIONATTRS", environ)
    tried = Connector.of(f"postgresql://me@a,b/x{words}")._attempts()
    assert [f"{host[0]} {target}" for host, target in tried if host] == attempts
