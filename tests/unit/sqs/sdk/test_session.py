"""The SDK's exceptions in our words, and its clients' configuration."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

import aiohttp
import pytest
from botocore import exceptions as sdk

from worker.errors import CredentialsRefused, QueueError, QueueRefused, QueueUnavailable
from worker.sqs.sdk.errors import NotSqs, translated
from worker.sqs.sdk.session import Clients
from worker.sqs.sign import Keys

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

EXPIRED: Final = CredentialsRefused("receive", "ExpiredToken", "SQS's words")
URL = "http://127.0.0.1:2"
ROWS: list[tuple[Exception, type[QueueError], str]] = [
    (NotSqs("a page"), QueueUnavailable, "NotSqs"),
    (TimeoutError(), QueueUnavailable, "Timeout"),
    (sdk.EndpointConnectionError(endpoint_url=URL), QueueUnavailable, "EndpointConnectionError"),
    (sdk.ConnectTimeoutError(endpoint_url=URL), QueueUnavailable, "ConnectTimeoutError"),
    (sdk.ReadTimeoutError(endpoint_url=URL), QueueUnavailable, "ReadTimeoutError"),
    (sdk.ConnectionClosedError(endpoint_url=URL), QueueUnavailable, "ConnectionClosedError"),
    (sdk.HTTPClientError(error="odd"), QueueUnavailable, "HTTPClientError"),
    (sdk.SSLError(endpoint_url=URL, error="odd"), QueueUnavailable, "SSLError"),
    (sdk.ProxyConnectionError(proxy_url=URL), QueueUnavailable, "ProxyConnectionError"),
    (sdk.IncompleteReadError(actual_bytes=1, expected_bytes=2), QueueUnavailable, "IncompleteReadError"),
    (sdk.MetadataRetrievalError(error_msg="away"), QueueUnavailable, "MetadataRetrievalError"),
    (aiohttp.ClientPayloadError("cut"), QueueUnavailable, "ClientPayloadError"),
    (ConnectionResetError(), QueueUnavailable, "ConnectionResetError"),
    (KeyError("Id"), QueueUnavailable, "NotUnderstood"),
    (ValueError("not json"), QueueUnavailable, "NotUnderstood"),
    (RuntimeError("refreshed, but still expired"), QueueUnavailable, "RuntimeError"),
    (sdk.NoCredentialsError(), CredentialsRefused, "NoCredentialsError"),
    (sdk.PartialCredentialsError(provider="env", cred_var="key"), CredentialsRefused, "PartialCredentialsError"),
    (sdk.CredentialRetrievalError(provider="p", error_msg="e"), CredentialsRefused, "CredentialRetrievalError"),
    (sdk.TokenRetrievalError(provider="sso", error_msg="e"), CredentialsRefused, "TokenRetrievalError"),
    (sdk.UnauthorizedSSOTokenError(), CredentialsRefused, "UnauthorizedSSOTokenError"),
    (sdk.ProfileNotFound(profile="p"), CredentialsRefused, "ProfileNotFound"),
    (sdk.NoRegionError(), QueueRefused, "NoRegionError"),
    (sdk.InvalidRegionError(region_name="?"), QueueRefused, "InvalidRegionError"),
    (sdk.EndpointProviderError(msg="no rule"), QueueRefused, "EndpointProviderError"),
    (sdk.ParamValidationError(report="bug"), QueueRefused, "ParamValidationError"),
    (sdk.ClientError({"Error": {}, "ResponseMetadata": {}}, "ReceiveMessage"), QueueUnavailable, "NoAnswer"),
    (sdk.ClientError({}, "ReceiveMessage"), QueueUnavailable, "NoAnswer"),
]


@pytest.mark.parametrize(("error", "expected", "code"), ROWS, ids=[f"{type(e).__name__}-{c}" for e, _, c in ROWS])
def test_exception_of_the_sdk_becomes_one_of_ours(error: Exception, expected: type[QueueError], code: str) -> None:
    """Nothing of botocore or aiohttp passes the door; the cause keeps its name."""
    ours = translated("receive", error)
    assert (type(ours), ours.code, ours.operation) == (expected, code, "receive")


def test_error_of_ours_is_kept() -> None:
    """What is translated already is not translated again."""
    error = QueueRefused("open", "AccessDenied")
    assert translated("receive", error) is error


@pytest.fixture(autouse=True)
def no_configuration(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    nothing = str(tmp_path_factory.mktemp("aws") / "none")
    for name in ("AWS_DEFAULT_REGION", "AWS_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("AWS_SESSION_TOKEN", raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", nothing)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", nothing)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")


def clients_of(*, region: str | None = "eu-west-1", endpoint_url: str | None = None) -> Clients:
    """Clients, not open yet."""
    return Clients(lambda _: None, pipeline="orders", region=region, endpoint_url=endpoint_url)


async def test_clients_have_their_own_pools_and_make_one_attempt() -> None:
    """Receiving and settling share no sockets, notice a dead server soon, and leave retries to the worker."""
    clients = clients_of()
    await clients.open(receivers=3, settlers=5)
    receiving, settling = clients.receiving.meta.config, clients.settling.meta.config
    await clients.close()
    assert (receiving.max_pool_connections, settling.max_pool_connections) == (4, 5)
    assert (receiving.read_timeout, settling.read_timeout) == (25, 10)
    for config in (receiving, settling):
        assert (config.connect_timeout, config.tcp_keepalive) == (3.1, True)
        assert config.retries["total_max_attempts"] == 1
    assert clients.region == "eu-west-1"


async def test_no_region_is_told_by_the_sdk_s_name() -> None:
    """Without any region opening is refused with the code that `explained` knows."""
    with pytest.raises(QueueRefused, match="NoRegionError"):
        await clients_of(region=None).open(receivers=1, settlers=1)


async def test_endpoint_that_is_no_url_is_refused() -> None:
    """A typing error in the endpoint is lasting, so it is not retried."""
    with pytest.raises(QueueRefused, match="InvalidAddress"):
        await clients_of(endpoint_url="nonsense").open(receivers=1, settlers=1)


@asynccontextmanager
async def opened() -> AsyncIterator[Clients]:
    """Clients on this environment."""
    clients = clients_of()
    await clients.open(receivers=1, settlers=1)
    try:
        yield clients
    finally:
        await clients.close()


async def signed_with(clients: Clients) -> str:
    """The access key id that the SDK itself signs with."""
    return str((await clients.receiving._request_signer._credentials.get_frozen_credentials()).access_key)


async def test_keys_are_those_of_the_chain_and_follow_it_when_sqs_refuses_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """What either way signs with is what the chain has, before and after somebody replaced it."""
    monkeypatch.setattr("worker.sqs.key_ring.AGAIN_SECONDS", 0.0)
    async with opened() as clients:
        first = clients.ring.keys
        assert first == Keys("test", "test")
        assert not await clients.ring.replaced(first, EXPIRED)  # the chain has no others
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "other")
        monkeypatch.setenv("AWS_SESSION_TOKEN", "token")
        assert await signed_with(clients) == "test"
        assert await clients.ring.replaced(first, EXPIRED)
        assert clients.ring.keys == Keys("other", "test", "token")
        assert await signed_with(clients) == "other"


async def test_credentials_that_vanished_do_not_replace_those_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    """They may be the only ones there will be; the refusal says that no others were found."""
    monkeypatch.setattr("worker.sqs.key_ring.AGAIN_SECONDS", 0.0)
    async with opened() as clients:
        monkeypatch.delenv("AWS_ACCESS_KEY_ID")
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        first = await clients.ring.first()
        assert not await clients.ring.replaced(first, EXPIRED)
        assert clients.ring.keys is first
        assert "NoCredentialsError" in clients.ring.explained(EXPIRED).detail


async def test_keys_that_no_header_can_hold_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A token of two words is named as the credentials' fault, with where it was, and is not repeated in the error."""
    file = tmp_path / "credentials"
    file.write_text("[default]\naws_access_key_id=a\naws_secret_access_key=b\naws_session_token=token X-Other: 1\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(CredentialsRefused, match=r"session token .*shared-credentials-file") as caught:
        await clients_of().open(receivers=1, settlers=1)
    assert (caught.value.code, "X-Other" in str(caught.value)) == ("InvalidCredentials", False)
