"""A pod on this node, from the moment it is bound to it until it is gone: volumes, containers, status, and its end.

Takes the pod as the API server gives it; patches its status there, and deletes it for good when its processes ended.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import aiohttp

from tests.cluster.api import GONE, ApiRefused
from tests.cluster.node.container import Container, Recipe, now
from tests.cluster.node.environment import Configuration, NoConfig, resolve
from tests.cluster.node.images import NoImage, find
from tests.cluster.node.surroundings import Surroundings
from tests.cluster.node.volumes import Volumes

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.cluster.api import Api, Object

RETRY_SECONDS: Final = 1.0
CONDITIONS: Final = ("PodReadyToStartContainers", "Initialized", "ContainersReady", "Ready")


class Pod:
    """One of this node's."""

    def __init__(
        self, api: Api, pod: Object, *, address: str, node_address: str, folder: Path, journal: Callable[[Object], None]
    ) -> None:
        self._api = api
        self._folder = folder
        self._journal = journal
        self._name = f"{pod['metadata']['namespace']}_{pod['metadata']['name']}"
        self._path = f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods/{pod['metadata']['name']}"
        self._uid: str = pod["metadata"]["uid"]
        self._address = address
        # What the downward API may ask for is known before the status says so.
        where = {
            "podIP": address,
            "podIPs": [{"ip": address}],
            "hostIP": node_address,
            "hostIPs": [{"ip": node_address}],
        }
        self._where = where
        self._pod = pod | {"status": pod.get("status", {}) | where}
        self._since: dict[str, tuple[str, str]] = {}
        self._began = now()
        self._initialized = False
        self._changed = asyncio.Event()
        self._deleted = asyncio.Event()
        restart = pod["spec"].get("restartPolicy", "Always")
        self._before = [
            self._container(spec, "OnFailure" if restart == "Always" else restart)
            for spec in pod["spec"].get("initContainers", [])
        ]
        self._containers = [self._container(spec, restart) for spec in pod["spec"]["containers"]]
        self._volumes = Volumes(api, self._pod, folder / "pods" / self._uid)

    def _container(self, spec: Object, restart: str) -> Container:
        return Container(spec, self._address, restart, self._dirty, self._ended)

    def _dirty(self) -> None:
        self._changed.set()

    def _ended(self, how: Object) -> None:
        self._journal({"pod": self._name, "uid": self._uid} | how)

    def seen(self, pod: Object | None) -> None:
        """The API server's newest word on it; None: it is gone there, whatever runs here."""
        if pod is None:
            self._pod = self._pod | {"metadata": self._pod["metadata"] | {"deletionGracePeriodSeconds": 0}}
        else:
            self._pod = pod | {"status": pod.get("status", {}) | self._where}
        if pod is None or pod["metadata"].get("deletionTimestamp"):
            self._deleted.set()

    async def run(self) -> None:
        """Until nothing of it is left, neither here nor in the API server."""
        telling = asyncio.create_task(self._tell())
        running = asyncio.create_task(self._run())
        await self._deleted.wait()
        await self._stop()
        running.cancel()
        telling.cancel()
        await asyncio.gather(running, telling, return_exceptions=True)
        await self._patch()
        await self._forget()
        self._volumes.remove()

    async def _stop(self) -> None:
        """Every container at once, within the grace period; a second deletion may shorten it."""
        grace = float(self._pod["metadata"].get("deletionGracePeriodSeconds", 30))
        await asyncio.gather(*(each.stop(grace) for each in [*self._before, *self._containers]))

    async def _run(self) -> None:
        self._dirty()
        await self._until(self._volumes.make, self._containers)
        for container in self._before:
            await self._start(container)
            if container.exit_code != 0:
                return
        self._initialized = True
        async with asyncio.TaskGroup() as group:
            for container in self._containers:
                group.create_task(self._start(container))

    async def _start(self, container: Container) -> None:
        recipes: list[Recipe] = []

        async def prepare() -> None:
            recipes.append(await self._recipe(container.spec))

        await self._until(prepare, [container])
        await container.run(recipes[0])

    async def _until(self, step: Callable[[], object], waiting: list[Container]) -> None:
        """Try a step until it works; the status says why it does not."""
        while True:
            try:
                await step()  # type: ignore[misc]
            except (NoConfig, NoImage, ApiRefused, aiohttp.ClientError) as error:
                reason = "ErrImagePull" if isinstance(error, NoImage) else "CreateContainerConfigError"
                for container in waiting:
                    container.wait_for(reason, str(error))
                await asyncio.sleep(RETRY_SECONDS)
            else:
                return

    async def _recipe(self, spec: Object) -> Recipe:
        """The process that stands for a container.

        Raises:
            NoImage, NoConfig: it cannot be made.
        """
        image, metadata = find(spec["image"]), self._pod["metadata"]
        environment = await resolve(spec, self._pod, Configuration(self._api, metadata["namespace"]), image.environment)
        services = await self._api.get("/api/v1/services")
        addresses = {
            (each["metadata"]["namespace"], each["metadata"]["name"]): each["spec"]["clusterIP"]
            for each in services["items"]
            if each["spec"].get("clusterIP", "None") != "None"
        }
        mounts = self._volumes.mounts(spec)
        around = Surroundings(self._address, metadata["namespace"], mounts, addresses)
        inside = spec.get("workingDir", image.folder)
        folder = mounts.get(inside) or self._folder / "pods" / self._uid / "root"
        folder.mkdir(parents=True, exist_ok=True)
        # PATH is this machine's own, and may lead through folders that have the name of a mount.
        environment = {n: value if n == "PATH" else around.translate(value) for n, value in environment.items()}
        if "/tmp" in mounts:  # noqa: S108 - inside the container
            environment["TMPDIR"] = str(mounts["/tmp"])  # noqa: S108 - as above
        given = spec.get("command") or list(image.entrypoint)
        command = [*given, *(spec.get("args") or ([] if spec.get("command") else image.command))]
        log = self._folder / "logs" / f"{self._name}_{spec['name']}.log"
        return Recipe([around.translate(word) for word in command], environment, folder, log)

    async def _tell(self) -> None:
        """Patch the status after every change; several at once cost one patch."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            if not await self._patch():
                await asyncio.sleep(RETRY_SECONDS)
                self._dirty()

    async def _patch(self) -> bool:
        try:
            await self._api.patch(f"{self._path}/status", {"metadata": {"uid": self._uid}, "status": self.status()})
        except ApiRefused as refused:
            return refused.status == GONE
        except (aiohttp.ClientError, TimeoutError):
            return False
        return True

    async def _forget(self) -> None:
        """Let the API server forget it: nothing runs any more."""
        with suppress(ApiRefused, aiohttp.ClientError):
            await self._api.delete(self._path, {"gracePeriodSeconds": 0, "preconditions": {"uid": self._uid}})

    def status(self) -> Object:
        """As the API server wants it."""
        return self._where | {
            "phase": self._phase(),
            "startTime": self._began,
            "conditions": [self._condition(kind, holds) for kind, holds in self._holds().items()],
            "initContainerStatuses": [each.status() for each in self._before],
            "containerStatuses": [each.status() for each in self._containers],
        }

    def _phase(self) -> str:
        over = [each for each in self._containers if "terminated" in each.state]
        if len(over) == len(self._containers) and (self._deleted.is_set() or self._for_good()):
            return "Failed" if any(each.exit_code for each in over) else "Succeeded"
        return (
            "Running"
            if self._initialized and any(each.started or each.restarts for each in self._containers)
            else "Pending"
        )

    def _for_good(self) -> bool:
        """Whether nobody starts an ended container again."""
        policy = self._pod["spec"].get("restartPolicy", "Always")
        return policy == "Never" or (policy == "OnFailure" and all(each.exit_code == 0 for each in self._containers))

    def _holds(self) -> dict[str, bool]:
        ready = all(each.ready for each in self._containers)
        return dict(zip(CONDITIONS, (True, self._initialized, ready, ready), strict=True))

    def _condition(self, kind: str, holds: bool) -> Object:  # noqa: FBT001 - a value of the wire
        said = "True" if holds else "False"
        before, since = self._since.get(kind, ("", ""))
        if before != said:
            since = now()
            self._since[kind] = (said, since)
        return {"type": kind, "status": said, "lastTransitionTime": since}
