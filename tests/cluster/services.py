"""What kube-proxy does, in user space: listens at every Service's address and passes connections on to its ready pods.

`python -m tests.cluster.services --server https://… --certificates DIR`; ends on SIGTERM.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from tests.cluster.api import connect
from tests.cluster.until_sigterm import until_sigterm

if TYPE_CHECKING:
    from tests.cluster.api import Api, Object

PIECE_BYTES = 65536


class Services:
    """Every Service with an address, and the pods behind it."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._pods: dict[str, Object] = {}
        self._listening: dict[str, list[asyncio.Server]] = {}
        self._turn = count()

    async def run(self) -> None:
        """For ever."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow_pods())
            group.create_task(self._follow_services())

    async def _follow_pods(self) -> None:
        async for uid, pod in self._api.follow("/api/v1/pods"):
            if pod is None:
                self._pods.pop(uid, None)
            else:
                self._pods[uid] = pod

    async def _follow_services(self) -> None:
        async for uid, service in self._api.follow("/api/v1/services"):
            if service is None:
                for server in self._listening.pop(uid, []):
                    server.close()
            elif uid not in self._listening and service["spec"].get("selector"):
                self._listening[uid] = await self._listen(service)

    async def _listen(self, service: Object) -> list[asyncio.Server]:
        address, servers = service["spec"].get("clusterIP", "None"), []
        for port in service["spec"].get("ports", []) if address != "None" else []:

            async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: Object = port) -> None:
                await self._pass_on(service, port, reader, writer)

            try:
                servers.append(await asyncio.start_server(serve, address, port["port"]))
            except OSError as error:  # a port below 1024, for whoever is not root
                sys.stderr.write(f"{service['metadata']['name']}: {error}\n")
        return servers

    def _behind(self, service: Object, port: Object) -> list[tuple[str, int]]:
        """Where the ready pods of a Service listen."""
        wanted = service["spec"]["selector"].items()
        found = []
        for pod in self._pods.values():
            same = pod["metadata"]["namespace"] == service["metadata"]["namespace"]
            if same and wanted <= pod["metadata"].get("labels", {}).items() and _ready(pod):
                found.append((pod["status"]["podIP"], _number(port.get("targetPort") or port["port"], pod)))
        return found

    async def _pass_on(
        self, service: Object, port: Object, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        places = self._behind(service, port)
        if not places:
            writer.close()
            return
        try:
            there, back = await asyncio.open_connection(*places[next(self._turn) % len(places)])
        except OSError:
            writer.close()
            return
        await asyncio.gather(_pump(reader, back), _pump(there, writer))


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Everything that comes, until one side has no more."""
    with suppress(OSError):
        while piece := await reader.read(PIECE_BYTES):
            writer.write(piece)
            await writer.drain()
    with suppress(OSError):
        writer.close()


def _ready(pod: Object) -> bool:
    conditions = {each["type"]: each["status"] for each in pod.get("status", {}).get("conditions", [])}
    return conditions.get("Ready") == "True" and "deletionTimestamp" not in pod["metadata"]


def _number(port: int | str, pod: Object) -> int:
    """A port that may be named."""
    if isinstance(port, int):
        return port
    ports = [each for container in pod["spec"]["containers"] for each in container.get("ports", [])]
    return next(int(each["containerPort"]) for each in ports if each.get("name") == port)


async def _main(asked: argparse.Namespace) -> None:
    async with connect(asked.server, asked.certificates, "services") as api:
        await Services(api).run()


def main() -> None:
    """Pass connections on until SIGTERM."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--server", required=True)
    parser.add_argument("--certificates", required=True, type=Path)
    asked = parser.parse_args()
    until_sigterm(lambda: _main(asked))


if __name__ == "__main__":
    main()
