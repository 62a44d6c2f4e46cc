"""A client of the API server, as small as the stand-ins need: JSON in, JSON out, and a list that is followed for ever.

Takes the server's URL and a folder with certificates (see `certificates.py`); gives objects as they are on the wire.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import aiohttp

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

Object = dict[str, Any]

STRATEGIC = "application/strategic-merge-patch+json"
"""Conditions are merged by their type, so that what the scheduler or an eviction wrote stays."""
WATCH_SECONDS = 300
PAUSE_SECONDS = 0.5
GONE = 404
EXPIRED = 410


class ApiRefused(Exception):
    """The server answered with an error."""

    def __init__(self, status: int, said: str) -> None:
        super().__init__(f"{status}: {said}")
        self.status = status


class Api:
    """One identity's connection to the server."""

    def __init__(self, session: aiohttp.ClientSession, server: str) -> None:
        self._session = session
        self._server = server

    async def get(self, path: str, **query: str) -> Object:
        """The object or list at *path*."""
        return await self._ask("GET", path, params=query)

    async def create(self, path: str, body: Object) -> Object:
        """Add *body* to the collection at *path*."""
        return await self._ask("POST", path, json=body)

    async def patch(self, path: str, body: Object) -> Object:
        """Merge *body* into the object at *path*."""
        return await self._ask("PATCH", path, data=json.dumps(body), headers={"Content-Type": STRATEGIC})

    async def delete(self, path: str, options: Object) -> Object:
        """Delete the object at *path*."""
        return await self._ask("DELETE", path, json=options)

    async def _ask(self, method: str, path: str, **how: Any) -> Object:
        async with self._session.request(method, self._server + path, **how) as answer:
            said: Object = await answer.json(content_type=None)
            if not answer.ok:
                raise ApiRefused(answer.status, str(said.get("message", said)))
            return said

    async def follow(self, path: str, **query: str) -> AsyncIterator[tuple[str, Object | None]]:
        """Every object of a collection by its uid, each change of one, and None when it is gone; never ends.

        The watch is begun again with a new list whenever it ends; what went meanwhile is told then.
        """
        known: set[str] = set()
        while True:
            try:
                listed = await self.get(path, **query)
                found = {item["metadata"]["uid"]: item for item in listed["items"]}
                for uid in known - found.keys():
                    yield uid, None
                for uid, item in found.items():
                    yield uid, item
                known = set(found)
                async for kind, item in self._watch(path, listed["metadata"]["resourceVersion"], query):
                    uid = item["metadata"]["uid"]
                    known.add(uid)
                    yield uid, None if kind == "DELETED" else item
            except (aiohttp.ClientError, ApiRefused, TimeoutError):
                await asyncio.sleep(PAUSE_SECONDS)

    async def _watch(self, path: str, version: str, query: dict[str, str]) -> AsyncIterator[tuple[str, Object]]:
        how = query | {"watch": "true", "resourceVersion": version, "timeoutSeconds": str(WATCH_SECONDS)}
        async with self._session.get(self._server + path, params=how, timeout=aiohttp.ClientTimeout()) as answer:
            if not answer.ok:
                raise ApiRefused(answer.status, await answer.text())
            async for line in _lines(answer.content):
                event = json.loads(line)
                if event["type"] == "ERROR":
                    raise ApiRefused(EXPIRED, str(event["object"]))
                yield event["type"], event["object"]


async def _lines(content: aiohttp.StreamReader) -> AsyncIterator[bytes]:
    """Lines of any length; the reader's own iterator refuses long ones."""
    left = b""
    async for piece in content.iter_any():
        *whole, left = (left + piece).split(b"\n")
        for line in whole:
            yield line


@asynccontextmanager
async def connect(server: str, certificates: Path, name: str) -> AsyncIterator[Api]:
    """The API server as *name* sees it."""
    context = ssl.create_default_context(cafile=str(certificates / "ca.pem"))
    context.load_cert_chain(certificates / f"{name}.pem", certificates / f"{name}-key.pem")
    connector = aiohttp.TCPConnector(ssl=context, limit=0)
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(60)) as session:
        yield Api(session, server)
