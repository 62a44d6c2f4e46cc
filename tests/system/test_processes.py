"""A real worker with two processes: moved exactly, stopped by one signal, and nothing lost whoever is killed."""

from __future__ import annotations

import json
import os
import signal
from typing import TYPE_CHECKING

from prometheus_client.parser import text_string_to_metric_families

if TYPE_CHECKING:
    from tests.system.rig import Child, Rig

SLOW = "import asyncio\n\n\nasync def handle(message):\n    await asyncio.sleep(1)\n"
ENDLESS = "import asyncio\n\n\nasync def handle(message):\n    await asyncio.sleep(3600)\n"


def two(rig: Rig, *arguments: str, **settings: str) -> tuple[Child, str, list[int]]:
    """A worker with two processes, when both have started; its URL, and their ids."""
    worker = rig.worker(*arguments, WORKER_PROCESSES="2", SQS_WAIT_TIME_SECONDS="1", LOG_LEVEL="info", **settings)
    url = worker.event("parent_started")["metrics_url"]
    pids = [worker.event("process_started")["pid"] for _ in range(2)]
    for _ in range(2):
        worker.event("worker_started")
    return worker, url, pids


def received(rig: Rig, url: str) -> dict[str, float]:
    """Messages received, by process."""
    families = text_string_to_metric_families(rig.get(url, "/metrics")[1])
    samples = [s for family in families for s in family.samples if s.name == "sqs_worker_messages_received_total"]
    return {s.labels["process"]: s.value for s in samples}


def exact(rig: Rig, messages: int) -> bool:
    """Every message is one row, and gone from the queue."""
    rows, books = rig.rows(), rig.books()
    return (len(rows), len(set(rows)), books["deleted"], books["not_visible"]) == (messages, messages, messages, 0)


def test_two_processes_drain_a_queue_into_one_sqlite_file(rig: Rig) -> None:
    """Every message is one row, both had a part in it, and the accounts of both add up."""
    rig.send(2000)
    worker, _, _ = two(rig, "--drain")
    assert worker.end() == 0
    assert exact(rig, 2000)
    accounts = worker.facts("pipeline_stopped")
    assert len(accounts) == 2
    assert sum(account["deleted"] for account in accounts) == 2000
    assert {fact["worker_id"].rpartition("-")[2] for fact in accounts} == {"0", "1"}
    assert [fact["code"] for fact in worker.facts("process_ended")] == [0, 0]


def test_one_port_answers_for_both(rig: Rig) -> None:
    """The sum over processes is what the loopback counted; probes say yes, and `worker health` finds them."""
    rig.send(300)
    worker, url, pids = two(rig)
    rig.until_books("deleted", 300)
    rig.until(lambda: sum(received(rig, url).values()) == 300, "all received counted")
    assert set(received(rig, url)) == {"0", "1"}
    assert rig.get(url, "/livez")[0] == rig.get(url, "/readyz")[0] == 200
    status = json.loads(rig.get(url, "/status")[1])
    assert status["messages"]["received"] == 300
    assert sorted(p["pid"] for p in status["processes"]) == sorted(pids)
    asked = rig.start(["health", "--url", url], {})
    assert asked.end() == 0
    worker.tell(signal.SIGTERM)
    assert worker.end() == 0


def test_sigterm_under_load_ends_both_with_nothing_in_flight(rig: Rig) -> None:
    """One signal to the parent: what is in hand is finished, the rest is visible again, and the exit code is 0."""
    (rig.folder / "slow.py").write_text(SLOW)
    rig.send(100)
    worker, _, _ = two(rig, SINK="handler", HANDLER="slow:handle", WORKER_CONCURRENCY="4")
    rig.until_books("deleted", 8)
    worker.tell(signal.SIGTERM)
    assert worker.end() == 0
    books = rig.books()
    assert (books["not_visible"], books["visible"]) == (0, 100 - books["deleted"])
    assert sum(account["deleted"] for account in worker.facts("pipeline_stopped")) == books["deleted"]
    assert [account["in_flight"] for account in worker.facts("pipeline_stopped")] == [0, 0]


def test_a_signal_to_everybody_and_a_second_to_the_children_is_one_request(rig: Rig) -> None:
    """As systemd and terminals do it; nobody takes the parent's word for impatience, and handlers finish."""
    (rig.folder / "slow.py").write_text(SLOW)
    rig.send(8)
    worker, _, pids = two(rig, SINK="handler", HANDLER="slow:handle")
    rig.until_books("received", 8)
    for pid in (*pids, worker.process.pid, *pids):
        os.kill(pid, signal.SIGTERM)
    assert worker.end() == 0
    assert rig.books()["deleted"] == 8


def test_a_second_signal_to_the_parent_forces_both(rig: Rig) -> None:
    """Nobody waits for handlers that take an hour; their messages are visible again, and the code says not clean."""
    (rig.folder / "endless.py").write_text(ENDLESS)
    rig.send(8)
    worker, _, _ = two(rig, SINK="handler", HANDLER="endless:handle", HANDLER_TIMEOUT_SECONDS="3600")
    rig.until_books("received", 8)
    worker.tell(signal.SIGTERM)
    worker.event("worker_stopping")
    worker.tell(signal.SIGINT)
    assert worker.end() == 1
    assert rig.books()["visible"] == 8


def test_a_process_that_is_killed_is_started_again_and_loses_nothing(rig: Rig) -> None:
    """The other goes on meanwhile; what the dead one held comes back when its leases end."""
    rig.send(2000)
    worker, url, pids = two(rig, "--drain")
    rig.until_books("deleted", 100)
    os.kill(pids[0], signal.SIGKILL)
    lost = worker.event("process_lost")
    assert (lost["process"], lost["pid"], lost["code"]) == (0, pids[0], -signal.SIGKILL)
    assert rig.get(url, "/livez")[0] == 200
    assert worker.event("process_started")["process"] == 0
    assert worker.end() == 0
    assert exact(rig, 2000)


def test_when_the_parent_is_killed_its_processes_run_dry_by_themselves(rig: Rig) -> None:
    """Nobody is left behind, and nothing is left in flight: what they had not finished is visible at once."""
    (rig.folder / "slow.py").write_text(SLOW)
    rig.send(100)
    worker, _, _ = two(rig, SINK="handler", HANDLER="slow:handle", WORKER_CONCURRENCY="4")
    rig.until_books("deleted", 8)
    worker.tell(signal.SIGKILL)
    assert worker.end() == -signal.SIGKILL  # and its output ends, which is when the last process has closed it
    stopped = [fact for fact in worker.facts("worker_stopped") if fact["reason"] == "parent-gone"]
    assert [fact["clean"] for fact in stopped] == [True, True]
    books = rig.books()
    assert (books["not_visible"], books["visible"]) == (0, 100 - books["deleted"])


def test_a_process_that_hangs_while_stopping_is_killed(rig: Rig) -> None:
    """Frozen, it hears no word; the other ends clean, the exit code does not."""
    worker, url, pids = two(rig, WORKER_DRAIN_SECONDS="3")
    rig.until(lambda: rig.get(url, "/readyz")[0] == 200, "the parent knows that both have started")
    os.kill(pids[1], signal.SIGSTOP)
    worker.tell(signal.SIGTERM)
    assert worker.end() == 1
    assert [fact["pid"] for fact in worker.facts("process_killed")] == [pids[1]]
    assert worker.facts("process_ended")[0]["pid"] == pids[0]


def test_a_start_that_is_refused_to_all_is_given_up_with_its_code(rig: Rig) -> None:
    """The queue does not exist: three tries, then exit code 3, as a single worker has it."""
    worker = rig.worker(WORKER_PROCESSES="2", SQS_QUEUE_URL=rig.url("nowhere"))
    assert worker.end() == 3
    (gave_up,) = worker.facts("parent_gave_up")
    assert (gave_up["code"], gave_up["tries"]) == (3, 3)
    assert worker.facts("worker_refused")
