"""Workers that come and go on a real cluster: the autoscaler, a roll-out, a drained node. Nothing is lost by any of it.

All tests share the workers of one namespace, and each leaves the account exact for the next.
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError

import pytest

from worker.demo.orders import order_id

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cluster.api import Object
    from tests.cluster.namespace import Namespace

pytestmark = pytest.mark.cluster
FEWEST, MOST = 2, 10
FIXED = 4
TOO_MANY_REQUESTS = 429


def exact(workers: Namespace, messages: int, *, seed: int) -> None:
    """Wait until the queue is empty; then every order was handled once, and none is in the dead-letter queue."""
    workers.cluster.until(lambda: workers.settled(workers.books()["sent"]), "the queue is empty")
    handled = Counter(line for line in workers.written() if line.startswith(f"o-{seed}-"))
    sent = {order_id(number, seed=seed) for number in range(messages)}
    twice = {one: times for one, times in handled.items() if times > 1}
    assert (handled.keys() == sent, twice, workers.books()["moved"]) == (True, {}, 0)


def all_ended_well(workers: Namespace) -> None:
    """Every worker that ended drained within its grace period: exit code 0 says that nothing was left in hand."""
    assert {(each["pod"], each["exitCode"]) for each in workers.ended() if each["exitCode"] != 0} == set()


def fix(workers: Namespace, count: int) -> None:
    """So many workers, whatever the depth."""
    bounds = {"spec": {"minReplicas": count, "maxReplicas": count}}
    workers.kubectl("patch", "hpa/worker", "--type=merge", "--patch", json.dumps(bounds))
    workers.cluster.until(lambda: len(workers.pods()) == count == len(workers.ready()), f"{count} workers are ready")


@contextmanager
def watched(workers: Namespace) -> Iterator[list[int]]:
    """How many workers were ready, seen again and again while the block runs."""
    seen, over = [], threading.Event()

    def look() -> None:
        while not over.wait(0.3):
            seen.append(len(workers.ready()))

    looking = threading.Thread(target=look)
    looking.start()
    try:
        yield seen
    finally:
        over.set()
        looking.join()


def test_the_autoscaler_follows_the_depth(workers: Namespace) -> None:
    """Depth rises and the HPA of k8s/base gets its ten workers; the queue runs dry and they are two, nothing lost."""
    workers.cluster.until(lambda: workers.wanted() == FEWEST, "two workers are wanted")
    workers.send(10_000, seed=1)
    workers.cluster.until(lambda: len(workers.ready()) == MOST, "ten workers are ready")
    assert not workers.settled(10_000), "ten came because there was work for them"
    workers.cluster.until(lambda: workers.wanted() == FEWEST and len(workers.pods()) == FEWEST, "two workers are left")
    exact(workers, 10_000, seed=1)
    all_ended_well(workers)
    assert len(workers.ended()) >= MOST - FEWEST


def test_a_roll_out_and_its_rollback_under_load_lose_nothing(workers: Namespace) -> None:
    """Every worker is replaced twice while orders come in, by a setting and by its undoing; none is missing."""
    fix(workers, FIXED)
    before = {pod["metadata"]["uid"] for pod in workers.pods()}
    with watched(workers) as ready, workers.under_load(1500, seed=2, seconds=60):
        workers.kubectl("set", "env", "deployment/worker", "LOG_LEVEL=debug")
        workers.kubectl("rollout", "status", "deployment/worker", "--timeout=240s")
        workers.kubectl("rollout", "undo", "deployment/worker")
        workers.kubectl("rollout", "status", "deployment/worker", "--timeout=240s")
    workers.cluster.until(lambda: len(workers.pods()) == FIXED, "the old ones are gone")
    assert not before & {pod["metadata"]["uid"] for pod in workers.pods()}
    assert min(ready) >= FIXED
    exact(workers, 1500, seed=2)
    all_ended_well(workers)


def test_a_node_is_drained_under_load_within_the_budget(workers: Namespace) -> None:
    """`kubectl drain` empties a node while orders come in; the budget holds at every moment, nothing is lost."""
    fix(workers, FIXED)
    node = busiest_without_the_queue(workers)
    with watched(workers) as ready, workers.under_load(1000, seed=3, seconds=40):
        workers.cluster.kubectl("drain", node, "--ignore-daemonsets", "--delete-emptydir-data", "--timeout=240s")
        workers.cluster.until(lambda: len(workers.ready()) == FIXED, "all are ready elsewhere")
    assert not [pod for pod in workers.pods() if pod["spec"]["nodeName"] == node]
    assert min(ready) >= FIXED - 1
    workers.cluster.kubectl("uncordon", node)
    exact(workers, 1000, seed=3)
    all_ended_well(workers)


def busiest_without_the_queue(workers: Namespace) -> str:
    """The node with most workers that the loopback is not on: its queue is in its memory."""
    queue = workers.pods("app.kubernetes.io/component=loopback")[0]["spec"]["nodeName"]
    nodes = Counter(pod["spec"]["nodeName"] for pod in workers.pods())
    elsewhere: list[str] = [name for name, _ in nodes.most_common() if name != queue]
    return elsewhere[0]


def test_the_budget_refuses_a_second_eviction(workers: Namespace) -> None:
    """One of four may be evicted; the next is refused until a new worker is ready."""
    fix(workers, FIXED)
    first, second, *_ = workers.pods()
    evict(workers, first)
    with pytest.raises(HTTPError) as refused:
        evict(workers, second)
    assert refused.value.code == TOO_MANY_REQUESTS
    refused.value.close()
    workers.cluster.until(lambda: len(workers.ready()) == FIXED == len(workers.pods()), "four are ready again")
    all_ended_well(workers)


def evict(workers: Namespace, pod: Object) -> None:
    """Ask for its eviction, as a drain does."""
    name = pod["metadata"]["name"]
    body: dict[str, Any] = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name}}
    workers.cluster.ask(f"{workers.path}/pods/{name}/eviction", body)
