"""A container's environment, resolved as the kubelet does it: the image's, then `envFrom`, then `env` in its order.

Takes the container and its pod as the API server gives them, and a way to fetch ConfigMaps and Secrets; what cannot be
resolved is an error that the pod's status shows.
"""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING

from tests.cluster.api import GONE, ApiRefused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.cluster.api import Api, Object

REFERENCE = re.compile(r"\$(?:\$|\(([A-Za-z_][\w.-]*)\))")
SUBSCRIPT = re.compile(r"metadata\.(labels|annotations)\['(.+)'\]")


class NoConfig(LookupError):
    """A reference of the manifest leads nowhere; the kubelet calls it CreateContainerConfigError."""


class Configuration:
    """The ConfigMaps and Secrets of a namespace, as text."""

    def __init__(self, api: Api, namespace: str) -> None:
        self._api = api
        self._namespace = namespace

    async def config_map(self, reference: Object) -> dict[str, str] | None:
        """Its data; None if it is not there and may be missing."""
        found = await self._fetch("configmaps", reference)
        return None if found is None else dict(found.get("data") or {})

    async def secret(self, reference: Object) -> dict[str, str] | None:
        """Its data in plain; None if it is not there and may be missing."""
        found = await self._fetch("secrets", reference)
        if found is None:
            return None
        return {key: base64.b64decode(value).decode() for key, value in (found.get("data") or {}).items()}

    async def _fetch(self, kind: str, reference: Object) -> Object | None:
        name = reference.get("name") or reference["secretName"]
        try:
            return await self._api.get(f"/api/v1/namespaces/{self._namespace}/{kind}/{name}")
        except ApiRefused as refused:
            if refused.status == GONE and reference.get("optional"):
                return None
            raise NoConfig(f"{kind} {name}: {refused}") from refused


async def resolve(
    container: Object, pod: Object, configuration: Configuration, image: Mapping[str, str]
) -> dict[str, str]:
    """Every variable of *container*.

    Raises:
        NoConfig: a ConfigMap, Secret, key or field that is not there, or that this node does not know.
    """
    found = dict(image)
    for source in container.get("envFrom", []):
        found |= await _all_of(source, configuration)
    for entry in container.get("env", []):
        if "valueFrom" in entry:
            value = await _value_from(entry["valueFrom"], pod, configuration)
            if value is None:
                continue
            found[entry["name"]] = value
        else:
            found[entry["name"]] = expand(entry.get("value", ""), found)
    return found


async def _all_of(source: Object, configuration: Configuration) -> dict[str, str]:
    if "configMapRef" in source:
        data = await configuration.config_map(source["configMapRef"])
    else:
        data = await configuration.secret(source["secretRef"])
    return {source.get("prefix", "") + key: value for key, value in (data or {}).items()}


async def _value_from(source: Object, pod: Object, configuration: Configuration) -> str | None:
    if "fieldRef" in source:
        return field(pod, source["fieldRef"]["fieldPath"])
    if "configMapKeyRef" in source:
        reference = source["configMapKeyRef"]
        data = await configuration.config_map(reference)
    elif "secretKeyRef" in source:
        reference = source["secretKeyRef"]
        data = await configuration.secret(reference)
    else:
        raise NoConfig(f"this node resolves fields, ConfigMaps and Secrets only, not {source}")
    if (data is None or reference["key"] not in data) and not reference.get("optional"):
        raise NoConfig(f"no key {reference['key']} in {reference['name']}")
    return (data or {}).get(reference["key"])


def field(pod: Object, path: str) -> str:
    """A field of *pod*, as the downward API names it.

    Raises:
        NoConfig: it is none that a variable may have.
    """
    if found := SUBSCRIPT.fullmatch(path):
        return str(pod["metadata"].get(found[1], {}).get(found[2], ""))
    value: object = pod
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    if not isinstance(value, str):
        raise NoConfig(f"no field {path} here")
    return value


def expand(text: str, known: Mapping[str, str]) -> str:
    """*text* with each $(NAME) that is known filled in; $$ is a dollar sign, and an unknown name stays as it is."""

    def fill(found: re.Match[str]) -> str:
        return "$" if found[1] is None else known.get(found[1], found[0])

    return REFERENCE.sub(fill, text)
