"""A pod's volumes as folders of this machine: emptyDir, ConfigMap, Secret, downward API, and a claim on a local path.

They are made before the pod's first container starts and removed with the pod; a claim's folder stays.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from tests.cluster.node.environment import Configuration, NoConfig, field

if TYPE_CHECKING:
    from tests.cluster.api import Api, Object


class Volumes:
    """Of one pod."""

    def __init__(self, api: Api, pod: Object, folder: Path) -> None:
        self._api = api
        self._pod = pod
        self._folder = folder
        self._made: dict[str, Path] = {}

    async def make(self) -> None:
        """All of them.

        Raises:
            NoConfig: one leads nowhere, or is of a kind that this node does not have.
        """
        configuration = Configuration(self._api, self._pod["metadata"]["namespace"])
        for volume in self._pod["spec"].get("volumes", []):
            folder = self._folder / volume["name"]
            folder.mkdir(parents=True, exist_ok=True)
            self._made[volume["name"]] = await self._fill(volume, folder, configuration)

    async def _fill(self, volume: Object, folder: Path, configuration: Configuration) -> Path:
        if "emptyDir" in volume:
            return folder
        if "persistentVolumeClaim" in volume:
            return await self._claimed(volume["persistentVolumeClaim"]["claimName"])
        if "projected" in volume:
            for source in volume["projected"]["sources"]:
                await self._write(source, folder, configuration)
            return folder
        await self._write(volume, folder, configuration)
        return folder

    async def _write(self, source: Object, folder: Path, configuration: Configuration) -> None:
        """The files of one source."""
        if "configMap" in source:
            files = _picked(await configuration.config_map(source["configMap"]), source["configMap"])
        elif "secret" in source:
            files = _picked(await configuration.secret(source["secret"]), source["secret"])
        elif "downwardAPI" in source:
            items = source["downwardAPI"].get("items", [])
            files = {item["path"]: field(self._pod, item["fieldRef"]["fieldPath"]) for item in items}
        else:
            raise NoConfig(f"this node has no volumes like {source}")
        for name, text in files.items():
            (folder / name).write_text(text)

    async def _claimed(self, claim: str) -> Path:
        """The local path of the volume that a claim is bound to."""
        bound = await self._api.get(
            f"/api/v1/namespaces/{self._pod['metadata']['namespace']}/persistentvolumeclaims/{claim}"
        )
        volume = bound["spec"].get("volumeName")
        if volume is None:
            raise NoConfig(f"claim {claim} is not bound yet")
        found = await self._api.get(f"/api/v1/persistentvolumes/{volume}")
        if "hostPath" not in found["spec"]:
            raise NoConfig(f"volume {volume} is no path of this machine")
        return Path(found["spec"]["hostPath"]["path"])

    def mounts(self, container: Object) -> dict[str, Path]:
        """Folders by their paths in *container*."""
        found = {}
        for mount in container.get("volumeMounts", []):
            folder = self._made[mount["name"]]
            found[mount["mountPath"].rstrip("/")] = folder / mount["subPath"] if "subPath" in mount else folder
        return found

    def remove(self) -> None:
        """What was made for this pod alone."""
        shutil.rmtree(self._folder, ignore_errors=True)


def _picked(data: dict[str, str] | None, source: Object) -> dict[str, str]:
    if "items" not in source:
        return data or {}
    return {item["path"]: (data or {})[item["key"]] for item in source["items"]}
