"""A client of one service of AWS, as a sink wants it: one try, a time limit, keys renewed, errors in our words.

`open_client` takes an `AwsSpec` and gives an `AwsClient`: the credentials, region, endpoint, proxy and certificates are
found as for SQS. It does not retry, since the pipeline does, and keeps a connection for each writer. Its calls are no
requests to SQS, and are not counted as such. Ends with `close`. Needs the SDK: import it when the sink is opened.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from worker.errors import QueueError, QueueRefused
from worker.sinks.aws.errors import AwsError
from worker.sqs.address import check_endpoint
from worker.sqs.explain import ENDPOINT
from worker.sqs.sdk.call import Caller
from worker.sqs.sdk.session import KeyedSession, require_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from worker.sinks.aws.spec import AwsSpec
    from worker.sqs.key_ring import KeyRing

_NOTHING: Final[dict[str, Any]] = {}
_BODY: Final[ContextVar[bytes | None]] = ContextVar("what the call of this task sends, written already", default=None)


class _ConnectedService:
    """One client over one set of credentials."""

    def __init__(self, session: KeyedSession) -> None:
        self._session = session
        self.any_client: Any = None
        """Written once by `open_client`."""

    @property
    def ring(self) -> KeyRing:
        return self._session.ring

    async def close(self) -> None:
        await self._session.close()


class AwsClient:
    """One service. Made by `open_client`."""

    def __init__(self, spec: AwsSpec, connected: _ConnectedService) -> None:
        self._spec = spec
        self._client = connected.any_client
        self._caller = Caller(connected, lambda _: None, pipeline=spec.pipeline, settle_seconds=spec.answer_seconds)

    @property
    def region(self) -> str:
        """The region in use, the SDK's own choice included."""
        return str(self._client.meta.region_name)

    @property
    def endpoint_url(self) -> str:
        """Where requests go, whoever said so."""
        return str(self._client.meta.endpoint_url)

    async def call(self, operation: str, /, *, seconds: float | None = None, **asked: Any) -> dict[str, Any]:
        """What the service answers to *operation* (`batch_write_item`), as the SDK parses it.

        Cancelled, its connection is closed, and whether the call was carried out is unknown.

        Raises:
            AwsError: it said that it did not, or nobody answered within *seconds* (None: those of the spec).
        """
        try:
            answer: dict[str, Any] = await self._caller.call(
                operation, getattr(self._client, operation), asked, seconds=seconds
            )
        except QueueError as error:
            raise AwsError(error, _answer(error), service=self._spec.title) from error
        return answer

    async def post(self, operation: str, body: bytes, /, **asked: Any) -> dict[str, Any]:
        """As `call`, with the whole request written already as the service reads it: the SDK takes ten times as long to
        write JSON by its model. *asked* is what it needs to choose an endpoint, such as the table.
        """
        written = _BODY.set(body)
        try:
            return await self.call(operation, **asked)
        finally:
            _BODY.reset(written)

    async def close(self) -> None:
        """Give the connections back; calls under way end with `AwsError`."""
        await self._caller.close()


async def open_client(spec: AwsSpec) -> AwsClient:
    """The service of *spec*, which has not been asked anything yet.

    Raises:
        AwsError: there are no credentials, no region, or the endpoint cannot be used; `at_start` has words for it.
    """
    session = KeyedSession(spec.emit, pipeline=spec.pipeline, region=spec.region)
    connected = _ConnectedService(session)
    try:
        async with session.opening():
            connected.any_client = client = await session.client(
                spec.service,
                endpoint_url=spec.endpoint_url,
                connections=spec.connections,
                read_seconds=spec.answer_seconds,
            )
            client.meta.events.register(f"before-call.{spec.service}", _as_written)
            if client.meta.service_model.resolved_protocol == "json":
                client.meta.events.register(f"before-parse.{spec.service}", require_json)
            _require_tls(client.meta.endpoint_url)
    except QueueError as error:
        raise AwsError(error, _NOTHING, service=spec.title) from error
    return AwsClient(spec, connected)


def _as_written(params: dict[str, Any], **_: object) -> None:
    """Send what `post` was given, in place of what the SDK made of a few parameters; it is not signed yet."""
    if (body := _BODY.get()) is not None:
        params["body"] = body


def _require_tls(endpoint_url: str) -> None:
    try:
        check_endpoint(endpoint_url)
    except ValueError as error:
        raise QueueRefused("open", ENDPOINT, f"the AWS configuration leads to {endpoint_url}: {error}") from None


def _answer(error: QueueError) -> Mapping[str, Any]:
    """What the service said, which the SDK keeps in its own exception."""
    said: BaseException | None = error
    while said is not None and not isinstance(said, ClientError):
        said = said.__cause__
    return _NOTHING if said is None else said.response
