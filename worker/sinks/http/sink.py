"""HTTP: takes batches of messages, POSTs each in one request, gives what the answer says of them. Ends with `close`."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

from yarl import URL

from worker.errors import SinkUnavailable
from worker.sinks.http.client import CONNECT_SECONDS, TROUBLE, Client, unavailable
from worker.sinks.http.compress import compressed
from worker.sinks.http.headers import read_headers
from worker.sinks.http.payload import CONTENT_TYPES, payload_of
from worker.sinks.http.signature import read_secrets, signature_headers
from worker.sinks.http.statuses import is_success, judge_check, outcomes_of
from worker.sinks.http.tls import context_of, of_tls
from worker.sinks.sink import Demand
from worker.sinks.threads import Threads

if TYPE_CHECKING:
    import ssl
    from collections.abc import Sequence

    from pydantic import SecretStr

    from worker.message import Message
    from worker.outcome import Rejected, Retried
    from worker.sinks.http.settings import HttpSettings
    from worker.sinks.http.statuses import ServiceAnswer

CHECK_ID: Final = "worker-check"
"""The id of a signed check, which has no body."""


class HttpSink:
    """A POST for each batch (`json`, `ndjson`) or for each message (`single`).

    *At least once*: the worker deletes what a whole answer of 2xx has accepted. An answer that is lost, and a process
    that is killed, bring the messages again, most likely in *another* batch: the Idempotency-Key of a batch, a digest
    of its bytes, catches only the batch that is repeated whole; that of a single message is the message's own. Every
    message carries its key as `message_id`, and whoever receives keeps one of each.
    """

    def __init__(self, settings: HttpSettings, *, connections: int) -> None:
        self._settings = settings
        self._connections = connections
        self._url = _url(settings.url)
        self._where = str(self._url.origin())
        self._secrets = read_secrets(settings.secret.get_secret_value()) if settings.secret else ()
        self._thread = Threads(1, name="http")
        self._client: Client | None = None
        """Written by `_opening` and `close`."""
        self._silent_until = 0.0
        """Loop time before which the service has asked to be left alone. Written by `_heed`."""

    @property
    def demand(self) -> Demand:
        """A request for each message where that is wished; else a batch as the settings say."""
        return Demand(max_rows=1 if self._settings.format == "single" else None, max_writers=self._connections)

    async def open(self) -> None:
        """Read the files of TLS, connect once, and ask HTTP_CHECK_URL."""
        await self.check()

    async def check(self) -> str:
        """See `Checkable`: as `open`, since that makes nothing."""
        await self._end_client()
        tls = await self._tls()
        self._client = client = Client(
            content_type=CONTENT_TYPES[self._settings.format],
            headers=_read(self._settings.headers),
            tls=tls,
            seconds=self._settings.timeout_seconds,
            connections=self._connections,
        )
        try:
            return await self._proved(client, tls)
        except TROUBLE as error:
            raise of_tls(error) or unavailable(error, self._where) from error

    async def write(self, records: Sequence[Message]) -> Sequence[Retried | Rejected | None]:
        """POST *records*; those that no JSON can hold are left out and rejected. See the protocol."""
        client = self._client
        if client is None:
            raise SinkUnavailable("the sink is not open")
        self._keep_silence()
        payload = payload_of(records, self._settings.format)
        if not payload.sent:
            return payload.answers
        answer = await self._posted(client, payload.body, payload.idempotency_key)
        self._heed(answer)
        said = iter(outcomes_of(answer, payload.sent))
        return [rejected or next(said) for rejected in payload.answers]

    async def close(self) -> None:
        """End the connections, and the thread that compresses."""
        self._thread.stop()
        await self._end_client()

    async def _posted(self, client: Client, body: bytes, key: str) -> ServiceAnswer:
        way = self._settings.compression
        headers = {"Idempotency-Key": key}
        if way != "none":
            body = await self._thread.run(lambda: compressed(body, way))
            headers["Content-Encoding"] = way
        try:
            return await client.post(self._url, body, headers | self._signed(key, body))
        except TROUBLE as error:
            raise unavailable(error, self._where) from error

    def _signed(self, identifier: str, body: bytes) -> dict[str, str]:
        return signature_headers(self._secrets, identifier, int(time.time()), body) if self._secrets else {}

    def _keep_silence(self) -> None:
        left = self._silent_until - asyncio.get_running_loop().time()
        if left > 0:
            raise SinkUnavailable(f"{self._where} asked for a pause, of which {left:.1f} s are left")

    def _heed(self, answer: ServiceAnswer) -> None:
        """A pause that the service asks for is everybody's, unless it speaks of single messages."""
        if answer.pause_seconds is not None and not is_success(answer.status):
            until = asyncio.get_running_loop().time() + answer.pause_seconds
            self._silent_until = max(self._silent_until, until)

    async def _tls(self) -> ssl.SSLContext | None:
        urls = (self._settings.url, self._settings.check_url or "")
        if not any(url.lower().startswith("https:") for url in urls):
            return None
        return await self._thread.run(lambda: context_of(self._settings))

    async def _proved(self, client: Client, tls: ssl.SSLContext | None) -> str:
        """That the service takes connections, and what HTTP_CHECK_URL says."""
        async with asyncio.timeout(min(CONNECT_SECONDS, self._settings.timeout_seconds)):
            _, writer = await asyncio.open_connection(
                self._url.host, self._url.port, ssl=tls if self._url.scheme == "https" else None
            )
        writer.transport.abort()
        if self._settings.check_url is None:
            return f"{self._where} takes connections"
        answer = await client.get(_url(self._settings.check_url), self._signed(CHECK_ID, b""))
        judge_check(answer)
        return f"HTTP_CHECK_URL answers {answer.status}"

    async def _end_client(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.close()


def _read(headers: SecretStr | None) -> dict[str, str]:
    return read_headers(headers.get_secret_value()) if headers else {}


def _url(text: str) -> URL:
    """As it is written: what is encoded in it (%2F) has its meaning for the service."""
    return URL(text, encoded=text.isascii())
