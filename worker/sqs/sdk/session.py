"""Clients of the SDK: configuration, credentials, connections.

`KeyedSession` makes clients of any service of AWS. Their credentials come from the SDK's chain alone, by way of a
`KeyRing`, which knows when to ask it. `Clients` is one for receiving and one for settling, so that neither waits for
the other's sockets. Both end with `close`.
"""

from __future__ import annotations

import io
import os
import time
from contextlib import AsyncExitStack, asynccontextmanager
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import orjson
from aiobotocore.config import AioConfig
from aiobotocore.session import AioSession
from botocore import exceptions as sdk
from botocore.loaders import create_loader

from worker.sqs.key_ring import KeyRing
from worker.sqs.quotas import WAIT_SECONDS
from worker.sqs.sdk.advice import advised
from worker.sqs.sdk.environ import check
from worker.sqs.sdk.errors import NotAws, NotSqs, not_opened, translated
from worker.sqs.sdk.keys import Chain, RingProvider

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from botocore.awsrequest import AWSPreparedRequest
    from types_aiobotocore_sqs import SQSClient

    from worker.errors import QueueError
    from worker.facts import Emit
    from worker.sqs.key_ring import Granted

CONNECT_SECONDS: Final = 3.1
"""As in AWS's own standard mode of defaults. The SDK goes on to a host's next address after it: three within a call."""
MARGIN_SECONDS: Final = 5.0
"""How much longer than the long poll an answer to a receive may take before the connection is taken for dead."""
SETTLE_SECONDS: Final = 10.0
"""How long any other call may take."""

LARGE_BODY_BYTES: Final = 1_000_000
"""A little under aiohttp's own limit."""

_UNREADABLE: Final = (sdk.ProfileNotFound, sdk.ConfigParseError)


class KeyedSession:
    """A session of the SDK that signs with the keys of one ring."""

    def __init__(self, emit: Emit, *, pipeline: str, region: str | None, wall: Callable[[], float] = time.time) -> None:
        self._region = region
        self._sdk = AioSession()
        self._chain = Chain(self._sdk, region=region)
        self.ring = KeyRing(self._asked, emit, pipeline=pipeline, wall=wall)
        """What requests are signed with, by whichever way."""
        self._sdk.register_component("credential_provider", RingProvider(self.ring))
        self._stack = AsyncExitStack()

    @asynccontextmanager
    async def opening(self) -> AsyncIterator[None]:
        """Around the making of clients: before it the variables are looked at, after it there are keys.

        Raises:
            QueueError: as `translated` says; everything is closed then.
        """
        self._stack.push_async_callback(self.ring.close)
        try:
            check(os.environ, self.setting)
            yield
            await self.ring.first()
        except Exception as error:
            await self.close()
            raise (self._advised(error) if isinstance(error, _UNREADABLE) else not_opened(error)) from error
        except BaseException:
            await self.close()
            raise

    async def client(self, service: str, *, endpoint_url: str | None, connections: int, read_seconds: float) -> Any:
        """A client of *service*. Reads the SDK's files, so it belongs to the start."""
        self._sdk.register_component("data_loader", _loader(self.setting("data_path")))
        config = AioConfig(
            connect_timeout=CONNECT_SECONDS,
            read_timeout=read_seconds,
            max_pool_connections=connections,
            retries={"total_max_attempts": 1, "mode": "standard"},
            tcp_keepalive=True,
            parameter_validation=False,
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )
        context = self._sdk.create_client(service, region_name=self._region, endpoint_url=endpoint_url, config=config)
        client = await self._stack.enter_async_context(context)
        client.meta.events.register(f"before-send.{service}", stream_large_body)
        return client

    def setting(self, name: str) -> Any:
        """One of the SDK's own settings, from wherever it takes it."""
        return self._sdk.get_config_variable(name)

    async def _asked(self) -> Granted:
        """What the chain of credentials has now.

        Raises:
            QueueError: as `translated` says.
        """
        try:
            return await self._chain.ask()
        except Exception as error:
            raise self._advised(error) from error

    def _advised(self, error: Exception) -> QueueError:
        profile = str(self._sdk.profile or "default")
        return advised(error, profile=profile, environ=os.environ, translated=translated)

    async def close(self) -> None:
        """Give every connection back; calls under way end with an error."""
        await self._stack.aclose()


class Clients:
    """One client for receiving, one for settling, over one set of credentials."""

    def __init__(
        self,
        emit: Emit,
        *,
        pipeline: str,
        region: str | None,
        endpoint_url: str | None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._endpoint_url = endpoint_url
        self._session = KeyedSession(emit, pipeline=pipeline, region=region, wall=wall)
        self.ring = self._session.ring
        """What requests are signed with, by either way."""
        self.receiving: SQSClient
        """Written once by `open`."""
        self.settling: SQSClient
        """Written once by `open`."""

    async def open(self, *, receivers: int, settlers: int) -> None:
        """Make both clients. Reads the SDK's files, so it belongs to the start.

        Raises:
            QueueError: as `translated` says.
        """
        async with self._session.opening():
            # One connection more than receivers: a receiver that starts while another's last poll is still being
            # answered must not wait for its socket.
            self.receiving = await self._client(receivers + 1, WAIT_SECONDS + MARGIN_SECONDS)
            self.settling = await self._client(settlers, SETTLE_SECONDS)

    async def _client(self, connections: int, read_seconds: float) -> SQSClient:
        client: SQSClient = await self._session.client(
            "sqs", endpoint_url=self._endpoint_url, connections=connections, read_seconds=read_seconds
        )
        client.meta.events.register("before-parse.sqs", require_sqs)
        return client

    @property
    def any_client(self) -> SQSClient:
        """One whose way to SQS is that of both."""
        return self.settling

    @property
    def region(self) -> str:
        """The region in use, the SDK's own choice included."""
        return str(self.settling.meta.region_name)

    @property
    def endpoint_url(self) -> str:
        """Where requests go, whoever said so."""
        return str(self.settling.meta.endpoint_url)

    def setting(self, name: str) -> Any:
        """One of the SDK's own settings, from wherever it takes it."""
        return self._session.setting(name)

    async def close(self) -> None:
        """Give every connection back; calls under way end with an error."""
        await self._session.close()


@cache
def _loader(path: str | None) -> Any:
    """What reads the SDK's own files, and keeps what it has read: one for all sessions, to whom they say the same."""
    return create_loader(path)


def require_sqs(response_dict: Mapping[str, Any], **_: object) -> None:
    """Refuse a successful answer that is not SQS's: before botocore reads it as an empty success.

    A proxy's page or half a JSON text parses as `{}`, which would be an empty queue for ever.
    """
    if said := _foreign(response_dict):
        raise NotSqs(said.format("SQS"))


def require_json(response_dict: Mapping[str, Any], **_: object) -> None:
    """The same for any service that answers in JSON: an empty success would be a batch that was never written."""
    if said := _foreign(response_dict):
        raise NotAws(said.format("AWS"))


def _foreign(response: Mapping[str, Any]) -> str:
    """What shows that a successful *response* comes from somebody else; empty for one of AWS, and for any other."""
    if response["status_code"] >= 300:  # noqa: PLR2004  # HTTP's own border; an error's code decides about it
        return ""
    if not response["headers"].get("x-amzn-requestid"):
        return "the answer has no request id; a proxy or another server answers in place of {}"
    try:
        document = orjson.loads(response["body"])
    except ValueError:
        return "the answer is not JSON or was cut off"
    return "" if isinstance(document, dict) else "the answer is JSON, but no object"


def stream_large_body(request: AWSPreparedRequest, **_: object) -> None:
    """A nearly full batch is over aiohttp's limit for raw bytes, which it answers with a ResourceWarning."""
    if isinstance(request.body, bytes) and len(request.body) > LARGE_BODY_BYTES:
        request.body = io.BytesIO(request.body)
