"""Several expositions as one: valid, complete, and each sample of a process of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Gauge, generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse
from prometheus_client.registry import Collector

from worker.facts import MessageRetried, MessagesReceived, PipelineStarted, RequestMade
from worker.process.parent.merge import merge, read
from worker.telemetry.metrics.metrics import Metrics

if TYPE_CHECKING:
    from collections.abc import Iterable

    from prometheus_client.metrics_core import Metric


class Given(Collector):
    """Families that are there already."""

    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        """Those."""
        return self._families


def exposition(worker_id: str, received: int) -> str:
    """What a process exposes."""
    metrics = Metrics(version="1", worker_id=worker_id)
    metrics.observe(PipelineStarted("orders", "orders", "json", "sqlite", 30, receiving=True))
    metrics.observe(MessagesReceived("orders", asked=10, count=received, bytes=1, seconds=0.1))
    metrics.observe(RequestMade("orders", "ReceiveMessage", "ok", 0.1))
    metrics.observe(MessageRetried("orders", "id", "shaky", "detail", 1, 5))
    return generate_latest(metrics.registry).decode()


def registry_of(texts: dict[str, str]) -> CollectorRegistry:
    """What the parent exposes of *texts*."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Given(merge({name: read(text) or [] for name, text in texts.items()})))
    return registry


def test_every_sample_is_there_once_with_its_process() -> None:
    """Nothing is lost, nothing is added but the label, and no value is changed."""
    texts = {"0": exposition("w-0", 3), "1": exposition("w-1", 4)}
    merged = generate_latest(registry_of(texts)).decode()
    found = sorted((s.name, sorted(s.labels.items()), s.value) for f in parse(merged) for s in f.samples)
    expected = sorted(
        (s.name, sorted({**s.labels, "process": name}.items()), s.value)
        for name, text in texts.items()
        for f in parse(text)
        for s in f.samples
    )
    assert found == expected
    assert len(found) > 60


def test_a_family_has_one_head_and_stands_together() -> None:
    """HELP and TYPE come once, before all samples of the family, as the format demands."""
    merged = generate_latest(registry_of({"0": exposition("w-0", 3), "1": exposition("w-1", 4)})).decode()
    heads = [line.split()[2] for line in merged.splitlines() if line.startswith("# TYPE")]
    assert len(heads) == len(set(heads))
    assert merged.count("# HELP sqs_worker_messages_received_total ") == 1


def test_the_result_is_valid_openmetrics_too() -> None:
    """Prometheus asks for it, and its parser is the strict one."""
    registry = registry_of({"0": exposition("w-0", 3), "1": exposition("w-1", 4)})
    text = generate_openmetrics(registry).decode()  # type: ignore[no-untyped-call] # the library left it unannotated
    received = {
        s.labels["process"]: s.value
        for family in parse_openmetrics(text)  # type: ignore[no-untyped-call] # the library's parser
        for s in family.samples
        if s.name == "sqs_worker_messages_received_total"
    }
    assert received == {"0": 3.0, "1": 4.0}


def test_a_family_that_only_one_process_has_is_kept() -> None:
    """Labels appear when something happens, and it may have happened in one place."""
    texts = {"0": "# TYPE a_total counter\na_total 1\n", "1": "# TYPE b gauge\nb 2\n"}
    merged = merge({name: read(text) or [] for name, text in texts.items()})
    assert [(f.name, f.type, [s.labels for s in f.samples]) for f in merged] == [
        ("a", "counter", [{"process": "0"}]),
        ("b", "gauge", [{"process": "1"}]),
    ]


@settings(deadline=None)  # the machine may be busy
@given(st.text(max_size=40))
def test_whatever_stands_in_a_label_survives_the_way(value: str) -> None:
    """Quotes, backslashes and line ends are the same after reading and writing."""
    own = CollectorRegistry()
    Gauge("family", "What it says.", ["reason"], registry=own).labels(value).set(1)
    merged = generate_latest(registry_of({"0": generate_latest(own).decode()})).decode()
    assert [s.labels for f in parse(merged) for s in f.samples] == [{"reason": value, "process": "0"}]


def test_what_is_cut_off_or_no_exposition_is_not_read() -> None:
    """Half a scrape would look like counters that were reset."""
    whole = exposition("w", 1)
    assert read(whole) is not None
    assert read(whole[:-5]) is None
    assert read("<html>nothing here</html>\n") is None
    assert read("") is None
