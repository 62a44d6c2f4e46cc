"""Every Prometheus family of the worker that is counted fact by fact, by name, meaning and labels.

Takes a registry; gives families whose children are found by one dictionary lookup and whose label values are bounded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from prometheus_client import Counter, Gauge, Info
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from worker.telemetry.current import Currents
from worker.telemetry.series import Numbers, Spreads

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prometheus_client import CollectorRegistry

_PREFIX: Final = "sqs_worker"
_REQUEST_SECONDS: Final = (0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.5, 30.0)
"""An empty long poll ends just after 20 s, so that bound stands a little past it."""
_WORK_SECONDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_ROWS: Final = (1, 2, 5, 10, 25, 50, 100, 200, 300, 400, 500, 1000, 2500, 5000)
_BYTES: Final = tuple(4**n * 1024 for n in range(8))
"""1 KiB to 16 MiB."""

L = TypeVar("L", Numbers, Spreads)


class Families:
    """Counters, gauges and histograms; the account of messages is in `scrape.py`, their ages in `ages.py`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self._receiving()
        self._handling()
        self._settling()
        self._process()

    def _receiving(self) -> None:
        self.received_bytes = self._count("received_bytes", "Bytes of the messages received.")
        self.receive_calls = self._count("receive_calls", "Receives answered, by how full they came.", "result")
        self.receive_failures = self._count("receive_failures", "Receives that failed, by SQS's code.", "code")
        self.receive_outage = self._count("receive_outage_seconds", "Time without a receive that worked.")
        self.damaged = self._count("deliveries_damaged", "Received messages left alone as unusable.", "reason")
        self.duplicates = self._count("duplicates_received", "Messages in flight here that were received again.")
        self.redeliveries = self._count(
            "redeliveries_recognised", "Messages written before whose delete had failed: deleted, not written again."
        )

    def _handling(self) -> None:
        self.write_seconds = self._spread("sink_write_duration_seconds", "Writing one batch.", _WORK_SECONDS)
        self.decode_seconds = self._spread("decode_duration_seconds", "Decoding one batch.", _WORK_SECONDS)
        self.batch_rows = self._spread("sink_batch_rows", "Records in one batch.", _ROWS)
        self.batch_bytes = self._spread("sink_batch_bytes", "Bytes in one batch.", _BYTES)
        self.writes = self._count("sink_writes", "Writes asked of the sink, halves of split batches included.")
        self.accepted = self._count("sink_records_accepted", "Records the sink took for good.")
        self.holds = self._count("sink_holds", "Tries of rows the sink did not take while it took others.", "code")
        self.suspects = self._count("suspects", "Messages handled alone, since a process may have crashed on them.")
        self.splits = self._count("sink_splits", "Batches halved to find the record the sink refuses.", "code")
        self.outages = self._count("sink_outages", "Times the sink went away.", "code")
        self.outage_seconds = self._count("sink_outage_seconds", "Time the sink was away, outages that ended.")
        self.probes = self._count("sink_probes", "Tries to reach a sink that was still away.", "code")
        self.calls_hung = self._count(
            "calls_hung", "Calls of your function that did not end within their limit, nor soon after."
        )
        self.calls_hanging = self._level("calls_hanging", "Such calls that go on; each keeps a place.")
        self.retries = self._count("retries", "Messages sent back for later, by reason.", "reason")
        self.rejections = self._count(
            "rejections", "Messages rejected; dead_lettered says whether we sent them on.", "dead_lettered", "reason"
        )
        self.last_success = self._level("last_success_timestamp_seconds", "When the sink last accepted a record.")

    def _settling(self) -> None:
        self.settle_failures = self._count(
            "settle_failures", "Entries that could not be settled; final: given up.", "operation", "final", "code"
        )
        self.extensions = self._count("visibility_extensions", "Leases lengthened.")
        self.leases_lost = self._count("leases_lost", "Leases that ended while the message was in hand.", "code")
        self.requests = self._count("api_requests", "Requests to SQS, by their end.", "operation", "code")
        self.request_seconds = self._spread(
            "api_request_duration_seconds", "Requests to SQS, long polls included.", _REQUEST_SECONDS, "operation"
        )
        said = "Messages in the queue as SQS counts them; every worker says the same, so take the maximum."
        self.depth = self._add(Currents(GaugeMetricFamily, "sqs_queue_messages", said, ["queue", "state"]))
        said = "Messages in the dead-letter queue of a pipeline, where it may be looked at; take the maximum."
        labels = ["pipeline", "queue", "state"]
        self.dead_letters = self._add(Currents(GaugeMetricFamily, "sqs_dead_letter_queue_messages", said, labels))

    def _process(self) -> None:
        self.loop_stalls = Counter(
            f"{_PREFIX}_event_loop_stalls", "Times the event loop was blocked too long.", registry=self._registry
        )
        self.loop_stalled = Counter(
            f"{_PREFIX}_event_loop_stalled_seconds", "Time it was blocked in these.", registry=self._registry
        )
        self.protected = Gauge(
            f"{_PREFIX}_task_protected", "1 while ECS is asked to leave this task alone.", registry=self._registry
        )
        self.protection_failures = self._add(
            Numbers(
                CounterMetricFamily, f"{_PREFIX}_task_protection_failures", "Times it did not do as asked.", ["code"]
            )
        )
        self.pipeline = Info(f"{_PREFIX}_pipeline", "How it is made up.", ["pipeline"], registry=self._registry)

    def _count(self, name: str, documentation: str, *labels: str) -> Numbers:
        names = ["pipeline", *labels]
        return self._add(Numbers(CounterMetricFamily, f"{_PREFIX}_{name}", documentation, names))

    def _level(self, name: str, documentation: str) -> Numbers:
        return self._add(Numbers(GaugeMetricFamily, f"{_PREFIX}_{name}", documentation, ["pipeline"]))

    def _spread(self, name: str, documentation: str, bounds: Sequence[float], *labels: str) -> Spreads:
        return self._add(Spreads(f"{_PREFIX}_{name}", documentation, ["pipeline", *labels], bounds))

    def _add(self, family: L) -> L:
        self._registry.register(family)
        return family
