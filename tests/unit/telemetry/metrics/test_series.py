"""Our own counters and histograms beside those of prometheus_client: a scraper sees no difference."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from worker.telemetry.metrics.ages import BOUNDS, Ages
from worker.telemetry.metrics.series import Numbers, Spreads, label

NAMES = ("pipeline", "code")
SPREADS = ((0.0005, 0.01, 1.0, 20.5), (1, 2, 5000), tuple(4**n * 1024 for n in range(8)), BOUNDS)
labels = st.tuples(st.sampled_from(["orders", "mail"]), st.text(max_size=5))


@pytest.fixture(autouse=True)
def _no_created_series(monkeypatch: pytest.MonkeyPatch) -> None:
    """As `Metrics` switches it, for all of the process: whichever test comes first."""
    monkeypatch.setattr("prometheus_client.metrics._use_created", False)


def exposed(*collectors: Numbers | Spreads) -> bytes:
    """What a scraper reads of *collectors*."""
    registry = CollectorRegistry()
    for collector in collectors:
        registry.register(collector)
    return generate_latest(registry)


@given(st.lists(st.tuples(labels, st.floats(0, 1e6))))
def test_numbers_are_exposed_as_the_librarys(amounts: list[tuple[tuple[str, str], float]]) -> None:
    """Counters and gauges: same lines in the same order, whatever the labels, and a family without children too."""
    theirs = CollectorRegistry()
    counter, gauge = Counter("n", "N.", NAMES, registry=theirs), Gauge("g", "G.", NAMES, registry=theirs)
    count = Numbers(CounterMetricFamily, "n", "N.", NAMES)
    level = Numbers(GaugeMetricFamily, "g", "G.", NAMES)
    for given_labels, amount in amounts:
        plain = [label(text) for text in given_labels]
        counter.labels(*plain).inc(amount)
        gauge.labels(*plain).set(amount)
        count.of(*given_labels).inc(amount)
        level.at[given_labels].set(amount)
    assert exposed(count, level) == generate_latest(theirs)


@pytest.mark.parametrize("bounds", SPREADS)
@given(values=st.lists(st.tuples(labels, st.floats(0, 1e8) | st.sampled_from([float(b) for s in SPREADS for b in s]))))
def test_spreads_are_exposed_as_the_librarys(
    bounds: tuple[float, ...], values: list[tuple[tuple[str, str], float]]
) -> None:
    """Buckets, their spelling, count and sum agree for any values, those on a bound included."""
    theirs = CollectorRegistry()
    histogram = Histogram("h", "H.", NAMES, registry=theirs, buckets=bounds)
    ours = Spreads("h", "H.", NAMES, bounds)
    for given_labels, value in values:
        histogram.labels(*map(label, given_labels)).observe(value)
        ours.of(*given_labels).observe(value)
    assert exposed(ours) == generate_latest(theirs)


@given(
    at=st.integers(1_700_000_000_000, 1_900_000_000_000),
    ages=st.lists(st.integers(-1_000, 400_000_000) | st.integers(0, 100), min_size=1, max_size=60),
)
def test_a_batch_of_ages_is_counted_as_if_one_by_one(at: int, ages: list[int]) -> None:
    """In milliseconds of today: a batch in any order falls into the buckets of its messages, and its sum is theirs."""
    family = Ages("a_seconds", "A.")
    family.add("p", tuple((at - age) / 1000 for age in ages), (at + 0.5) / 1000)  # half a millisecond off every bound
    samples = [sample for metric in family.collect() for sample in metric.samples]
    buckets = {sample.labels["le"]: sample.value for sample in samples if sample.name == "a_seconds_bucket"}
    assert [buckets[repr(bound)] for bound in BOUNDS] == [sum(age < bound * 1000 for age in ages) for bound in BOUNDS]
    assert buckets["+Inf"] == len(ages)
    within = pytest.approx(max(0.0, sum(ages) + len(ages) / 2) / 1000, abs=len(ages) * 1e-4)
    assert samples[-1].value == within
