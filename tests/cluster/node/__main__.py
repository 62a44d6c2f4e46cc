"""A node that is no kubelet: registers itself, keeps its lease, and runs each pod bound to it as local processes.

`python -m tests.cluster.node --name one --zone a --server https://… --certificates DIR --folder DIR --network 127.81`
Ends on SIGTERM, and its pods' processes with it, as if the machine were switched off.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Final

import aiohttp

from tests.cluster.api import GONE, ApiRefused, connect
from tests.cluster.node.container import now
from tests.cluster.node.pod import Pod
from tests.cluster.until_sigterm import until_sigterm

if TYPE_CHECKING:
    from tests.cluster.api import Api, Object

CAPACITY: Final = {"cpu": "64", "memory": "256Gi", "pods": "110", "ephemeral-storage": "100Gi"}
"""Room for the 30 workers of the production overlay: what they ask for is the scheduler's arithmetic alone."""
LEASE_SECONDS: Final = 10.0
LEASES: Final = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
ADDRESSES: Final = 250
"""Of one octet."""


class Node:
    """One machine, as the API server knows it."""

    def __init__(self, api: Api, name: str, zone: str, folder: Path, network: str) -> None:
        self._api = api
        self._name = name
        self._zone = zone
        self._folder = folder
        self._address = f"{network}.255.1"
        self._addresses = (f"{network}.{at // ADDRESSES}.{1 + at % ADDRESSES}" for at in count())
        self._pods: dict[str, Pod] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """For ever."""
        (self._folder / "logs").mkdir(parents=True, exist_ok=True)
        await self._register()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._renew())
            group.create_task(self._follow())

    async def _register(self) -> None:
        labels = {
            "kubernetes.io/hostname": self._name,
            "kubernetes.io/os": "linux",
            "kubernetes.io/arch": "amd64",
            "topology.kubernetes.io/zone": self._zone,
        }
        node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": self._name, "labels": labels}}
        await self._api.create("/api/v1/nodes", node)
        beat = {"lastHeartbeatTime": now(), "lastTransitionTime": now()}
        conditions = [
            {"type": kind, "status": said, "reason": "StandIn", "message": "a stand-in node"} | beat
            for kind, said in {
                "Ready": "True",
                "MemoryPressure": "False",
                "DiskPressure": "False",
                "PIDPressure": "False",
            }.items()
        ]
        addresses = [{"type": "InternalIP", "address": self._address}, {"type": "Hostname", "address": self._name}]
        status = {"capacity": CAPACITY, "allocatable": CAPACITY, "conditions": conditions, "addresses": addresses}
        await self._api.patch(f"/api/v1/nodes/{self._name}/status", {"status": status})

    async def _renew(self) -> None:
        """The lease by which the controllers know that this node lives."""
        lease: Object = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": self._name}}
        while True:
            renewed = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
            spec = {"holderIdentity": self._name, "leaseDurationSeconds": 40, "renewTime": renewed}
            try:
                await self._api.patch(f"{LEASES}/{self._name}", {"spec": spec})
            except ApiRefused as refused:
                if refused.status == GONE:
                    await self._api.create(LEASES, lease | {"spec": spec})
            except (aiohttp.ClientError, TimeoutError):
                pass  # the next one tells
            await asyncio.sleep(LEASE_SECONDS)

    async def _follow(self) -> None:
        """Give every pod of this node its life, and each word on it to it."""
        mine = {"fieldSelector": f"spec.nodeName={self._name}"}
        async for uid, pod in self._api.follow("/api/v1/pods", **mine):
            if uid not in self._pods:
                if pod is None or pod.get("status", {}).get("phase") in {"Succeeded", "Failed"}:
                    continue
                self._begin(uid, pod)
            self._pods[uid].seen(pod)

    def _begin(self, uid: str, pod: Object) -> None:
        living = self._pods[uid] = Pod(
            self._api,
            pod,
            address=next(self._addresses),
            node_address=self._address,
            folder=self._folder,
            journal=self._write,
        )
        task = asyncio.create_task(living.run())
        self._tasks.add(task)
        task.add_done_callback(lambda ended: self._over(uid, ended))

    def _over(self, uid: str, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._pods.pop(uid, None)
        if not task.cancelled() and (error := task.exception()):
            self._write({"uid": uid, "error": repr(error)})

    def _write(self, what: Object) -> None:
        """A line of the journal: how every container ended."""
        with (self._folder / "journal.jsonl").open("a") as journal:
            journal.write(json.dumps({"node": self._name} | what) + "\n")


async def _main(asked: argparse.Namespace) -> None:
    async with connect(asked.server, asked.certificates, f"node-{asked.name}") as api:
        await Node(api, asked.name, asked.zone, asked.folder, asked.network).run()


def main() -> None:
    """Run a node until SIGTERM."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("name", "zone", "server", "network"):
        parser.add_argument(f"--{name}", required=True)
    for name in ("certificates", "folder"):
        parser.add_argument(f"--{name}", required=True, type=Path)
    asked = parser.parse_args()
    until_sigterm(lambda: _main(asked))


if __name__ == "__main__":
    main()
