"""What the registry shows after facts, as a scraper reads it."""

from __future__ import annotations

import timeit
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse

from worker.facts import (
    BatchWritten,
    DeliveriesSettled,
    Fact,
    LoopLagged,
    MessageRejected,
    MessageRetried,
    MessagesReceived,
    PipelineState,
    QueueMeasured,
    RequestMade,
    SettleFailed,
    TransitionRefused,
)
from worker.telemetry.load.bottleneck import STAGES, Shares
from worker.telemetry.metrics.ages import BOUNDS, Ages
from worker.telemetry.metrics.metrics import LOG_ONLY, Metrics
from worker.telemetry.metrics.series import CHILDREN_MAX, LABEL_CHARACTERS

if TYPE_CHECKING:
    from collections.abc import Callable

    from worker.outcome import OutcomeName

OUTCOMES: tuple[OutcomeName, ...] = ("deleted", "retried", "rejected", "released", "expired")
LABELS_ALLOWED = {
    *("pipeline", "queue", "state", "stage", "result", "operation", "code", "reason", "final", "dead_lettered", "le"),
    *("transition", "codec", "sink", "version", "worker_id", "python"),
}


def samples(metrics: Metrics) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Every sample of an exposition by name and labels."""
    text = generate_latest(metrics.registry).decode()
    return {(s.name, frozenset(s.labels.items())): s.value for f in parse(text) for s in f.samples}


def value(metrics: Metrics, name: str, **labels: str) -> float:
    return samples(metrics)[(f"sqs_worker_{name}", frozenset(labels.items()))]


def received(count: int, asked: int = 10) -> MessagesReceived:
    return MessagesReceived("orders", asked=asked, count=count, bytes=count * 100, seconds=0.1)


def test_every_fact_is_counted_or_listed_as_log_only(every_kind: list[type[Fact]]) -> None:
    """No fact can be added without deciding what it counts as."""
    assert {*Metrics().kinds(), *LOG_ONLY} == set(every_kind)
    assert not Metrics().kinds() & LOG_ONLY


def test_every_class_below_fact_is_seen_by_the_tests(every_kind: list[type[Fact]]) -> None:
    """A fact hidden elsewhere than in the events module would escape every other test."""
    assert {kind.__name__ for kind in Fact.__subclasses__()} == {kind.__name__ for kind in every_kind}


def test_every_counted_fact_moves_a_number(every_kind: list[type[Fact]], make: Callable[[type[Fact]], Fact]) -> None:
    """A handler that is registered but does nothing is found."""
    for kind in set(every_kind) - LOG_ONLY:
        metrics = Metrics()
        before = _ours(metrics)
        metrics.observe(make(kind))
        assert _ours(metrics) != before, kind.__name__


def test_no_fact_has_a_field_for_a_body_a_handle_or_a_secret(every_kind: list[type[Fact]]) -> None:
    """What a fact cannot hold, no log and no metric can show."""
    forbidden = ("body", "handle", "secret", "password", "token", "credential", "value")
    assert [(k.__name__, n) for k in every_kind for n in k.names() for word in forbidden if word in n] == []


def test_only_known_labels_and_plain_names_are_exposed(
    every_kind: list[type[Fact]], make: Callable[[type[Fact]], Fact], state: PipelineState
) -> None:
    """The exposition of everything at once follows the naming rules, ids are no labels, and `_created` is off."""
    metrics = full(every_kind, make, state)
    for name, labels in samples(metrics):
        if name.startswith(("sqs_worker_", "sqs_queue_")):
            assert {label for label, _ in labels} <= LABELS_ALLOWED, name
            assert not name.endswith("_created")
            assert "a-message_id" not in {text for _, text in labels}
    families = {f.name: f for f in parse(generate_latest(metrics.registry).decode())}
    counters = [f for f in families.values() if f.type == "counter" and f.name.startswith("sqs_")]
    assert all(s.name.endswith("_total") for f in counters for s in f.samples)
    assert all(f.documentation.endswith(".") for f in families.values() if f.name.startswith("sqs_"))


def test_openmetrics_is_well_formed(
    every_kind: list[type[Fact]], make: Callable[[type[Fact]], Fact], state: PipelineState
) -> None:
    """The stricter of the two formats is accepted by its own parser, and the process is in it."""
    text = generate_openmetrics(full(every_kind, make, state).registry)  # type: ignore[no-untyped-call] # the library's
    names = {f.name for f in parse_openmetrics(text.decode())}  # type: ignore[no-untyped-call] # as above
    assert {"sqs_worker_messages_received", "process_cpu_seconds", "python_info", "sqs_worker_build"} <= names


def full(every_kind: list[type[Fact]], make: Callable[[type[Fact]], Fact], state: PipelineState) -> Metrics:
    metrics = Metrics(version="1", worker_id="w")
    metrics.watch("orders", lambda: state)
    metrics.watch_loop_lag(lambda: 0.5)
    metrics.watch_count("log_lines_dropped", "Log lines dropped.", lambda: 7)
    metrics.watch_shares(lambda: {"orders": Shares(sink=0.5)})
    for kind in every_kind:
        metrics.observe(make(kind))
    return metrics


def _ours(metrics: Metrics) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    return {key: number for key, number in samples(metrics).items() if key[0].startswith("sqs_")}


@given(
    receives=st.lists(st.integers(0, 10), max_size=20),
    settles=st.lists(st.tuples(st.sampled_from(OUTCOMES), st.integers(1, 10)), max_size=20),
)
def test_received_is_what_left_and_what_is_in_flight(
    receives: list[int], settles: list[tuple[OutcomeName, int]]
) -> None:
    """Invariant 8, from the exposition alone, for any history."""
    metrics = Metrics()
    ledger = 0
    for count in receives:
        metrics.observe(received(count))
        ledger += count
    for outcome, wished in settles:
        count = min(wished, ledger)
        ledger -= count
        metrics.observe(DeliveriesSettled("orders", outcome=outcome, count=count))
    metrics.watch("orders", lambda: PipelineState(0, ledger, 0, ledger, 0, 1, True, True, 0.0))  # noqa: FBT003 - a value
    shown = samples(metrics)
    left = sum(n for (name, _), n in shown.items() if name in {f"sqs_worker_messages_{o}_total" for o in OUTCOMES})
    in_flight = sum(n for (name, _), n in shown.items() if name == "sqs_worker_messages_in_flight")
    assert value(metrics, "messages_received_total", pipeline="orders") == left + in_flight


def test_a_scrape_between_ledger_and_fact_looks_again(state: PipelineState) -> None:
    """A message that is in the ledger and not yet booked does not unbalance the scrape."""
    metrics = Metrics()
    metrics.observe(received(10))
    looks = iter([replace(state, in_flight=11), replace(state, in_flight=10)])
    metrics.watch("orders", lambda: next(looks))
    list(metrics.registry.collect())
    assert next(looks, None) is None


def test_a_scrape_while_the_loop_moves_a_message_between_stages_looks_again(state: PipelineState) -> None:
    """A message seen in two stages at once is not shown twice."""
    metrics = Metrics()
    metrics.observe(received(10))
    looks = iter([replace(state, settling=5), state])
    metrics.watch("orders", lambda: next(looks))
    list(metrics.registry.collect())
    assert next(looks, None) is None


def test_between_two_looks_the_loop_gets_its_turn(state: PipelineState, monkeypatch: pytest.MonkeyPatch) -> None:
    """Interrupted in mid-booking it goes on only while the scrape waits; else all looks would be the same look."""
    metrics = Metrics()
    metrics.observe(received(9))
    metrics.watch("orders", lambda: state)
    monkeypatch.setattr("time.sleep", lambda _: metrics.observe(received(1)))
    assert value(metrics, "messages_received_total", pipeline="orders") == 10


def test_stages_sum_up_to_the_ledger(state: PipelineState) -> None:
    """What is between two stages is shown as moving, so nothing in flight is missing."""
    metrics = Metrics()
    metrics.watch("orders", lambda: state)
    stages = ("buffered", "handling", "settling", "moving")
    shown = [value(metrics, "messages_in_flight", pipeline="orders", stage=stage) for stage in stages]
    assert shown == [3, 4, 1, 2]


def test_shares_of_time_and_the_bounds_that_follow_the_sink_are_gauges(state: PipelineState) -> None:
    """Every stage of every pipeline has a sample, also those in which no time is spent."""
    metrics = Metrics()
    metrics.watch_shares(lambda: {"orders": Shares(sink=0.5), "other": Shares()})
    metrics.watch("orders", lambda: replace(state, batch_rows_limit=7, batch_linger_seconds=0.05, in_flight_limit=99))
    shown = {key: number for key, number in samples(metrics).items() if key[0] == "sqs_worker_time_share"}
    assert len(shown) == 2 * len(STAGES)
    assert value(metrics, "time_share", pipeline="orders", stage="sink") == sum(shown.values()) == 0.5
    bounds = ("batch_rows_limit", "batch_linger_seconds", "in_flight_limit")
    assert [value(metrics, name, pipeline="orders") for name in bounds] == [7, 0.05, 99]


@pytest.mark.parametrize(("count", "result"), [(0, "empty"), (3, "partial"), (10, "full")])
def test_a_receive_is_counted_by_how_full_it_came(count: int, result: str) -> None:
    """The fill of receives tells whether there is a backlog and whether empty polls are paid for."""
    metrics = Metrics()
    metrics.observe(received(count))
    assert value(metrics, "receive_calls_total", pipeline="orders", result=result) == 1


def test_facts_become_the_numbers_they_hold() -> None:
    """Counts and seconds arrive in the right family under the right labels."""
    metrics = Metrics()
    metrics.observe(RequestMade("orders", operation="ReceiveMessage", code="ok", seconds=20.1))
    metrics.observe(SettleFailed("orders", operation="delete", code="InternalError", count=4, final=False))
    metrics.observe(QueueMeasured("orders", queue="q", visible=5, not_visible=6, delayed=7))
    metrics.observe(LoopLagged(seconds=0.75))
    metrics.observe(TransitionRefused("orders", "id", "accept", "held", "a defect"))
    assert value(metrics, "transitions_refused_total", pipeline="orders", transition="accept") == 1
    assert value(metrics, "api_requests_total", pipeline="orders", operation="ReceiveMessage", code="ok") == 1
    spread = {"pipeline": "orders", "operation": "ReceiveMessage"}
    assert value(metrics, "api_request_duration_seconds_bucket", **spread, le="10.0") == 0
    assert value(metrics, "api_request_duration_seconds_bucket", **spread, le="20.5") == 1
    failed = {"pipeline": "orders", "operation": "delete", "code": "InternalError", "final": "no"}
    assert value(metrics, "settle_failures_total", **failed) == 4
    assert value(metrics, "event_loop_stalled_seconds_total") == 0.75
    depth = [samples(metrics)[("sqs_queue_messages", frozenset({("queue", "q"), ("state", s)}))] for s in _STATES]
    assert depth == [5, 6, 7]


_STATES = ("visible", "not_visible", "delayed")


def test_a_rejection_says_whether_it_was_dead_lettered() -> None:
    """A message left to the redrive policy is told from one we sent on."""
    metrics = Metrics()
    rejected = MessageRejected("orders", "id", "decode", "", receive_count=1, dead_lettered=True)
    metrics.observe(rejected)
    metrics.observe(replace(rejected, dead_lettered=False))
    for dead_lettered in ("yes", "no"):
        labels = {"pipeline": "orders", "reason": "decode", "dead_lettered": dead_lettered}
        assert value(metrics, "rejections_total", **labels) == 1


def test_invented_reasons_cannot_fill_the_registry() -> None:
    """A handler that puts an id into its reason costs a bounded number of series, and every message is counted."""
    metrics = Metrics()
    for n in range(CHILDREN_MAX + 50):
        metrics.observe(MessageRetried("orders", "id", f"order {n}\n{'x' * 100}", "", receive_count=1, delay=1))
    shown = {k: n for k, n in samples(metrics).items() if k[0] == "sqs_worker_retries_total"}
    assert sum(shown.values()) == CHILDREN_MAX + 50
    assert len(shown) == CHILDREN_MAX + 1
    assert max(len(text) for _, labels in shown for _, text in labels) == LABEL_CHARACTERS
    assert value(metrics, "retries_total", pipeline="orders", reason="other") == 50


def test_ages_are_counted_by_message() -> None:
    """A batch adds each of its messages to the bucket of its own age, and their sum to the sum."""
    metrics = Metrics()
    sent = (999.99, 998.0, 400.0)
    metrics.observe(BatchWritten("orders", 4, 3, 100, 0.001, 0.01, 1, sent_at=sent, finished_at=1000.0))
    for le, count in (("0.005", 0), ("0.025", 1), ("2.5", 2), ("600.0", 3), ("+Inf", 3)):
        assert value(metrics, "message_end_to_end_seconds_bucket", pipeline="orders", le=le) == count
    assert value(metrics, "message_end_to_end_seconds_sum", pipeline="orders") == pytest.approx(602.01)
    assert value(metrics, "message_end_to_end_seconds_count", pipeline="orders") == 3
    assert value(metrics, "last_success_timestamp_seconds", pipeline="orders") == 1000.0


def test_the_wait_in_the_queue_is_shown_where_it_is_measured() -> None:
    """Send times of a receive become queue latency; without them there is no empty histogram to mislead."""
    metrics = Metrics()
    metrics.observe(received(2))
    metrics.observe(replace(received(2), sent_at=(0.0, 0.0), received_at=3.0))  # from a server that does not say when
    assert ("sqs_worker_message_queue_latency_seconds_count", frozenset({("pipeline", "orders")})) not in samples(
        metrics
    )
    metrics.observe(replace(received(2), sent_at=(1.0, 2.0), received_at=3.0))
    assert value(metrics, "message_queue_latency_seconds_sum", pipeline="orders") == pytest.approx(3.0)


@given(st.lists(st.floats(0, 1e6, exclude_min=True), min_size=1, max_size=50))
def test_buckets_hold_every_age_once(ages: list[float]) -> None:
    """Bisection agrees with the definition of a cumulative histogram on any ages, bounds included."""
    family = Ages("a_seconds", "A.")
    family.add("p", tuple(-age for age in ages), 0.0)
    buckets = {s.labels["le"]: s.value for s in next(iter(family.collect())).samples if s.name.endswith("_bucket")}
    assert buckets == {
        **{repr(b): float(sum(age <= b for age in ages)) for b in BOUNDS},
        "+Inf": float(len(ages)),
    }


def test_an_age_is_cheap() -> None:
    """The only work for each message stays within a microsecond, with a factor of four for a busy machine."""
    family, sent = Ages("a_seconds", "A."), tuple(1e9 + n / 100 for n in range(500))
    seconds = min(timeit.repeat(lambda: family.add("p", sent, 1e9 + 6.0), number=20, repeat=5)) / 20 / 500
    assert seconds < 4e-6
