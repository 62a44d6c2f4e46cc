"""Reading settings: what the environment and a worker.toml say, which of them wins, and what follows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from worker.errors import SettingsError
from worker.settings import Loaded, PipelineSettings, load
from worker.sinks.ndjson.settings import NdjsonSettings
from worker.sinks.postgres.settings import PostgresSettings
from worker.sinks.registry import SINKS

if TYPE_CHECKING:
    from pathlib import Path

QUEUE = "https://sqs.eu-west-1.amazonaws.com/123456789012/orders"


@pytest.fixture(autouse=True)
def _empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def loaded(**environ: str) -> Loaded:
    return load({"SQS_QUEUE_URL": QUEUE} | environ, host_name=lambda: "host-1")


def problems(environ: dict[str, str], config: Path | None = None) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load(environ, config=config, host_name=lambda: "host-1")
    return caught.value.problems


def test_a_queue_is_all_that_must_be_given() -> None:
    """Everything but the queue has a default, and they are the documented ones."""
    settings = loaded()
    (pipeline,) = settings.pipelines
    assert (pipeline.name, pipeline.queue, pipeline.sink, pipeline.codec) == ("default", QUEUE, "sqlite", "json")
    assert (pipeline.max_messages, pipeline.wait_seconds, pipeline.visibility_timeout) == (10, 20, None)
    assert (pipeline.batch_max_rows, pipeline.batch_max_bytes, pipeline.batch_max_wait_ms) == (500, 4 * 1024**2, 100)
    assert (pipeline.in_flight_max_messages, pipeline.in_flight_max_bytes) == (2500, 64 * 1024**2)
    assert (settings.worker.drain_seconds, settings.worker.metrics_host, settings.worker.metrics_port) == (
        25,
        "127.0.0.1",
        9100,
    )
    assert settings.notices == ()


def test_every_variable_of_the_backlog_team_is_read_as_it_is() -> None:
    """The names that are in manifests already work, and those of a sink that is not chosen only cause a notice."""
    settings = loaded(
        SQS_MAX_MESSAGES="5",
        SQS_WAIT_TIME_SECONDS="7",
        AWS_REGION="eu-west-1",
        WORKER_ID="worker-3",
        ENABLE_SQS_CONSUMER="false",
        REDSHIFT_CLUSTER_IDENTIFIER="c",
        REDSHIFT_DATABASE="d",
        REDSHIFT_DB_USER="u",
        REDSHIFT_TABLE_NAME="t",
    )
    (pipeline,) = settings.pipelines
    assert (pipeline.max_messages, pipeline.wait_seconds, pipeline.region) == (5, 7, "eu-west-1")
    assert (settings.worker.worker_id, settings.worker.enable_consumer) == ("worker-3", False)
    assert len(settings.notices) == 4
    assert "REDSHIFT_DATABASE is set but not used by SINK=sqlite" in settings.notices


def test_an_empty_variable_counts_as_not_set() -> None:
    """Manifests often pass on variables that nobody filled."""
    assert loaded(SQS_MAX_MESSAGES="", SINK="  ").pipelines[0].max_messages == 10


def test_building_a_model_does_not_look_into_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pipeline built in code is what the code says, whatever the machine has set."""
    monkeypatch.setenv("QUEUE", "other")
    monkeypatch.setenv("MAX_MESSAGES", "1")
    assert PipelineSettings(queue="orders").max_messages == 10


def test_settings_cannot_be_changed() -> None:
    """Nobody downstream can turn a screw behind the others' backs."""
    with pytest.raises(ValueError, match="frozen"):
        loaded().pipelines[0].max_messages = 1


def test_the_host_name_names_the_worker_in_characters_that_an_id_may_have() -> None:
    """A strange host name still starts."""
    assert load({"SQS_QUEUE_URL": QUEUE}, host_name=lambda: "büro 7!").worker.worker_id == "b-ro-7-"
    assert load({"SQS_QUEUE_URL": QUEUE}, host_name=lambda: "").worker.worker_id == "worker"


def test_all_problems_are_told_at_once() -> None:
    """Nobody has to start a container five times to learn five things."""
    found = problems(
        {
            "SQS_MAX_MESSAGES": "11",
            "SQS_QEUE_URL": QUEUE,
            "SINK": "redshift",
            "WORKER_PROCESSES": "many",
            "METRICS_PORT": "tcp://10.0.0.7:9100",
            "BATCH_MAX_ROWS": "5000",
            "WORKER_DRAIN_SECONDS": "nan",
            "ENABLE_SQS_CONSUMER": "perhaps",
            "RETRY_BASE_SECONDS": "2000",
            "LOG_LEVEL": "loud",
        }
    )
    assert len(found) == 11
    text = "\n".join(found)
    assert "SQS_QEUE_URL is not a setting: did you mean SQS_QUEUE_URL?" in found
    assert "SQS_QUEUE_URL is not set: give a URL, an ARN or a name" in found
    assert "SQS_MAX_MESSAGES is '11': give a whole number from 1 to 10" in found
    assert f"not part of this version; use one of: {', '.join(SINKS.built_in)}" in text
    assert "WORKER_PROCESSES is 'many': give a whole number from 1 to 64, or auto" in found
    assert "enableServiceLinks: false" in text
    assert "set it to at most 2500" in text
    assert "WORKER_DRAIN_SECONDS is 'nan': give a number from 0 to 3600" in found
    assert "ENABLE_SQS_CONSUMER is 'perhaps': give true or false" in found
    assert "RETRY_BASE_SECONDS is 2000, more than RETRY_MAX_SECONDS (900); set it to less" in found
    assert "LOG_LEVEL is 'loud': give one of debug, info, warning, error" in found


def test_a_rule_is_silent_about_a_field_that_is_wrong_already() -> None:
    """One mistake is one problem: a rule between two fields waits until both are right."""
    found = problems({"SQS_QUEUE_URL": QUEUE, "BATCH_MAX_ROWS": "many"})
    assert found == ["BATCH_MAX_ROWS is 'many': give a whole number from 1 to 10000"]
    found = problems({"SQS_QUEUE_URL": QUEUE, "IN_FLIGHT_MAX_MESSAGES": "few", "BATCH_MAX_ROWS": "9000"})
    assert found == ["IN_FLIGHT_MAX_MESSAGES is 'few': give a whole number from 1 to 120000"]


def test_a_batch_is_no_larger_than_what_may_be_in_flight() -> None:
    """In rows and in bytes: otherwise it would always wait out its time and never be full."""
    found = problems({"SQS_QUEUE_URL": QUEUE, "BATCH_MAX_ROWS": "4001", "BATCH_MAX_BYTES": "67108865"})
    assert [text.split()[0] for text in found] == ["BATCH_MAX_ROWS", "BATCH_MAX_BYTES"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SQS_MAX_MESSAGES", "0"),
        ("SQS_MAX_MESSAGES", "11"),
        ("SQS_WAIT_TIME_SECONDS", "21"),
        ("SQS_VISIBILITY_TIMEOUT", "0"),
        ("SQS_VISIBILITY_TIMEOUT", "43201"),
        ("SQS_RECEIVERS", "201"),
        ("IN_FLIGHT_MAX_MESSAGES", "120001"),
        ("IN_FLIGHT_MAX_BYTES", "1048575"),
        ("WORKER_CONCURRENCY", "0"),
        ("WORKER_CONCURRENCY", "1001"),
        ("BATCH_MAX_WAIT_MS", "60001"),
        ("HANDLER_TIMEOUT_SECONDS", "42601"),
        ("WORKER_DRAIN_SECONDS", "inf"),
        ("WORKER_PROCESSES", "0"),
        ("WORKER_PROCESSES", "65"),
        ("WORKER_PROCESSES", "1.5"),
        ("WORKER_REPORT_SECONDS", "0"),
        ("METRICS_PORT", "65536"),
        ("WORKER_ID", "a b"),
        ("WORKER_ID", "x" * 129),
        ("CODEC", "yaml"),
        ("SQS_TRANSPORT", "carrier"),
        ("SQLITE_TABLE", "drop table"),
        ("SQLITE_TABLE", "sqlite_master"),
        ("SQLITE_PATH", ":memory:"),
        ("HANDLER", "handle"),
        ("HANDLER", "a..b"),
        ("HANDLER", "a:b:c"),
        ("HANDLER", "a:b."),
        ("DEDUPLICATION_KEY", "a..b"),
        ("AWS_REGION", "nowhere"),
    ],
)
def test_a_value_out_of_bounds_is_named_with_what_is_allowed(name: str, value: str) -> None:
    """Each bound is held, and the sentence names the variable and its value."""
    found = problems({"SQS_QUEUE_URL": "orders", name: value})
    assert len(found) == 1
    assert found[0].startswith(f"{name} is '{value[:60]}")


@pytest.mark.parametrize(("given", "meant"), [("1", 1), ("64", 64), ("auto", "auto"), ("AUTO", "auto")])
def test_processes_are_a_number_or_auto(given: str, meant: object) -> None:
    """`auto` is left for the machine that it runs on to say."""
    assert loaded(WORKER_PROCESSES=given).worker.processes == meant


@pytest.mark.parametrize("processes", ["2", "auto"])
def test_several_processes_do_not_share_standard_output(processes: str) -> None:
    """Lines longer than a pipe takes in one piece would be mixed; a file is locked."""
    given = {"SQS_QUEUE_URL": QUEUE, "SINK": "ndjson", "WORKER_PROCESSES": processes}
    (problem,) = problems(given | {"NDJSON_PATH": "-"})
    assert problem.startswith(f"WORKER_PROCESSES is {processes}, but pipeline default writes to standard output")
    (pipeline,) = load(given | {"NDJSON_PATH": "rows.ndjson"}).pipelines
    assert pipeline.sink_settings == NdjsonSettings(path="rows.ndjson")
    assert load(given | {"NDJSON_PATH": "-", "WORKER_PROCESSES": "1"}).worker.processes == 1


def test_smaller_bounds_in_flight_make_smaller_batches() -> None:
    """Lowering one limit does not demand to lower the other by hand; the origin says what happened."""
    settings = loaded(IN_FLIGHT_MAX_MESSAGES="100", IN_FLIGHT_MAX_BYTES="2097152")
    assert (settings.pipelines[0].batch_max_rows, settings.pipelines[0].batch_max_bytes) == (100, 2_097_152)
    assert settings.origins["BATCH_MAX_ROWS"] == ("100", "follows from IN_FLIGHT_MAX_MESSAGES")


@pytest.mark.parametrize("handler", ["shop.orders:handle", "shop.orders.handle", "shop.orders:desk.handle"])
def test_naming_a_handler_chooses_it(handler: str) -> None:
    """HANDLER alone means SINK=handler; a method of an object is a function, too."""
    settings = loaded(HANDLER=handler)
    assert settings.pipelines[0].sink == "handler"
    assert settings.origins["SINK"] == ("handler", "follows from HANDLER")


def test_a_handler_beside_another_sink_is_refused() -> None:
    """Otherwise the messages would go elsewhere and be deleted without the function being called."""
    (problem,) = problems({"SQS_QUEUE_URL": QUEUE, "HANDLER": "a.b", "SINK": "sqlite"})
    assert "never be called" in problem


def test_the_handler_sink_needs_a_handler() -> None:
    """SINK=handler alone cannot do anything."""
    (problem,) = problems({"SQS_QUEUE_URL": QUEUE, "SINK": "handler"})
    assert problem.startswith("HANDLER is not set")


def test_a_maximum_of_receives_needs_somewhere_to_send_to() -> None:
    """Else nothing would happen after so many."""
    (problem,) = problems({"SQS_QUEUE_URL": QUEUE, "SQS_MAX_RECEIVES": "5"})
    assert "SQS_MAX_RECEIVES is set" in problem
    assert "SQS_DLQ_URL" in problem
    assert load({"SQS_QUEUE_URL": QUEUE, "SQS_MAX_RECEIVES": "5", "SQS_DLQ_URL": "dead"}).pipelines[0].max_receives == 5


@pytest.mark.parametrize(
    "dlq",
    ["orders", "arn:aws:sqs:eu-west-1:123456789012:orders", "https://sqs.eu-west-1.amazonaws.com/123456789012/orders"],
)
def test_the_dead_letter_queue_is_not_the_queue_itself(dlq: str) -> None:
    """However it is written: rejected messages would come back for ever."""
    (problem,) = problems({"SQS_QUEUE_URL": QUEUE, "SQS_DLQ_URL": dlq})
    assert "is the queue itself" in problem


def test_the_dead_letter_queue_is_of_the_same_type() -> None:
    """SQS takes FIFO messages only into FIFO queues, and the reverse."""
    (problem,) = problems({"SQS_QUEUE_URL": "orders.fifo", "SQS_DLQ_URL": "orders-dlq"})
    assert "must be a FIFO queue" in problem


def test_the_queue_s_own_address_decides_its_region() -> None:
    """A shell's AWS_REGION cannot send the worker to a region where the queue is not, and it is told."""
    settings = loaded(AWS_REGION="us-east-1")
    assert settings.pipelines[0].region == "eu-west-1"
    assert settings.notices == ("AWS_REGION is us-east-1, but the queue's address names eu-west-1, which is used",)


def test_the_region_of_a_bare_name_is_the_environment_s() -> None:
    """AWS_REGION, else AWS_DEFAULT_REGION, else the SDK's own configuration."""
    assert loaded(SQS_QUEUE_URL="orders", AWS_DEFAULT_REGION="eu-west-3").pipelines[0].region == "eu-west-3"
    both = loaded(SQS_QUEUE_URL="orders", AWS_DEFAULT_REGION="eu-west-3", AWS_REGION="eu-west-2")
    assert both.pipelines[0].region == "eu-west-2"
    assert loaded(SQS_QUEUE_URL="orders").pipelines[0].region is None


def test_a_queue_on_this_machine_is_asked_on_this_machine() -> None:
    """A loopback's queue URL is enough: the endpoint and a region follow from it."""
    (pipeline,) = loaded(SQS_QUEUE_URL="http://127.0.0.1:9324/000000000000/orders").pipelines
    assert (pipeline.endpoint_url, pipeline.region) == ("http://127.0.0.1:9324", "us-east-1")


def test_a_foreign_plain_http_queue_is_refused() -> None:
    """An endpoint that follows from a queue URL is held to the same rule as one that is given."""
    (problem,) = problems({"SQS_QUEUE_URL": "http://queue.example.com/1/orders"})
    assert "use https" in problem


def test_a_password_in_a_url_is_neither_taken_nor_shown() -> None:
    """Problems end in logs, and logs are read by many."""
    (problem,) = problems({"SQS_QUEUE_URL": "orders", "SQS_ENDPOINT_URL": "https://me:geheim@sqs.example.com"})
    assert "geheim" not in problem
    assert "leave the user name and password out" in problem


DSN = "postgresql://me:geheim@db/shop"


def test_a_secret_is_listed_but_not_its_text() -> None:
    """Whatever shows the settings, the password is not in it."""
    settings = loaded(SINK="postgres", POSTGRES_DSN=DSN, POSTGRES_TABLE="shop.orders")
    assert settings.origins["POSTGRES_DSN"] == ("********", "environment")
    assert settings.origins["POSTGRES_TABLE"] == ("shop.orders", "environment")
    assert "geheim" not in repr(settings)
    assert settings.notices == ()
    (pipeline,) = settings.pipelines
    assert isinstance(pipeline.sink_settings, PostgresSettings)
    assert pipeline.sink_settings.dsn.get_secret_value() == DSN


def test_a_wrong_dsn_is_told_without_its_text() -> None:
    """Problems end in logs; a password may stand anywhere in a DSN that nobody can read."""
    found = problems({"SQS_QUEUE_URL": "orders", "SINK": "postgres", "POSTGRES_DSN": "mysql://me@db?password=geheim"})
    (problem,) = found
    assert problem.startswith("POSTGRES_DSN cannot be read: it is neither a URL of PostgreSQL nor in libpq's form")
    assert problem.endswith("for SINK=postgres give postgresql://user:password@host:port/database")
    assert "geheim" not in problem


def test_words_of_a_dsn_that_are_dropped_are_notices() -> None:
    """By name, and without what else it holds."""
    dsn = "postgresql://me:geheim@db/shop?sslmode=require&channel_binding=require&gssencmode=disable"
    (notice,) = loaded(SINK="postgres", POSTGRES_DSN=dsn).notices
    assert notice.startswith("channel_binding in POSTGRES_DSN is ignored")


def test_a_postgres_sink_without_a_database_is_refused() -> None:
    """There is no default that could be right."""
    (problem,) = problems({"SQS_QUEUE_URL": "orders", "SINK": "postgres"})
    assert problem.startswith("POSTGRES_DSN is not set: for SINK=postgres give postgresql://")


def test_a_dsn_that_no_sink_uses_is_a_notice() -> None:
    """Who sets it and forgets SINK would look for rows in the wrong place."""
    assert loaded(POSTGRES_DSN=DSN).notices == ("POSTGRES_DSN is set but not used by SINK=sqlite",)


@pytest.mark.parametrize("table", ["a.b.c", "1a", "a-b", 'a"; DROP TABLE x', ".a", "a.", "x" * 64])
def test_a_table_that_is_no_name_is_refused(table: str) -> None:
    """Names are quoted as well, but a strange one is surely a slip."""
    (problem,) = problems({"SQS_QUEUE_URL": "orders", "POSTGRES_TABLE": table})
    assert problem.startswith("POSTGRES_TABLE is ")
