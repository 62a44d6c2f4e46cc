"""The observer that counts: what each fact declares becomes counters, gauges and histograms in a registry of its own.

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
from worker.telemetry.dispatch import Dispatch
from worker.telemetry.metrics.families import Families
from worker.telemetry.metrics.scrape import AccountCollector, ShareCollector
from worker.telemetry.outlook.scrape import OutlookCollector

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from worker.facts import ReadState
    from worker.telemetry.health import Verdict
    from worker.telemetry.load.bottleneck import Shares
    from worker.telemetry.outlook.outlook import Outlook

LOG_ONLY: Final[frozenset[type[facts.Fact]]] = frozenset(kind for kind in facts.KINDS if kind.uncounted)
"""Facts without a number of their own; each says why."""


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
        self.registry.register(self._scrape)
        build = Info("sqs_worker_build", "The version that runs here.", registry=self.registry)
        build.info({"version": version, "worker_id": worker_id, "python": platform.python_version()})
        families = Families(self.registry)
        for kind in facts.KINDS:
            for act in families.acts(kind.metrics):
                self.on(kind, act)

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


class _Kept(Collector):
    """A counter whose value is kept elsewhere."""

    def __init__(self, name: str, documentation: str, read: Callable[[], int]) -> None:
        self._name = name
        self._documentation = documentation
        self._read = read

    def collect(self) -> Iterable[CounterMetricFamily]:
        return [CounterMetricFamily(self._name, self._documentation, value=self._read())]
