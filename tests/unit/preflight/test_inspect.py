"""Each check of the preflight: when it is content, when it warns, when it refuses."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.preflight.queues import ARN, DLQ, QUEUE, found, handler
from worker.preflight import inspect
from worker.settings import PipelineSettings, WorkerSettings
from worker.sinks.handler.settings import HandlerSettings
from worker.sqs.queue import QueueAttributes, Redrive


def test_a_well_made_queue_is_found_well() -> None:
    """The shop's order queue with our defaults: nothing to change, and every line says so."""
    assert {f.severity for f in found().values()} == {"ok"}
    assert all(f.finding and not f.fix for f in found().values())


def test_without_a_lease_nothing_can_be_held() -> None:
    """A visibility timeout of 0 hands every message to every receive."""
    assert found(replace(QUEUE, visibility_timeout=0))["visibility"].severity == "refuse"
    assert found(replace(QUEUE, visibility_timeout=0), visibility_timeout=60)["visibility"].severity == "ok"


@pytest.mark.parametrize(("lease", "severity"), [(25, "warn"), (26, "ok")])
def test_a_lease_outlives_the_receive(lease: int, severity: str) -> None:
    """Visibility above the long poll and its margin: 20 + 5 s."""
    assert found(replace(QUEUE, visibility_timeout=lease))["visibility"].severity == severity
    assert found(visibility_timeout=lease)["visibility"].severity == severity


@pytest.mark.parametrize(("lease", "severity"), [(9, "warn"), (10, "ok")])
def test_a_lease_is_long_enough_to_be_renewed(lease: int, severity: str) -> None:
    """Below ten seconds one slow call loses it."""
    assert found(replace(QUEUE, visibility_timeout=lease))["renewal"].severity == severity


@pytest.mark.parametrize(
    ("in_flight", "round_trip", "severity"),
    [(2_000, 0.05, "ok"), (120_000, 0.02, "ok"), (120_000, 0.11, "warn"), (2_000, 5.9, "ok"), (2_000, 6.1, "warn")],
)
def test_the_leases_of_all_that_may_be_in_flight_can_be_renewed(
    in_flight: int, round_trip: float, severity: str
) -> None:
    """Ten to a call and eight calls side by side, within the half of the lease that is left when it is renewed."""
    finding = found(round_trip=round_trip, in_flight_max_messages=in_flight)["renewals"]
    assert finding.severity == severity
    assert "renewals" not in found(in_flight_max_messages=in_flight)


def test_what_cannot_be_renewed_says_how_many_can() -> None:
    """The advice, followed, is enough: by the bound, and by the lease."""
    finding = found(round_trip=0.5, in_flight_max_messages=120_000)["renewals"]
    assert finding.fix == "set IN_FLIGHT_MAX_MESSAGES to 24000 or less, or SQS_VISIBILITY_TIMEOUT to 1500 or more"
    assert found(round_trip=0.5, in_flight_max_messages=24_000)["renewals"].severity == "ok"
    followed = found(round_trip=0.5, in_flight_max_messages=120_000, visibility_timeout=1_500)
    assert followed["renewals"].severity == "ok"


def test_a_handler_stays_within_twelve_hours_and_the_retention() -> None:
    """Beyond either, SQS takes the message away while it is being handled."""
    assert "handler" not in found()
    assert found(**handler())["handler"].severity == "ok"
    too_long = HandlerSettings(function="a.b").model_copy(update={"timeout_seconds": 43_000.0})
    findings = inspect(
        PipelineSettings(queue="q", sink="handler", sink_settings=too_long), WorkerSettings(), QUEUE, DLQ
    )
    assert [f.severity for f in findings if f.check == "handler"] == ["refuse"]
    assert found(replace(QUEUE, retention_seconds=300), **handler())["handler"].severity == "refuse"


def test_a_short_retention_is_a_warning() -> None:
    """A weekend's outage would lose messages."""
    assert found(replace(QUEUE, retention_seconds=86_399))["retention"].severity == "warn"


@pytest.mark.parametrize(("drain", "severity", "words"), [(25, "ok", ""), (26, "warn", ""), (116, "warn", "Fargate")])
def test_stopping_fits_into_what_platforms_give(drain: float, severity: str, words: str) -> None:
    """Five seconds beyond the drain: 30 s of Kubernetes and ECS, at most 120 s of Fargate."""
    finding = found(drain=drain)["drain"]
    assert finding.severity == severity
    assert words in finding.fix


def test_long_work_that_was_asked_for_is_held_against_the_drain() -> None:
    """A job of 15 minutes is cut off at every deployment; the default limit is nobody's wish."""
    assert found(**handler())["drain"].severity == "ok"
    assert found(**handler(timeout_seconds=900))["drain"].severity == "warn"
    assert found(**handler(timeout_seconds=20))["drain"].severity == "ok"


def test_a_queue_without_dead_letters_is_a_warning() -> None:
    """What can never be handled would return until its retention ends."""
    assert found(replace(QUEUE, redrive=None), None)["dead-letter queue"].severity == "warn"


@pytest.mark.parametrize(
    ("check", "dlq", "severity"),
    [
        ("dead-letter queue", QUEUE, "refuse"),
        ("dead-letter queue", replace(DLQ, fifo=True), "refuse"),
        ("dead-letter size", replace(DLQ, max_message_bytes=262_144), "warn"),
        ("dead-letter retention", replace(DLQ, retention_seconds=345_600), "warn"),
        ("dead-letter queue", DLQ, "ok"),
    ],
)
def test_the_dead_letter_queue_can_take_what_comes(check: str, dlq: QueueAttributes, severity: str) -> None:
    """Another queue, of the same type, for messages as large, and for longer."""
    assert found(dlq=dlq)[check].severity == severity


@pytest.mark.parametrize(("own", "severity"), [(None, "ok"), (3, "ok"), (4, "warn")])
def test_a_count_of_ours_above_the_policys_is_a_warning(own: int | None, severity: str) -> None:
    """SQS would move the message first, without a reason."""
    assert found(dlq_address="orders-dlq", max_receives=own)["receives"].severity == severity


@pytest.mark.parametrize(("own", "count"), [(None, "10"), (5, "5")])
def test_without_a_redrive_policy_the_check_says_who_counts(own: int | None, count: str) -> None:
    """The worker does, and what it cannot count is said as well."""
    finding = found(replace(QUEUE, redrive=None), dlq_address="orders-dlq", max_receives=own)["receives"]
    assert finding.severity == "warn"
    assert f"after {count} receives" in finding.finding
    assert "redrive policy" in finding.fix


@pytest.mark.parametrize(("receives", "severity"), [(1, "warn"), (2, "warn"), (3, "ok")])
def test_a_message_gets_three_receives(receives: int, severity: str) -> None:
    """Fewer, and deployments fill the dead-letter queue."""
    queue = replace(QUEUE, redrive=Redrive(DLQ.arn, receives))
    assert found(queue)["receives"].severity == severity


def test_two_ways_of_dead_lettering_end_in_one_queue() -> None:
    """Ours with the reason and SQS's own may both be on, if they mean the same queue."""
    ours = PipelineSettings(queue="orders", dlq="orders-dlq")
    other = PipelineSettings(queue="orders", dlq="orders-rejected")
    assert "dead-letter ways" not in {f.check for f in inspect(ours, WorkerSettings(), QUEUE, DLQ)}
    refused = [f for f in inspect(other, WorkerSettings(), QUEUE, DLQ) if f.check == "dead-letter ways"]
    assert [f.severity for f in refused] == ["refuse"]


def test_a_fleet_fits_into_the_queue_s_cap() -> None:
    """120,000 in flight for all workers; on FIFO queues the cap is silent."""
    assert "48 workers" in found()["in flight"].finding
    assert found(in_flight_max_messages=12_001)["in flight"].severity == "warn"
    fifo = replace(QUEUE, fifo=True)
    assert "as if it were empty" in found(fifo, None, in_flight_max_messages=60_000)["in flight"].finding


def test_the_bounds_hold_the_largest_message() -> None:
    """A message above the bound could never be received; above the batch it is only slow."""
    large = replace(QUEUE, max_message_bytes=2_097_152)
    large_dlq = replace(DLQ, max_message_bytes=2_097_152)
    assert found(large, large_dlq, in_flight_max_bytes=1_048_576)["message size"].severity == "refuse"
    assert found(batch_max_bytes=1_048_575)["message size"].severity == "warn"


def test_short_polling_is_a_warning() -> None:
    """It costs money while the queue is empty."""
    assert found(wait_seconds=0)["long poll"].severity == "warn"


def test_fifo_is_explained() -> None:
    """Dead letters break the order that people chose FIFO for."""
    fifo = replace(QUEUE, fifo=True, arn=ARN + "orders.fifo")
    assert found(fifo, replace(DLQ, fifo=True))["fifo"].severity == "ok"
    assert found(fifo, replace(DLQ, fifo=True))["fifo dead letters"].severity == "warn"
    assert "fifo dead letters" not in found(replace(fifo, redrive=None), None)


attributes = st.builds(
    QueueAttributes,
    arn=st.sampled_from([QUEUE.arn, DLQ.arn, ARN + "orders.fifo"]),
    visible=st.integers(0, 10),
    not_visible=st.integers(0, 10),
    delayed=st.integers(0, 10),
    visibility_timeout=st.integers(0, 43_200),
    retention_seconds=st.integers(60, 1_209_600),
    max_message_bytes=st.integers(1024, 1_048_576),
    wait_seconds=st.integers(0, 20),
    delay_seconds=st.integers(0, 900),
    fifo=st.booleans(),
    redrive=st.none() | st.builds(Redrive, st.sampled_from([QUEUE.arn, DLQ.arn]), st.integers(1, 1000)),
)


@given(attributes, st.none() | attributes, st.sampled_from([{}, handler()]), st.none() | st.just("orders-dlq"))
def test_whatever_a_queue_says_every_trouble_has_a_fix(
    queue: QueueAttributes, dlq: QueueAttributes | None, sink: dict[str, Any], own: str | None
) -> None:
    """No attributes that SQS can give break the preflight, and nobody is left alone with a warning."""
    settings = PipelineSettings.model_validate({"queue": "orders", "dlq": own} | sink)
    for finding in inspect(settings, WorkerSettings(), queue, dlq):
        assert finding.finding
        assert bool(finding.fix) == (finding.severity != "ok")
