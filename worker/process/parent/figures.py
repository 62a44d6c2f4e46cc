"""Figures: the one /metrics of a worker with several processes.

Takes the processes; gives, at each scrape, what each of them exposes under the label `process`, what is known here
about them, and our own memory and CPU as process `parent`. Who does not answer is left out and counted.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from worker.process.parent.ask import ask_all
from worker.process.parent.merge import LABEL, merge, read

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from prometheus_client.metrics_core import Metric

    from worker.process.parent.process import Process

SCRAPE_SECONDS: Final = 3.0
"""For all processes together; Prometheus itself gives up after 10 unless it is told otherwise."""
PARENT: Final = "parent"
_OK: Final = 200


class Figures(Collector):
    """Collects anew at each scrape, on the thread of the server that is asked."""

    def __init__(self, processes: Sequence[Process]) -> None:
        self.registry = CollectorRegistry(auto_describe=False)
        self.registry.register(self)
        self._processes = processes
        self._own = CollectorRegistry(auto_describe=False)
        ProcessCollector(registry=self._own)
        self._failures = dict.fromkeys((p.number for p in processes), 0)
        """Written by `_scraped` under `_lock`."""
        self._lock = threading.Lock()

    def collect(self) -> Iterable[Metric]:
        """Everything as it is now."""
        scraped = self._scraped()
        return [*self.known(), *merge({**scraped, PARENT: self._own.collect()})]

    def known(self) -> list[Metric]:
        """What nobody has to be asked for."""
        running = GaugeMetricFamily("sqs_worker_processes", "Processes of this worker that have started and run.")
        running.add_metric([], sum(p.started for p in self._processes))
        wanted = GaugeMetricFamily("sqs_worker_processes_wanted", "Processes that shall run.")
        wanted.add_metric([], sum(not p.ended for p in self._processes))
        restarts = CounterMetricFamily(
            "sqs_worker_process_restarts", "Times a process that ended by itself was started again.", labels=[LABEL]
        )
        failures = CounterMetricFamily(
            "sqs_worker_process_scrape_failures", "Scrapes that a process did not answer.", labels=[LABEL]
        )
        for process in self._processes:
            restarts.add_metric([str(process.number)], process.restarts)
            failures.add_metric([str(process.number)], self._failures[process.number])
        return [running, wanted, restarts, failures]

    def _scraped(self) -> dict[str, list[Metric]]:
        urls = {p.number: url for p in self._processes if (url := p.url) is not None}
        found: dict[str, list[Metric]] = {}
        for number, answer in ask_all(urls, "/metrics", timeout_seconds=SCRAPE_SECONDS).items():
            families = read(answer[1]) if answer is not None and answer[0] == _OK else None
            if families is not None:
                found[str(number)] = families
            else:
                with self._lock:
                    self._failures[number] += 1
        return found
