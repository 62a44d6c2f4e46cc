"""The way to the service: takes a body and headers, gives a `ServiceAnswer`. The only module that knows aiohttp.

A pool of HTTP/1.1 connections that are kept open between requests. Redirects, proxies and cookies are left alone, an
answer is read to its end or to a bound. Ends with `close`.
"""

from __future__ import annotations

import asyncio
import time
from io import BytesIO
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

import aiohttp
from multidict import CIMultiDict

from worker.errors import SinkUnavailable
from worker.sinks.http.retry_after import seconds_of
from worker.sinks.http.statuses import ServiceAnswer

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping

    from yarl import URL

TROUBLE: Final = (aiohttp.ClientError, OSError)
"""All that aiohttp raises on purpose; TimeoutError and ssl.SSLError are OSErrors."""
ANSWER_BYTES: Final = 1 << 20
"""Of an answer; what is behind it is not read, and its connection is closed."""
KEPT_SECONDS: Final = 4.0
"""How long a connection is kept unused: less than the 5 s of Node's servers, the shortest that is usual."""
CONNECT_SECONDS: Final = 10.0
CLOSE_SECONDS: Final = 2.0


class Client:
    """At most *connections* to any service, made and used in one loop."""

    def __init__(
        self,
        *,
        content_type: str,
        headers: Mapping[str, str],
        tls: ssl.SSLContext | None,
        seconds: float,
        connections: int,
    ) -> None:
        trace = aiohttp.TraceConfig()
        trace.on_connection_reuseconn.append(_mark_kept)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=connections, keepalive_timeout=KEPT_SECONDS, ssl=tls if tls is not None else True
            ),
            timeout=aiohttp.ClientTimeout(total=seconds, sock_connect=min(CONNECT_SECONDS, seconds)),
            headers=_with_defaults(headers, content_type),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            trace_configs=[trace],
        )

    async def post(self, url: URL, body: bytes, headers: Mapping[str, str]) -> ServiceAnswer:
        """The answer to a POST. It is made once more where a kept connection had been closed before it came.

        Raises:
            SinkUnavailable: it is closed.
            OSError, aiohttp.ClientError: there is no whole answer.
        """
        kept = SimpleNamespace(kept=False)
        try:
            return await self._exchange("POST", url, body, headers, kept)
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as error:
            if not kept.kept or isinstance(error, aiohttp.ClientConnectorError):
                raise
        return await self._exchange("POST", url, body, headers, kept)

    async def get(self, url: URL, headers: Mapping[str, str]) -> ServiceAnswer:
        """The answer to a GET, by a connection of its own; raises as `post`."""
        return await self._exchange("GET", url, None, {**headers, "Connection": "close"}, SimpleNamespace())

    async def close(self) -> None:
        """End every connection; what waits for an answer is told that there is none."""
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._session.close()
        except TimeoutError:
            return

    async def _exchange(
        self, method: str, url: URL, body: bytes | None, headers: Mapping[str, str], kept: SimpleNamespace
    ) -> ServiceAnswer:
        if self._session.closed:
            raise SinkUnavailable("the sink is closed")
        content = BytesIO(body) if body is not None else None  # which is sent in pieces, between which the loop goes on
        async with self._session.request(
            method, url, data=content, headers=headers, allow_redirects=False, trace_request_ctx=kept
        ) as response:
            answered, whole = await _bounded(response)
            said = response.headers
            pause = seconds_of(said.get("Retry-After"), said.get("Date"), now=time.time())
            return ServiceAnswer(response.status, answered, whole, pause)


def unavailable(error: Exception, where: str) -> SinkUnavailable:
    """*error* in words that hold neither path nor query of a URL, which may be secrets."""
    name, words = type(error).__name__, ""
    if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ServerDisconnectedError):
        words = f": {error}"
    elif isinstance(error, OSError) and error.strerror:
        words = f": {error.strerror}"
    return SinkUnavailable(f"{where}: {name}{words}")


def _with_defaults(headers: Mapping[str, str], content_type: str) -> CIMultiDict[str]:
    """*headers* of the user, which win in whatever letters they are written."""
    told = {"User-Agent": "sqs-worker-daemon", "Accept-Encoding": "identity", "Content-Type": content_type}
    merged = CIMultiDict(told)
    merged.update(headers)
    return merged


async def _bounded(response: aiohttp.ClientResponse) -> tuple[bytes, bool]:
    """The body, or its beginning, and whether that is all of it."""
    content = bytearray()
    async for piece in response.content.iter_any():
        content += piece
        if len(content) > ANSWER_BYTES:
            response.close()
            return bytes(content[:ANSWER_BYTES]), False
    return bytes(content), True


async def _mark_kept(_session: Any, context: Any, _parameters: Any) -> None:
    context.trace_request_ctx.kept = True
