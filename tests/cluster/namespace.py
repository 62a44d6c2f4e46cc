"""One overlay in its namespace of a cluster: applied, watched, sent to, and its account taken.

Takes a cluster and a namespace; gives pods, what the loopback counted, and what the workers' own function wrote down.
"""

from __future__ import annotations

import json
import threading
import urllib.request
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import boto3
from botocore.config import Config

from tests.cluster.cluster import holds
from worker.demo.orders import bodies

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cluster.api import Object
    from tests.cluster.cluster import Cluster

WORKERS: Final = "app.kubernetes.io/component=worker"
LOOPBACK_PORT: Final = 9324


class Namespace:
    """Made by `namespace`."""

    def __init__(self, cluster: Cluster, name: str) -> None:
        self.cluster = cluster
        self.name = name
        self.path = f"/api/v1/namespaces/{name}"
        self.rows = cluster.folder / "rows" / name

    def kubectl(self, *arguments: str, given: object = None) -> str:
        """`kubectl` in this namespace."""
        return self.cluster.kubectl("--namespace", self.name, *arguments, given=given)

    def pods(self, selector: str = WORKERS) -> list[Object]:
        """Those of a component, the ones that are going too."""
        found: list[Object] = self.cluster.ask(f"{self.path}/pods?labelSelector={selector.replace('=', '%3D')}")[
            "items"
        ]
        return found

    def ready(self, selector: str = WORKERS) -> list[Object]:
        """Those that are ready and stay."""
        return [pod for pod in self.pods(selector) if "deletionTimestamp" not in pod["metadata"] and is_ready(pod)]

    def wanted(self) -> int:
        """Workers that the Deployment shall have."""
        found = self.cluster.ask(f"/apis/apps/v1/namespaces/{self.name}/deployments/worker")
        return int(found["spec"]["replicas"])

    def keep_rows(self) -> None:
        """A volume on this machine for the claim `rows`, which lasts longer than pods."""
        self.rows.mkdir(parents=True)
        spec = {
            "capacity": {"storage": "1Gi"},
            "accessModes": ["ReadWriteMany"],
            "storageClassName": "check",
            "claimRef": {"namespace": self.name, "name": "rows"},
            "hostPath": {"path": str(self.rows)},
        }
        volume = {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": f"rows-{self.name}"},
            "spec": spec,
        }
        self.cluster.ask("/api/v1/persistentvolumes", volume)

    def written(self) -> list[str]:
        """What the workers' function wrote down: an order's id for each call that went well."""
        return [line for path in self.rows.glob("*.orders") for line in path.read_text().splitlines()]

    @property
    def endpoint(self) -> str:
        """The Service of the loopback, as this machine reaches it."""
        address = self.cluster.ask(f"{self.path}/services/loopback")["spec"]["clusterIP"]
        return f"http://{address}:{LOOPBACK_PORT}"

    def books(self, queue: str = "orders") -> dict[str, Any]:
        """What the loopback counted for a queue."""
        with urllib.request.urlopen(f"{self.endpoint}/_loopback/account", timeout=60) as answer:  # noqa: S310 - our own
            found: dict[str, Any] = json.load(answer)["queues"][queue]
            return found

    def settled(self, messages: int) -> bool:
        """Whether so many were deleted, and nothing is left in any state."""
        books = self.books()
        return books["deleted"] >= messages and not any(books[state] for state in ("visible", "not_visible", "delayed"))

    def send(self, messages: int, *, seed: int, pause: float = 0.0) -> None:
        """Send orders, ten to a call, with a pause between two calls."""
        config = Config(retries={"total_max_attempts": 5})
        keys = {"aws_access_key_id": "check", "aws_secret_access_key": "check"}
        client = boto3.client("sqs", endpoint_url=self.endpoint, region_name="us-east-1", config=config, **keys)
        url, waiting = f"{self.endpoint}/000000000000/orders", list(bodies(messages, seed=seed))
        for at in range(0, messages, 10):
            entries = [{"Id": str(i), "MessageBody": body} for i, body in enumerate(waiting[at : at + 10])]
            assert not client.send_message_batch(QueueUrl=url, Entries=entries).get("Failed")
            threading.Event().wait(pause)
        client.close()

    @contextmanager
    def under_load(self, messages: int, *, seed: int, seconds: float) -> Iterator[None]:
        """Send orders while the block runs, spread over about so many seconds; all are sent when it ends."""
        how = {"seed": seed, "pause": seconds / (messages / 10)}
        sending = threading.Thread(target=self.send, args=(messages,), kwargs=how)
        sending.start()
        try:
            yield
        finally:
            sending.join()

    def ended(self, component: str = "worker") -> list[Object]:
        """How the containers of this namespace ended so far."""
        mine = (each for each in self.cluster.journal() if each.get("pod", "").startswith(f"{self.name}_{component}-"))
        return list(mine)


def is_ready(pod: Object) -> bool:
    """Whether its Ready condition is true."""
    return holds(pod, "Ready")


@contextmanager
def namespace(cluster: Cluster, name: str, overlay: str) -> Iterator[Namespace]:
    """*overlay* applied into its namespace *name*, deleted with everything in it when the block ends."""
    made = Namespace(cluster, name)
    cluster.kubectl("apply", "--validate=strict", "-k", overlay)
    try:
        yield made
    finally:
        cluster.kubectl("delete", "namespace", name, "--timeout=120s")
