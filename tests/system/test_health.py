"""Probes, metrics and status over a whole life of a real worker: starting, idle, busy, sink away, draining."""

from __future__ import annotations

import json
import signal
import socket
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Final

from prometheus_client.parser import text_string_to_metric_families

if TYPE_CHECKING:
    from tests.system.rig import Child, Rig

SLOW: Final = "import asyncio\n\n\nasync def handle(message):\n    await asyncio.sleep(2)\n"


def codes(rig: Rig, url: str) -> tuple[int, int]:
    """What /livez and /readyz answer."""
    return rig.get(url, "/livez")[0], rig.get(url, "/readyz")[0]


def samples(rig: Rig, url: str) -> dict[str, float]:
    """Every sample of /metrics without labels other than the pipeline, by name."""
    families = text_string_to_metric_families(rig.get(url, "/metrics")[1])
    return {s.name: s.value for family in families for s in family.samples if not set(s.labels) - {"pipeline"}}


def asked(rig: Rig, url: str, *arguments: str) -> Child:
    """`worker health`, ended."""
    child = rig.start(["health", "--url", url, *arguments], {})
    child.end()
    return child


def test_idle_is_live_and_ready_and_the_numbers_are_there(rig: Rig) -> None:
    """An empty queue is no trouble: three long polls later both probes say yes, and /metrics and /status parse."""
    worker = rig.worker(SQS_WAIT_TIME_SECONDS="1")
    url = worker.event("worker_started")["metrics_url"]
    rig.until(lambda: rig.requests().get("ReceiveMessage", 0) >= 3, "three long polls")
    assert codes(rig, url) == (200, 200)
    found = samples(rig, url)
    assert found["sqs_worker_messages_received_total"] == 0
    assert found["sqs_worker_receivers"] == 1
    assert found["sqs_worker_receiving"] == found["sqs_worker_sink_available"] == 1
    status = json.loads(rig.get(url, "/status")[1])
    assert (status["state"], status["live"]["ok"], status["ready"]["ok"]) == ("running", True, True)
    assert asked(rig, url).process.returncode == 0


def test_the_metrics_account_for_every_message(rig: Rig) -> None:
    """Received is the sum of all ends and of what is in flight, and the loopback counted the same."""
    rig.send(300)
    worker = rig.worker(SQS_WAIT_TIME_SECONDS="1")
    url = worker.event("worker_started")["metrics_url"]
    rig.until(lambda: samples(rig, url)["sqs_worker_messages_deleted_total"] == 300, "all counted as deleted")
    found = samples(rig, url)
    ends = ("deleted", "retried", "rejected", "released", "expired")
    assert found["sqs_worker_messages_received_total"] == 300
    assert sum(found[f"sqs_worker_messages_{end}_total"] for end in ends) == 300
    assert found["sqs_worker_in_flight_bytes"] == 0
    assert rig.books()["deleted"] == found["sqs_worker_sink_records_accepted_total"] == 300
    assert json.loads(rig.get(url, "/status")[1])["messages"]["deleted"] == 300


def test_not_ready_while_draining_but_live_to_the_end(rig: Rig) -> None:
    """Between SIGTERM and the end nobody should send traffic or restart it; afterwards nobody answers."""
    (rig.folder / "slow.py").write_text(SLOW)
    rig.send(2)
    worker = rig.worker(SINK="handler", HANDLER="slow:handle", SQS_WAIT_TIME_SECONDS="1")
    url = worker.event("worker_started")["metrics_url"]
    rig.until_books("received", 2)
    worker.tell(signal.SIGTERM)
    worker.event("worker_stopping")
    assert codes(rig, url) == (200, 503)
    assert rig.get(url, "/readyz")[1].strip() == "draining"
    assert worker.end() == 0
    assert rig.books()["deleted"] == 2
    gone = asked(rig, url)
    assert gone.process.returncode == 1
    assert "no answer" in "".join(gone.lines)


def test_not_ready_while_the_sink_is_away_but_live(rig: Rig) -> None:
    """A restart would not bring the database back, so only readiness says no; and yes again when it is back."""
    worker = rig.worker(SQS_WAIT_TIME_SECONDS="1")
    url = worker.event("worker_started")["metrics_url"]
    with closing(sqlite3.connect(rig.database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        rig.send(5)
        worker.event("sink_lost")
        assert codes(rig, url) == (200, 503)
        assert "sink" in rig.get(url, "/readyz")[1]
        assert samples(rig, url)["sqs_worker_sink_available"] == 0
        assert asked(rig, url).process.returncode == 0
        assert asked(rig, url + "/readyz").process.returncode == 1
        other.execute("ROLLBACK")
    worker.event("sink_restored")
    assert codes(rig, url) == (200, 200)
    rig.until_books("deleted", 5)


def test_a_worker_that_is_not_to_receive_is_live_and_leaves_the_queue_alone(rig: Rig) -> None:
    """ENABLE_SQS_CONSUMER=false starts everything else: probes say yes, and no receive is ever made."""
    rig.send(5)
    worker = rig.worker(ENABLE_SQS_CONSUMER="false")
    url = worker.event("worker_started")["metrics_url"]
    worker.event("queue_measured")
    assert codes(rig, url) == (200, 200)
    assert samples(rig, url)["sqs_worker_receiving"] == 0
    worker.tell(signal.SIGTERM)
    assert worker.end() == 0
    assert "ReceiveMessage" not in rig.requests()
    assert rig.books()["visible"] == 5


def test_a_worker_still_waiting_for_sqs_is_live_and_not_ready(rig: Rig) -> None:
    """Probes are answered from the start, so that a slow neighbour does not get the worker killed."""
    rig.faults([{"action": "status", "status": 503}])
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]  # free again before the worker listens, and nobody else asks for it by number
    worker = rig.worker(METRICS_PORT=str(port))
    worker.event("start_delayed")
    url = f"http://127.0.0.1:{port}"
    assert codes(rig, url) == (200, 503)
    rig.faults([])
    worker.event("worker_started")
    assert codes(rig, url) == (200, 200)
