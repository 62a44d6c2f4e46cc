"""Clients of the SDK: configuration, credentials, and its exceptions in our words.

`Clients` takes where to connect and how many connections each side needs, and gives one client for receiving and one
for settling, so that neither waits for the other's sockets. Credentials come from the SDK's chain alone, by way of a
`KeyRing`, which knows when to ask it. It ends with `close`.
"""

from __future__ import annotations

import io
import os
import time
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, Final

import aiohttp
import orjson
from aiobotocore.config import AioConfig
from aiobotocore.session import AioSession
from botocore import exceptions as sdk

from worker.errors import CredentialsRefused, QueueError, QueueRefused, QueueUnavailable
from worker.sqs.errors import shortened, to_error
from worker.sqs.key_ring import KeyRing
from worker.sqs.quotas import WAIT_SECONDS
from worker.sqs.sdk.advice import advised
from worker.sqs.sdk.environ import check
from worker.sqs.sdk.keys import Chain, RingProvider

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from botocore.awsrequest import AWSPreparedRequest
    from types_aiobotocore_sqs import SQSClient

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

_NO_CREDENTIALS: Final = (
    sdk.NoCredentialsError,
    sdk.PartialCredentialsError,
    sdk.CredentialRetrievalError,
    sdk.UnknownCredentialError,
    sdk.TokenRetrievalError,
    sdk.NoAuthTokenError,
    sdk.SSOError,
    sdk.LoginError,
    sdk.RefreshWithMFAUnsupportedError,
    sdk.ProfileNotFound,
    sdk.InvalidConfigError,
)
_MISCONFIGURED: Final = (
    sdk.BaseEndpointResolverError,
    sdk.EndpointProviderError,
    sdk.InvalidRegionError,
    sdk.InvalidEndpointConfigurationError,
    sdk.InvalidProxiesConfigError,
    sdk.ConfigParseError,
    sdk.ConfigNotFound,
    sdk.ParamValidationError,
    sdk.InvalidRetryConfigurationError,
    sdk.InvalidDefaultsMode,
    sdk.MissingDependencyException,
)
_UNREADABLE: Final = (sdk.ProfileNotFound, sdk.ConfigParseError)
_PASSING: Final = (sdk.BotoCoreError, aiohttp.ClientError, OSError)
_WRONG_SHAPE: Final = (ValueError, TypeError, KeyError, AttributeError, IndexError, ArithmeticError, RecursionError)
"""What botocore's parsers raise on JSON that is not what its model says."""


class NotSqs(Exception):
    """An answer with status 200 that SQS cannot have given."""


_KINDS: Final[tuple[tuple[tuple[type[Exception], ...], type[QueueError], str | None], ...]] = (
    ((NotSqs,), QueueUnavailable, None),
    ((TimeoutError,), QueueUnavailable, "Timeout"),
    (_NO_CREDENTIALS, CredentialsRefused, None),
    (_MISCONFIGURED, QueueRefused, None),
    (_PASSING, QueueUnavailable, None),
    (_WRONG_SHAPE, QueueUnavailable, "NotUnderstood"),
)
"""Exceptions to ours, first match wins, with the code to report (None: the exception's own name)."""


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
        self._region = region
        self._endpoint_url = endpoint_url
        self._session = AioSession()
        self._chain = Chain(self._session, region=region)
        self.ring = KeyRing(self._asked, emit, pipeline=pipeline, wall=wall)
        """What requests are signed with, by either way."""
        self._session.register_component("credential_provider", RingProvider(self.ring))
        self._stack = AsyncExitStack()
        self.receiving: SQSClient
        """Written once by `open`."""
        self.settling: SQSClient
        """Written once by `open`."""

    async def open(self, *, receivers: int, settlers: int) -> None:
        """Make both clients. Reads the SDK's files, so it belongs to the start.

        Raises:
            QueueError: as `translated` says.
        """
        self._stack.push_async_callback(self.ring.close)
        try:
            check(os.environ, self.setting)
            # One connection more than receivers: a receiver that starts while another's last poll is still being
            # answered must not wait for its socket.
            self.receiving = await self._client(receivers + 1, WAIT_SECONDS + MARGIN_SECONDS)
            self.settling = await self._client(settlers, SETTLE_SECONDS)
            await self.ring.first()
        except Exception as error:
            await self._stack.aclose()
            raise (self._advised(error) if isinstance(error, _UNREADABLE) else _not_opened(error)) from error

    async def _client(self, connections: int, read_seconds: float) -> SQSClient:
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
        context = self._session.create_client(
            "sqs", region_name=self._region, endpoint_url=self._endpoint_url, config=config
        )
        client: SQSClient = await self._stack.enter_async_context(context)
        client.meta.events.register("before-parse.sqs", require_sqs)
        client.meta.events.register("before-send.sqs", stream_large_body)
        return client

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
        return self._session.get_config_variable(name)

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
        profile = str(self._session.profile or "default")
        return advised(error, profile=profile, environ=os.environ, translated=translated)

    async def close(self) -> None:
        """Give every connection back; calls under way end with an error."""
        await self._stack.aclose()


def require_sqs(response_dict: Mapping[str, Any], **_: object) -> None:
    """Refuse a successful answer that is not SQS's: before botocore reads it as an empty success.

    A proxy's page or half a JSON text parses as `{}`, which would be an empty queue for ever.
    """
    if response_dict["status_code"] >= 300:  # noqa: PLR2004  # HTTP's own border; an error's code decides about it
        return
    if not response_dict["headers"].get("x-amzn-requestid"):
        raise NotSqs("the answer has no request id; a proxy or another server answers in place of SQS")
    try:
        document = orjson.loads(response_dict["body"])
    except ValueError as error:
        raise NotSqs("the answer is not JSON or was cut off") from error
    if not isinstance(document, dict):
        raise NotSqs("the answer is JSON, but no object")


def stream_large_body(request: AWSPreparedRequest, **_: object) -> None:
    """A nearly full batch is over aiohttp's limit for raw bytes, which it answers with a ResourceWarning."""
    if len(request.body or b"") > LARGE_BODY_BYTES:
        request.body = io.BytesIO(request.body)


def translated(operation: str, error: Exception) -> QueueError:
    """Our error for whatever the SDK or the network raised; what is in no row is held to be passing."""
    if isinstance(error, QueueError):
        return error
    if isinstance(error, sdk.ClientError):
        return _answered(operation, error)
    kind, code = next(
        ((kind, code) for types, kind, code in _KINDS if isinstance(error, types)), (QueueUnavailable, None)
    )
    return kind(operation, code or type(error).__name__, shortened(str(error)))


def _not_opened(error: Exception) -> QueueError:
    """As `translated`, but botocore's bare ValueError about an endpoint or a setting will not pass by itself."""
    if isinstance(error, ValueError) and not isinstance(error, sdk.BotoCoreError):
        return QueueRefused("open", "InvalidAddress", shortened(str(error)))
    return translated("open", error)


def _answered(operation: str, error: sdk.ClientError) -> QueueError:
    told = error.response.get("Error", {})
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    return to_error(operation, str(told.get("Code", "")), status, str(told.get("Message", "")))
