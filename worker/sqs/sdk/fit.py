"""Whether the native path may do in the SDK's place, and what it needs to: asked of the SDK itself.

`fitness` takes opened clients and gives a `Fit` (where to connect, what to sign for, whom to trust) or an `Unfit` with
the reason in words for people. It lets the SDK make a request, catches it before it is sent, and compares it with
ours: whatever somebody configured anywhere, a request of the same signature is the same to SQS.

FIPS, dual stack, AWS_ENDPOINT_URL and all that decides an endpoint is in the caught request's URL. Only what a request
does not show is asked for by name: proxies, client certificates, and who listens in.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from botocore.httpsession import get_cert_path

from worker.sqs.endpoint import Endpoint
from worker.sqs.sdk.environ import ca_bundle as configured
from worker.sqs.sdk.errors import translated
from worker.sqs.sdk.proxy import variable_of
from worker.sqs.sign import ALGORITHM, Signer

if TYPE_CHECKING:
    from botocore.awsrequest import AWSPreparedRequest
    from types_aiobotocore_sqs import SQSClient

    from worker.sqs.sdk.session import Clients
    from worker.sqs.sign import Keys

PLUGINS: Final = "BOTOCORE_EXPERIMENTAL__PLUGINS"
TRIES: Final = 3
"""How often the comparison begins anew because the keys changed under it: they do so once in minutes."""
_EVENT: Final = "before-send"
"""As broad as can be: the broader an event, the later its turn, and the last to listen sees what would be sent."""
_TARGET: Final = "AmazonSQS.ReceiveMessage"


@dataclass(frozen=True, slots=True)
class Fit:
    """What the native path needs to reach SQS as the SDK would."""

    endpoint: Endpoint
    region: str
    """What is signed for; not always the region of the endpoint."""
    service: str
    ca_bundle: str
    """The file of certificates to trust."""


@dataclass(frozen=True, slots=True)
class Unfit:
    """Why only the SDK will do."""

    reason: str
    """A clause that can follow "because"; without secrets."""


class _Caught(Exception):
    """Carries a request out of the SDK, unsent."""

    def __init__(self, request: AWSPreparedRequest) -> None:
        super().__init__("caught before it was sent")
        self.request = request


async def fitness(clients: Clients, *, queue_url: str) -> Fit | Unfit:
    """Examine *clients*, which are open and do not receive yet. Nothing is sent.

    Raises:
        QueueError: the SDK could not make a request, as `translated` says; that is trouble, not unfitness.
    """
    if reason := _unseen(clients):
        return Unfit(reason)
    for _ in range(TRIES):
        keys = await clients.ring.first()
        request = await _unsent(clients.receiving, queue_url)
        if request is None:
            return Unfit("something answers requests before they are sent")
        verdict = _read(request, keys, clients)
        if keys is clients.ring.keys:
            return verdict
    return Unfit(f"the credentials changed {TRIES} times while they were looked at")


def ca_bundle(clients: Clients) -> str:
    """The certificates that the SDK trusts: AWS_CA_BUNDLE or `ca_bundle`, REQUESTS_CA_BUNDLE, else its own bundle."""
    return str(get_cert_path(configured(os.environ, clients.setting) or True))


def _unseen(clients: Clients) -> str | None:
    """What a request does not show."""
    meta = clients.receiving.meta
    if variable := variable_of(clients.receiving):
        host = urlsplit(meta.endpoint_url).hostname
        return f"a proxy is set for {host} ({variable} is, and NO_PROXY does not name the host)"
    if meta.config.client_cert:
        return "the AWS configuration has a client certificate"
    if clients.setting("csm_enabled"):
        return "client-side monitoring is on (AWS_CSM_ENABLED), which only the SDK reports to"
    if os.environ.get(PLUGINS):
        return f"{PLUGINS} loads plugins into the SDK"
    return None


async def _unsent(client: SQSClient, queue_url: str) -> AWSPreparedRequest | None:
    """The request that *client* would send; None if somebody answered it."""

    def catch(request: AWSPreparedRequest, **_: object) -> None:
        raise _Caught(request)

    client.meta.events.register_last(_EVENT, catch)
    try:
        await client.receive_message(QueueUrl=queue_url)
    except _Caught as caught:
        return caught.request
    except Exception as error:
        raise translated("open", error) from error
    finally:
        client.meta.events.unregister(_EVENT, catch)
    return None


def _read(request: AWSPreparedRequest, keys: Keys, clients: Clients) -> Fit | Unfit:
    headers = {name.lower(): _text(value) for name, value in request.headers.items()}
    authorization = headers.get("authorization", "")
    if not authorization.startswith(f"{ALGORITHM} "):
        return Unfit(f"requests are signed with {authorization.partition(' ')[0] or 'nothing'}, not {ALGORITHM}")
    _, _, region, service, _ = _between(authorization, "Credential=", ",").rsplit("/", 4)
    try:
        endpoint = Endpoint.of(request.url)
        signer = Signer(endpoint, region=region, service=service)
    except ValueError as error:
        return Unfit(str(error))
    ours = signer.head(_TARGET, bytes(request.body or b""), keys, _unix(headers["x-amz-date"])).decode()
    if _between(ours, "\r\nAuthorization: ", "\r\n") != authorization:
        return Unfit(_different(ours, authorization))
    return Fit(endpoint, region, service, ca_bundle(clients))


def _different(ours: str, authorization: str) -> str:
    signed, theirs = (set(_between(text, "SignedHeaders=", ",").split(";")) for text in (ours, authorization))
    if odd := sorted(signed ^ theirs):
        return f"requests differ from the native ones in the headers {', '.join(odd)}"
    return "requests are signed in a way that the native path does not know"


def _between(text: str, start: str, end: str) -> str:
    return text.partition(start)[2].partition(end)[0]


def _unix(stamp: str) -> float:
    return datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
