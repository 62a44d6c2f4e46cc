"""The numbers read at the moment of a scrape: the account of each pipeline, and its live state.

Takes the accounts and one `ReadState` for each pipeline; gives Prometheus families. Account and ledger are read
together and again until they agree, so that received = deleted + retried + rejected + released + expired + in flight
holds in every scrape of a sound worker, and a lasting difference is a true one.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from worker.telemetry.account import OUTCOMES, Account

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from prometheus_client.metrics_core import Metric

    from worker.facts import PipelineState, ReadState
    from worker.telemetry.account import Accounts
    from worker.telemetry.load.bottleneck import Shares

_TRIES: Final = 20
"""The loop's thread books a receive in microseconds; twenty looks are more than it can spoil."""
_PAUSE_SECONDS: Final = 0.001
"""Between two looks: the loop's thread may have been interrupted in mid-booking, and goes on only while we wait."""
_SAID: Final = {
    "received": "Messages received and entered into the ledger; a message in hand that comes again counts again.",
    "deleted": "Messages deleted because the sink accepted them.",
    "retried": "Messages made visible again after a pause.",
    "rejected": "Messages rejected: dead-lettered, or left to the redrive policy.",
    "released": "Messages given back at once, unhandled.",
    "expired": "Receipts that ran out while the message was in hand, or that a later receipt of it replaced.",
}


class AccountCollector(Collector):
    """Counters of the account and gauges of the state."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts
        self._states: dict[str, ReadState] = {}
        """Written by `watch` while the worker is built, read on the server's thread."""

    def watch(self, pipeline: str, read: ReadState) -> None:
        """Ask *read* for the live numbers of *pipeline* from now on."""
        self._states[pipeline] = read

    def describe(self) -> Iterable[Metric]:
        """The families without values, so that registering does not read."""
        return [*_counters().values(), *_gauges().values()]

    def collect(self) -> Iterable[Metric]:
        """Everything as it is now."""
        counters, gauges = _counters(), _gauges()
        for pipeline in sorted({*self._accounts.by_pipeline, *self._states}):
            account, state = self._look(pipeline)
            for name, count in account.as_dict().items():
                counters[name].add_metric([pipeline], count)
            if state is not None:
                _fill(gauges, pipeline, state)
        return [*counters.values(), *gauges.values()]

    def _look(self, pipeline: str) -> tuple[Account, PipelineState | None]:
        booked = self._accounts.by_pipeline.get(pipeline, Account())
        read = self._states.get(pipeline)
        if read is None:
            return booked.copy(), None
        account, state = booked.copy(), read()
        for _ in range(_TRIES):
            if _agree(account, state):
                break
            time.sleep(_PAUSE_SECONDS)
            account, state = booked.copy(), read()
        return account, state


class ShareCollector(Collector):
    """Where the time of each pipeline goes."""

    def __init__(self, read: Callable[[], Mapping[str, Shares]]) -> None:
        self._read = read

    def describe(self) -> Iterable[Metric]:
        """The family without values, so that registering does not read."""
        return [self._family()]

    def collect(self) -> Iterable[Metric]:
        """Every stage of every pipeline."""
        family = self._family()
        for pipeline, shares in sorted(self._read().items()):
            for stage, share in shares.as_dict().items():
                family.add_metric([pipeline, stage], share)
        return [family]

    def _family(self) -> GaugeMetricFamily:
        said = "Share of time spent in a stage over the last minute; docs/performance.md says of whose time."
        return GaugeMetricFamily("sqs_worker_time_share", said, labels=["pipeline", "stage"])


def _agree(account: Account, state: PipelineState) -> bool:
    """Whether both were read at one moment: nothing is booked twice, or not yet."""
    staged = state.buffered + state.handling + state.settling
    return account.received == account.settled + state.in_flight and staged <= state.in_flight


def _counters() -> dict[str, CounterMetricFamily]:
    return {
        name: CounterMetricFamily(f"sqs_worker_messages_{name}", _SAID[name], labels=["pipeline"])
        for name in ("received", *OUTCOMES)
    }


def _gauges() -> dict[str, GaugeMetricFamily]:
    stage = "Messages in flight by stage (moving: between two stages). Their sum is the ledger."
    return {
        "stage": GaugeMetricFamily("sqs_worker_messages_in_flight", stage, labels=["pipeline", "stage"]),
        "bytes": _gauge("in_flight_bytes", "Bytes of the messages in flight."),
        "receivers": _gauge("receivers", "Long polls that may run side by side at the moment."),
        "receiving": _gauge(
            "receiving", "1 while receiving, 0 while it does not (sink unavailable, stopping, switched off)."
        ),
        "sink": _gauge("sink_available", "1 while the sink takes batches, 0 while it is unavailable."),
        "rows": _gauge("batch_rows_limit", "Most rows of the next batch; it follows the sink."),
        "linger": _gauge("batch_linger_seconds", "How long the next batch waits for more; it follows the sink."),
        "limit": _gauge("in_flight_limit", "Messages that may be in flight now; it follows the sink."),
    }


def _gauge(name: str, documentation: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"sqs_worker_{name}", documentation, labels=["pipeline"])


def _fill(gauges: dict[str, GaugeMetricFamily], pipeline: str, state: PipelineState) -> None:
    moving = max(0, state.in_flight - state.buffered - state.handling - state.settling)
    stages = {"buffered": state.buffered, "handling": state.handling, "settling": state.settling, "moving": moving}
    for stage, count in stages.items():
        gauges["stage"].add_metric([pipeline, stage], count)
    gauges["bytes"].add_metric([pipeline], state.in_flight_bytes)
    gauges["receivers"].add_metric([pipeline], state.receivers)
    gauges["receiving"].add_metric([pipeline], float(state.receiving))
    gauges["sink"].add_metric([pipeline], float(state.sink_available))
    gauges["rows"].add_metric([pipeline], state.batch_rows_limit)
    gauges["linger"].add_metric([pipeline], state.batch_linger_seconds)
    gauges["limit"].add_metric([pipeline], state.in_flight_limit)
