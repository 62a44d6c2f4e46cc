"""Workers in trouble, one trouble each, for the alerts to find: what people will meet, made on purpose.

Takes a loopback; gives the metrics pages and what is expected of the alerts. Every process ends with the rig.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.system.rig import Child, Rig

FUNCTIONS: Final = """
import time
from worker import Retry


def hang(message):
    time.sleep(3600)


async def block(message):
    time.sleep(3600)


async def fail(message):
    raise Retry(after=1, reason="always")
"""
WELL: Final = "well"
ALERTS: Final = {
    "hanging": {"SqsCallsHang"},
    "blocking": {"SqsWorkerLoopLag", "SqsWorkerStageDead"},
    "failing": {"SqsMessagesFailing"},
    "locked": {"SqsSinkAway"},
    "refused": {"SqsCannotReceive", "SqsRequestsFailing"},
    "stopped": {"SqsWorkerUnreachable"},
}
"""What each trouble calls for."""


@contextmanager
def troubled(rig: Rig) -> Iterator[dict[str, tuple[str, Child]]]:
    """A worker for each trouble and one that is well, by the name of its queue: its metrics page, and itself."""
    rig.folder.joinpath("some.py").write_text(FUNCTIONS)
    for queue in (*ALERTS, WELL):
        rig.sqs.create_queue(QueueName=queue)
    workers = {
        "hanging": _worker(rig, "hanging", HANDLER="some:hang", HANDLER_TIMEOUT_SECONDS="1"),
        "blocking": _worker(rig, "blocking", HANDLER="some:block"),
        "failing": _worker(rig, "failing", HANDLER="some:fail"),
        "locked": _worker(rig, "locked", SINK="sqlite"),
        "refused": _worker(rig, "refused", SINK="discard"),
        "stopped": _worker(rig, "stopped", SINK="discard"),
        WELL: _worker(rig, WELL, SINK="discard"),
    }
    pages = {queue: worker.event("worker_started")["metrics_url"] for queue, worker in workers.items()}
    refuse = {"action": "error", "operation": "ReceiveMessage", "code": "AccessDenied", "status": 403}
    rig.faults([{**refuse, "queue": "refused"}])
    for queue in workers:
        rig.send_bodies(['{"n": 1}'], queue=queue)
    rig.until(lambda: rig.books("locked")["deleted"] == 1, "the database is open")
    with _locked(rig.database):
        rig.send_bodies(['{"n": 2}'], queue="locked")
        workers["locked"].event("sink_lost")
        yield {queue: (pages[queue], worker) for queue, worker in workers.items()}


def _worker(rig: Rig, queue: str, **settings: str) -> Child:
    return rig.worker(
        SQS_QUEUE_URL=rig.url(queue),
        LOG_LEVEL="info",
        SQS_WAIT_TIME_SECONDS="1",
        **({"SINK": "handler"} | settings),
    )


@contextmanager
def _locked(database: Path) -> Iterator[None]:
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        yield
