"""Instruments: metrics, logs, report, health, their server and the service manager, plugged into one `emit`.

Takes the settings, gives `emit` to everybody who has something to report. Opened first and closed last, so that every
fact of a run is counted and logged.
"""

from __future__ import annotations

import asyncio
import sys
import time
from functools import partial
from typing import IO, TYPE_CHECKING

from worker import __version__
from worker.cpus import affinity, cpu_quota
from worker.facts import PipelineState
from worker.pipeline.stage import Stages
from worker.sinks.registry import SINKS
from worker.sqs.address import parse_address
from worker.telemetry.account import Accounts
from worker.telemetry.dispatch import FanOut
from worker.telemetry.health import Health
from worker.telemetry.http.server import TelemetryServer
from worker.telemetry.lag import watch_loop
from worker.telemetry.load.load import Load
from worker.telemetry.logs.logs import configure
from worker.telemetry.metrics.metrics import Metrics
from worker.telemetry.outlook.cost import DOLLARS_PER_MILLION, Cost
from worker.telemetry.release import release_when_idle, trimmer
from worker.telemetry.report import Report, report_every
from worker.telemetry.systemd.notifier import Notifier

if TYPE_CHECKING:
    from collections.abc import Mapping

    from worker.facts import ReadState
    from worker.pipeline.pipeline import Pipeline
    from worker.settings import Loaded, PipelineSettings
    from worker.telemetry.dispatch import Observer
    from worker.telemetry.systemd.notifier import Manager


class Instruments:
    """Everything that observes one worker."""

    def __init__(self, loaded: Loaded, *more: Observer, manager: Manager | None = None) -> None:
        worker = loaded.worker
        self._report_seconds = worker.report_seconds
        self._accounts = accounts = Accounts()
        self.metrics = Metrics(version=__version__, worker_id=worker.worker_id, accounts=accounts)
        self.logs = configure(
            worker.log_level, worker.log_format, stream=log_stream(loaded), worker_id=worker.worker_id
        )
        self.report = Report(worker.worker_id, time.monotonic, accounts)
        self.health = Health(
            worker_id=worker.worker_id,
            version=__version__,
            wait_seconds=max(pipeline.wait_seconds for pipeline in loaded.pipelines),
            load=Load(allowed_cpus=min(affinity(), cpu_quota() or affinity())),
            accounts=accounts,
        )
        self.health.charge({pipeline.name: cost(pipeline) for pipeline in loaded.pipelines})
        self._notifiers = [Notifier(manager, self.health)] if manager else []
        self._observers = FanOut([self.metrics, self.report, self.health, self.logs, *self._notifiers, *more])
        self.emit = self._observers.emit
        self.metrics.watch_loop_lag(self.health.lag)
        self.metrics.watch_shares(self.health.shares)
        self.metrics.watch_outlooks(self.health.outlooks)
        self.metrics.watch_verdicts(self.health.live, self.health.ready)
        self.metrics.watch_count("log_lines_dropped", "Log lines that were lost.", lambda: self.logs.dropped)
        self.metrics.watch_count(
            "observer_failures", "Facts that an observer failed on.", lambda: self._observers.failures
        )
        self._server = TelemetryServer(
            worker.metrics_host, worker.metrics_port, metrics=self.metrics, health=self.health
        )

    def start(self) -> str:
        """Serve, and tell the service manager; returns the base URL."""
        url = self._server.start()
        for notifier in self._notifiers:
            notifier.start(self.emit)
        return url

    def watch(self, pipeline: Pipeline) -> None:
        """Show the live numbers of *pipeline*."""
        read = reader(pipeline)
        self.metrics.watch(pipeline.spec.name, read)
        self.health.watch(pipeline.spec.name, read)

    async def run(self) -> None:
        """Watch the loop and write the report, until cancelled; then say how the last minute was spent."""
        try:
            async with Stages() as stages:
                stages.start(partial(watch_loop, self.emit, self.health), name="watch-loop")
                if trim := trimmer():
                    stages.start(partial(release_when_idle, self._accounts, trim), name="release-memory")
                stages.start(
                    partial(report_every, self.report, self._tell, interval_seconds=self._report_seconds), name="report"
                )
        finally:
            self._tell_performance()

    def _tell(self, line: Mapping[str, object]) -> None:
        self.logs.line(line)
        self._tell_performance()

    def _tell_performance(self) -> None:
        for told in self.health.reports():
            self.emit(told)

    def close(self) -> None:
        """The last report line, then silence."""
        self.logs.line(self.report.line())
        self._server.stop()
        for notifier in self._notifiers:
            notifier.stop()
        self.logs.close()


def cost(settings: PipelineSettings) -> Cost:
    """What requests of this pipeline are counted at."""
    price = settings.request_dollars_per_million
    return Cost(DOLLARS_PER_MILLION[parse_address(settings.queue).fifo] if price is None else price)


def log_stream(loaded: Loaded) -> IO[str]:
    """Standard output, unless a sink writes its lines there."""
    taken = any(SINKS.find(pipeline.sink).stdout(pipeline.sink_settings) for pipeline in loaded.pipelines)
    return sys.stderr if taken else sys.stdout


def reader(pipeline: Pipeline) -> ReadState:
    """How any thread reads the live numbers of *pipeline*: plain attributes, nothing that waits."""
    loop = asyncio.get_running_loop()

    def read() -> PipelineState:
        away = pipeline.breaker.is_open
        return PipelineState(
            buffered=len(pipeline.buffer) - pipeline.buffer.resting,
            handling=pipeline.under_way.handling,
            settling=pipeline.settler.pending,
            in_flight=len(pipeline.ledger),
            in_flight_bytes=pipeline.room.bytes,
            receivers=pipeline.poller.receivers,
            receiving=pipeline.spec.receiving and not pipeline.poller.stopping and not away,
            sink_available=not away or pipeline.breaker.stuck,
            # An answer that waits for room is progress: what holds it up is behind, and watched there.
            last_receive_age=0.0 if pipeline.room.parked else max(0.0, loop.time() - pipeline.poller.progress_at),
            batch_rows_limit=pipeline.sizing.rows,
            batch_linger_seconds=pipeline.sizing.wait_seconds,
            in_flight_limit=pipeline.room.max_messages,
            delete_calls=pipeline.spec.settle.deletes,
            stuck=away and pipeline.breaker.stuck,
            handled=pipeline.handler.moves,
            settled=pipeline.settler.calls,
            write_limit_seconds=pipeline.spec.write_limit_seconds,
            order_seconds=pipeline.spec.lease_seconds if pipeline.spec.fifo else 0.0,
        )

    return read
