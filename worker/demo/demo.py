"""`worker demo`: sends orders into a loopback, lets a real worker drain them into SQLite, and prints the account.

Takes a number of messages, gives an exit code: 0 only if every message is exactly one row and nothing is left. The
loopback, the producer and the worker are processes of their own, started as a person would start them; everything
lives in a temporary directory that is removed at the end.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from worker.demo.account import DemoAccount, count_rows
from worker.demo.processes import DemoFailed, loopback, loopback_account, producer, worker, worker_status
from worker.demo.progress import Progress, table

if TYPE_CHECKING:
    from collections.abc import Mapping

QUEUE: Final = "orders"
TABLE: Final = "orders"
LOOK_SECONDS: Final = 0.1


def run_demo(messages: int, as_json: bool) -> int:  # noqa: FBT001 - the command's one switch
    """Run it; returns the exit code."""
    try:
        account = _demonstrate(messages, Progress(messages, silent=as_json))
    except DemoFailed as failed:
        print(failed, file=sys.stderr)  # noqa: T201 - what a command line says
        return 1
    if as_json:
        print(json.dumps(account.as_dict()))  # noqa: T201 - as above
    else:
        table(account)
    return 0 if account.exact else 1


def _demonstrate(messages: int, progress: Progress) -> DemoAccount:
    with tempfile.TemporaryDirectory(prefix="worker-demo-") as folder, loopback(QUEUE) as endpoint, progress:
        database = Path(folder, "orders.sqlite")
        settings = _settings(endpoint, database)
        _send(settings, endpoint, messages, progress)
        asked_before = _requests(endpoint)
        seconds = _drain(settings, Path(folder, "worker.log"), messages, progress)
        asked = _requests(endpoint) - asked_before
        rows = count_rows(database, TABLE, messages)
        queue = loopback_account(endpoint)["queues"][QUEUE]
    return DemoAccount(
        sent=queue["sent"],
        received=queue["received"],
        deleted=queue["deleted"],
        rows=rows.rows,
        duplicates=rows.duplicates,
        lost=rows.lost,
        seconds=round(seconds, 3),
        rate=round(messages / seconds, 1),
        requests_per_message=round(asked / messages, 4),
    )


def _settings(endpoint: str, database: Path) -> dict[str, str]:
    """The environment of the producer and the worker: what a person would type."""
    return {
        "SQS_QUEUE_URL": f"{endpoint}/000000000000/{QUEUE}",
        "SQS_ENDPOINT_URL": endpoint,
        "SINK": "sqlite",
        "SQLITE_PATH": str(database),
        "SQLITE_TABLE": TABLE,
        "WORKER_ID": "demo",
        "METRICS_PORT": "0",
        "LOG_FORMAT": "json",
    }


def _send(settings: Mapping[str, str], endpoint: str, messages: int, progress: Progress) -> None:
    with producer(settings, messages) as child:
        while child.poll() is None:
            progress.sent(loopback_account(endpoint)["queues"][QUEUE]["sent"])
            time.sleep(LOOK_SECONDS)
        if child.returncode:
            raise DemoFailed(f"the producer ended with {child.returncode}")
    progress.sent(messages)


def _drain(settings: Mapping[str, str], log: Path, messages: int, progress: Progress) -> float:
    """Seconds from the worker's first receive to its last delete, as its own /status counts them."""
    with worker(settings, log) as (child, url):
        began = last = time.monotonic()
        deleted = 0
        while child.poll() is None:
            status = worker_status(url)
            if status and status.deleted > deleted:
                deleted, last = status.deleted, time.monotonic()
                progress.drained(status)
            time.sleep(LOOK_SECONDS)
        if child.returncode:
            raise DemoFailed(f"the worker ended with {child.returncode}:\n{log.read_text()}")
    progress.finished(messages)
    return max(last - began, LOOK_SECONDS)


def _requests(endpoint: str) -> int:
    return sum(loopback_account(endpoint)["requests"].values())
