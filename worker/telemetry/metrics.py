"""The observer that counts: every fact becomes counters, gauges and histograms in a registry of its own.

Takes facts on the loop's thread and is scraped from the server's; neither waits for the other. It ends with the run.
"""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING, Final

from prometheus_client import (
    CollectorRegistry,
    Gauge,
    Info,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from worker import facts
from worker.telemetry.account import Accounts
from worker.telemetry.ages import Ages
from worker.telemetry.dispatch import Dispatch
from worker.telemetry.families import Families
from worker.telemetry.outlook_scrape import OutlookCollector
from worker.telemetry.scrape import AccountCollector, ShareCollector

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from worker.facts import ReadState
    from worker.telemetry.bottleneck import Shares
    from worker.telemetry.health import Verdict
    from worker.telemetry.outlook import Outlook

LOG_ONLY: Final[frozenset[type[facts.Fact]]] = frozenset(
    {
        facts.WorkerStarted,
        facts.WorkerStopping,
        facts.WorkerStopped,
        facts.PipelineStopped,
        facts.PreflightFound,
        facts.SettingsNoticed,
        facts.WaitingGivenBack,  # its messages are counted as released
        facts.CallFailed,  # its messages are counted as retried
        facts.StageLost,
        facts.StartDelayed,
        facts.TransportChosen,
        facts.WorkerRefused,
        facts.WorkerFailed,
        facts.DeadLettersUnseen,
        facts.CredentialsKept,
        facts.CredentialsRenewed,  # the refusals are counted among the requests
        facts.ParentStarted,  # what a parent saw is counted by worker/process/parent/figures.py
        facts.ParentGaveUp,
        facts.ProcessStarted,
        facts.ProcessEnded,
        facts.ProcessLost,
        facts.ProcessKilled,
        facts.PerformanceReported,  # the same figures are gauges, read at each scrape
        facts.ReceiversChanged,  # the gauge is read from the pipeline's state, so it is right before a change too
    }
)
"""Facts without a number of their own."""


class Metrics(Dispatch):
    """The Prometheus side of the worker."""

    def __init__(self, *, version: str = "", worker_id: str = "", accounts: Accounts | None = None) -> None:
        super().__init__()
        # A second series for each counter that nobody queries.
        disable_created_metrics()  # type: ignore[no-untyped-call] # the library left it unannotated
        self.registry = CollectorRegistry(auto_describe=False)
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        accounts = accounts or Accounts()
        self.share(accounts)
        self._scrape = AccountCollector(accounts)
        self._end_to_end = Ages("sqs_worker_message_end_to_end_seconds", "From sent to accepted by the sink.")
        self._latency = Ages("sqs_worker_message_queue_latency_seconds", "From sent to received.")
        for collector in (self._scrape, self._end_to_end, self._latency):
            self.registry.register(collector)
        self._families = Families(self.registry)
        build = Info("sqs_worker_build", "What runs here.", registry=self.registry)
        build.info({"version": version, "worker_id": worker_id, "python": platform.python_version()})
        self._on_receiving()
        self._on_handling()
        self._on_settling()

    def watch(self, pipeline: str, read: ReadState) -> None:
        """Show the live numbers of *pipeline*, asked of *read* at each scrape."""
        self._scrape.watch(pipeline, read)

    def watch_loop_lag(self, read: Callable[[], float]) -> None:
        """Show how late the event loop is, asked at each scrape: a loop that is blocked now shows as well."""
        lag = Gauge("sqs_worker_event_loop_lag_seconds", "How late the event loop is.", registry=self.registry)
        lag.set_function(read)

    def watch_shares(self, read: Callable[[], Mapping[str, Shares]]) -> None:
        """Show where the time of each pipeline goes, asked at each scrape."""
        self.registry.register(ShareCollector(read))

    def watch_outlooks(self, read: Callable[[], Mapping[tuple[str, str], Outlook]]) -> None:
        """Show what becomes of each queue, asked by pipeline and queue at each scrape."""
        self.registry.register(OutlookCollector(read))

    def watch_verdicts(self, live: Callable[[], Verdict], ready: Callable[[], Verdict]) -> None:
        """Show what the probes are told, asked at each scrape."""
        said = "1 while /livez says ok, 0 while the loop or a stage stands still: only a restart helps."
        Gauge("sqs_worker_live", said, registry=self.registry).set_function(lambda: float(live()[0]))
        said = "1 while /readyz says ok: open, not stopping, queues answer, sinks take."
        Gauge("sqs_worker_ready", said, registry=self.registry).set_function(lambda: float(ready()[0]))

    def watch_count(self, name: str, documentation: str, read: Callable[[], int]) -> None:
        """Show a counter that somebody else keeps (`log_lines_dropped`, `observer_failures`)."""
        self.registry.register(_Kept(f"sqs_worker_{name}", documentation, read))

    # ── what each fact counts as ────────────────────────────────────────────────────────────────────────────────────

    def _on_receiving(self) -> None:
        of, on = self._families, self.on
        on(facts.PipelineStarted, self._pipeline_started)
        on(facts.MessagesReceived, self._messages_received)
        on(facts.ReceiveFailed, lambda f: of.receive_failures.of(f.pipeline, f.code).inc())
        on(facts.ReceiveRecovered, lambda f: of.receive_outage.of(f.pipeline).inc(f.seconds))
        on(facts.DeliveryDamaged, lambda f: of.damaged.of(f.pipeline, f.reason).inc())
        on(facts.DuplicatesReceived, lambda f: of.duplicates.of(f.pipeline).inc(f.count))
        on(facts.RedeliveriesRecognised, lambda f: of.redeliveries.of(f.pipeline).inc(f.count))
        on(facts.RequestMade, self._request_made)
        on(facts.QueueMeasured, self._queue_measured)
        on(facts.DeadLettersMeasured, self._dead_letters_measured)

    def _on_handling(self) -> None:
        of, on = self._families, self.on
        on(facts.BatchWritten, self._batch_written)
        on(facts.BatchSplit, lambda f: of.splits.of(f.pipeline, f.code).inc())
        on(facts.BatchHeld, lambda f: of.holds.of(f.pipeline, f.code).inc())
        on(facts.SuspectTried, lambda f: of.suspects.of(f.pipeline).inc())
        on(facts.SinkLost, lambda f: of.outages.of(f.pipeline, f.code).inc())
        on(facts.SinkProbed, lambda f: of.probes.of(f.pipeline, f.code).inc())
        on(facts.SinkRestored, lambda f: of.outage_seconds.of(f.pipeline).inc(f.seconds))
        on(facts.MessageRetried, lambda f: of.retries.of(f.pipeline, f.reason).inc())
        on(facts.MessageRejected, self._message_rejected)
        on(facts.CallHung, self._call_hung)
        on(facts.HungCallEnded, lambda f: of.calls_hanging.of(f.pipeline).set(f.hanging))

    def _on_settling(self) -> None:
        of, on = self._families, self.on
        on(facts.SettleFailed, self._settle_failed)
        on(facts.DeadLetterRefused, lambda f: of.settle_failures.of(f.pipeline, "dead-letter", "no", f.code).inc())
        on(facts.LeasesRenewed, lambda f: of.extensions.of(f.pipeline).inc(f.count))
        on(facts.LeasesLost, lambda f: of.leases_lost.of(f.pipeline, f.code).inc(f.count))
        on(facts.LoopLagged, self._loop_lagged)
        on(facts.TaskProtectionChanged, lambda f: of.protected.set(f.protected))
        on(facts.TaskProtectionFailed, lambda f: of.protection_failures.of(f.code).inc())

    def _pipeline_started(self, fact: facts.PipelineStarted) -> None:
        made_of = {"queue": fact.queue, "codec": fact.codec, "sink": fact.sink}
        self._families.pipeline.labels(fact.pipeline).info(made_of)

    def _messages_received(self, fact: facts.MessagesReceived) -> None:
        of, pipeline = self._families, fact.pipeline
        result = "empty" if not fact.count else "full" if fact.count >= fact.asked else "partial"
        of.receive_calls.at[pipeline, result].value += 1
        if fact.count:
            of.received_bytes.at[(pipeline,)].value += fact.bytes
        if fact.sent_at:
            self._latency.add(pipeline, fact.sent_at, fact.received_at)

    def _batch_written(self, fact: facts.BatchWritten) -> None:
        of, pipeline = self._families, fact.pipeline
        of.batch_rows.of(pipeline).observe(fact.rows)
        of.batch_bytes.of(pipeline).observe(fact.bytes)
        of.decode_seconds.of(pipeline).observe(fact.decode_seconds)
        of.write_seconds.of(pipeline).observe(fact.write_seconds)
        of.writes.of(pipeline).inc(fact.writes)
        if fact.accepted:
            of.accepted.of(pipeline).inc(fact.accepted)
            of.last_success.of(pipeline).set(fact.finished_at)
            self._end_to_end.add(pipeline, fact.sent_at, fact.finished_at)

    def _message_rejected(self, fact: facts.MessageRejected) -> None:
        dead_lettered = "yes" if fact.dead_lettered else "no"
        self._families.rejections.of(fact.pipeline, dead_lettered, fact.reason).inc()

    def _call_hung(self, fact: facts.CallHung) -> None:
        self._families.calls_hung.of(fact.pipeline).inc()
        self._families.calls_hanging.of(fact.pipeline).set(fact.hanging)

    def _settle_failed(self, fact: facts.SettleFailed) -> None:
        final = "yes" if fact.final else "no"
        self._families.settle_failures.of(fact.pipeline, fact.operation, final, fact.code).inc(fact.count)

    def _request_made(self, fact: facts.RequestMade) -> None:
        of, pipeline, operation = self._families, fact.pipeline, fact.operation
        of.requests.at[pipeline, operation, fact.code].value += 1
        of.request_seconds.at[pipeline, operation].observe(fact.seconds)

    def _queue_measured(self, fact: facts.QueueMeasured) -> None:
        depth = self._families.depth
        depth.of(fact.queue, "visible").set(fact.visible)
        depth.of(fact.queue, "not_visible").set(fact.not_visible)
        depth.of(fact.queue, "delayed").set(fact.delayed)

    def _dead_letters_measured(self, fact: facts.DeadLettersMeasured) -> None:
        depth = self._families.dead_letters
        depth.of(fact.pipeline, fact.queue, "visible").set(fact.visible)
        depth.of(fact.pipeline, fact.queue, "not_visible").set(fact.not_visible)
        depth.of(fact.pipeline, fact.queue, "delayed").set(fact.delayed)

    def _loop_lagged(self, fact: facts.LoopLagged) -> None:
        self._families.loop_stalls.inc()
        self._families.loop_stalled.inc(fact.seconds)


class _Kept(Collector):
    """A counter whose value is kept elsewhere."""

    def __init__(self, name: str, documentation: str, read: Callable[[], int]) -> None:
        self._name = name
        self._documentation = documentation
        self._read = read

    def collect(self) -> Iterable[CounterMetricFamily]:
        return [CounterMetricFamily(self._name, self._documentation, value=self._read())]
