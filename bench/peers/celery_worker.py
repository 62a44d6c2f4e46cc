"""Celery with its SQS broker: one task that takes the body and does nothing, results ignored, acknowledged when done.

`python celery_worker.py` is a worker until it is killed; `python celery_worker.py --messages FILE N BYTES` writes N
messages, as Celery would have sent them, into FILE: a JSON list of SQS bodies around JSON bodies of BYTES.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from celery import Celery

QUEUE = os.environ["QUEUE_URL"].rsplit("/", 1)[1]
HOST = os.environ["ENDPOINT_URL"].partition("//")[2]
POOL = os.environ.get("POOL", "threads")

app = Celery("bench", broker=f"sqs://bench:bench@{HOST}//")
app.conf.update(
    task_default_queue=QUEUE,
    task_ignore_result=True,
    task_store_errors_even_if_ignored=False,
    worker_prefetch_multiplier=100,
    worker_send_task_events=False,
    worker_enable_remote_control=False,  # SQS has no broadcast
    broker_connection_retry_on_startup=True,
    broker_transport_options={
        "region": os.environ["AWS_REGION"],
        "is_secure": False,
        "wait_time_seconds": 20,
        "polling_interval": 0,
        "predefined_queues": {
            QUEUE: {
                "url": os.environ["QUEUE_URL"],
                "access_key_id": "bench",
                "secret_access_key": "bench",
            }
        },
    },
)


@app.task(name="work")
def work(body: str) -> None:
    """The work that every contestant does."""
    json.loads(body)


def messages(count: int, size: int) -> list[str]:
    """SQS bodies of *count* calls of the task: Celery and kombu make them, only the sending is taken away."""
    found: list[str] = []

    class Catcher:
        """Stands where the SQS client would."""

        def send_message(self, **call: Any) -> None:
            """Keep instead of send."""
            found.append(call["MessageBody"])

        def get_queue_attributes(self, **_: Any) -> dict[str, dict[str, str]]:
            """The queue is there, and empty."""
            return {"Attributes": {"ApproximateNumberOfMessages": "0"}}

    with app.producer_pool.acquire(block=True) as producer:
        channel = producer.channel
        channel.sqs = lambda **_: Catcher()
        for number in range(count):
            head = f'{{"order_id":{10**9 + number},"note":"'
            work.apply_async([head + "x" * (size - len(head) - 2) + '"}'], producer=producer, argsrepr="")
    return found


if __name__ == "__main__":
    if sys.argv[1:2] == ["--messages"]:
        Path(sys.argv[2]).write_text(json.dumps(messages(int(sys.argv[3]), int(sys.argv[4]))))
    else:
        options = ["--pool", POOL, "--concurrency", os.environ.get("CONCURRENCY", "4"), "--loglevel", "warning"]
        app.worker_main(["worker", *options, "--without-gossip", "--without-mingle", "--without-heartbeat"])
