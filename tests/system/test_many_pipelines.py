"""Two pipelines in one worker, each with its own queue, concurrency, time limit and destination."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, Final

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.system.rig import CREDENTIALS, ROOT

if TYPE_CHECKING:
    from tests.system.rig import Child, Rig

SETTINGS: Final = """
[worker]
metrics_port = 0
log_format = "json"
log_level = "debug"
drain_seconds = 5

[pipelines.orders]
queue = "{orders}"
sink = "sqlite"
sqlite_path = "{database}"
concurrency = 2
wait_seconds = 1

[pipelines.images]
queue = "{images}"
handler = "images:handle"
handler_timeout_seconds = {limit}
concurrency = 5
wait_seconds = 1
retry_base_seconds = 0
"""
MEASURES: Final = """
import asyncio
from pathlib import Path

now = 0


async def handle(message):
    global now
    now += 1
    try:
        with Path("together").open("a") as together:
            together.write(f"{now}\\n")
        await asyncio.sleep(0.2 if message.receive_count > 1 or "-1" not in message.value["order_id"] else 60)
    finally:
        now -= 1
"""


@pytest.fixture(name="worker")
def _worker(rig: Rig) -> Child:
    rig.sqs.create_queue(QueueName="images", Attributes={"VisibilityTimeout": "5"})
    (rig.folder / "images.py").write_text(MEASURES)
    (rig.folder / "worker.toml").write_text(
        SETTINGS.format(orders=rig.queue_url, images=rig.url("images"), database=rig.database, limit=2)
    )
    places = {"SQS_ENDPOINT_URL": rig.endpoint, "PYTHONPATH": f"{rig.folder}{os.pathsep}{ROOT}"}
    return rig.start(["run"], {**CREDENTIALS, **places})


def messages(rig: Rig, url: str) -> dict[tuple[str, str], float]:
    """Every sample of /metrics that counts messages of a pipeline."""
    families = text_string_to_metric_families(rig.get(url, "/metrics")[1])
    return {
        (sample.name, sample.labels["pipeline"]): sample.value
        for family in families
        for sample in family.samples
        if sample.name.startswith("sqs_worker_messages_") and set(sample.labels) == {"pipeline"}
    }


def test_each_pipeline_keeps_its_own_limits_counts_and_destination(rig: Rig, worker: Child) -> None:
    """Five images at a time, two seconds each at most; orders go on meanwhile; the metrics tell them apart."""
    url = worker.event("worker_started")["metrics_url"]
    order = '{{"order_id": "o{}"}}'
    rig.send_bodies(
        [order.format(f"-{number}") for number in range(6)] + [order.format(n) for n in range(9)], queue="images"
    )
    rig.send(200)
    rig.until(lambda: rig.books()["deleted"] == 200, "all orders")
    rig.until(lambda: rig.books("images")["deleted"] == 15, "all images")
    rig.until(lambda: messages(rig, url)[("sqs_worker_messages_deleted_total", "images")] == 15, "counted")
    counted = messages(rig, url)
    assert counted[("sqs_worker_messages_deleted_total", "orders")] == 200
    assert counted[("sqs_worker_messages_retried_total", "images")] == 1
    assert counted[("sqs_worker_messages_retried_total", "orders")] == 0
    worker.tell(signal.SIGTERM)
    assert worker.end() == 0
    together = [int(line) for line in (rig.folder / "together").read_text().split()]
    assert max(together) == 5
    assert len(rig.rows()) == 200
    assert {fact["reason"] for fact in worker.facts("message_retried")} == {"timeout"}
    assert (worker.account("orders")["deleted"], worker.account("images")["deleted"]) == (200, 15)


def test_a_queue_in_trouble_does_not_stop_the_other_pipeline(rig: Rig, worker: Child) -> None:
    """While one queue refuses every request the other one is worked off; the worker is live, and not ready."""
    url = worker.event("worker_started")["metrics_url"]
    rig.faults([{"action": "error", "queue": "images", "code": "AccessDenied", "status": 403}])
    failed = worker.event("receive_failed")
    assert (failed["pipeline"], failed["refused"]) == ("images", True)
    rig.send(200)
    rig.until_books("deleted", 200)
    assert rig.get(url, "/livez")[0] == 200
    code, why = rig.get(url, "/readyz")
    assert (code, "images" in why) == (503, True)
    worker.tell(signal.SIGTERM)
    assert worker.end() == 0
    assert worker.account("orders")["deleted"] == 200


def test_a_sink_in_trouble_does_not_stop_the_other_pipeline(rig: Rig, worker: Child) -> None:
    """The database of one pipeline goes away; the handler of the other one works its queue off."""
    worker.event("worker_started")
    rig.database.unlink()
    rig.database.mkdir()
    rig.send(20)
    assert worker.event("sink_lost")["pipeline"] == "orders"
    rig.send_bodies(['{"order_id": "o1"}'] * 10, queue="images")
    rig.until(lambda: rig.books("images")["deleted"] == 10, "all images")
    assert rig.books()["deleted"] == 0
    rig.database.rmdir()
    rig.until_books("deleted", 20)
    worker.tell(signal.SIGTERM)
    assert worker.end() == 0
    assert len(set(rig.rows())) == len(rig.rows()) == 20
