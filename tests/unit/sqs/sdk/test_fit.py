"""Where the native path may take the SDK's place: real sessions of the SDK on real environments and files."""

from __future__ import annotations

import asyncio
import os
import shutil
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from botocore import UNSIGNED
from botocore.httpsession import get_cert_path

from worker.errors import QueueUnavailable
from worker.sqs.endpoint import Endpoint
from worker.sqs.sdk.fit import PLUGINS, TRIES, Fit, Unfit, fitness
from worker.sqs.sdk.proxy import named
from worker.sqs.sdk.session import Clients
from worker.sqs.sign import Keys

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

QUEUE_URL = "https://sqs.eu-west-1.amazonaws.com/123456789012/jobs"
PUBLIC = "https://sqs.eu-west-1.amazonaws.com"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing of this machine's configuration, and static keys with a token."""
    for name in list(os.environ):
        if name.upper().startswith(("AWS_", "BOTO")) or name.upper().endswith(("_PROXY", "CA_BUNDLE")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKID")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "SECRET")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "TOKEN")


@asynccontextmanager
async def opened(endpoint_url: str | None = None) -> AsyncIterator[Clients]:
    """Clients of the SDK for one region."""
    clients = Clients(lambda _: None, pipeline="orders", region="eu-west-1", endpoint_url=endpoint_url)
    await clients.open(receivers=1, settlers=1)
    try:
        yield clients
    finally:
        await clients.close()


def http_session(clients: Clients) -> Any:
    """What the SDK itself sends with."""
    return clients.receiving._endpoint.http_session


async def examined(endpoint_url: str | None = None) -> Fit | Unfit:
    """The verdict in this environment, after a look at whether the SDK's own sender agrees on proxies and bundles."""
    async with opened(endpoint_url) as clients:
        verdict = await fitness(clients, queue_url=QUEUE_URL)
        own = http_session(clients)
        proxied = own._proxy_config.proxy_url_for(clients.receiving.meta.endpoint_url) is not None
        assert proxied == (isinstance(verdict, Unfit) and "proxy" in verdict.reason)
        if isinstance(verdict, Fit):
            assert verdict.ca_bundle == get_cert_path(own._verify)
        return verdict


ENDPOINTS = [
    (None, {}, PUBLIC),
    (None, {"AWS_USE_FIPS_ENDPOINT": "true"}, "https://sqs-fips.eu-west-1.amazonaws.com"),
    (None, {"AWS_USE_DUALSTACK_ENDPOINT": "true"}, "https://sqs.eu-west-1.api.aws"),
    (None, {"AWS_ENDPOINT_URL": "http://localhost:4566"}, "http://localhost:4566"),
    (None, {"AWS_ENDPOINT_URL": "http://localhost:1", "AWS_ENDPOINT_URL_SQS": "http://[::1]:2"}, "http://[::1]:2"),
    ("http://localhost:3", {"AWS_ENDPOINT_URL_SQS": "http://localhost:2"}, "http://localhost:3"),
    ("https://LOCALHOST:443/a/../b%20c?d=e", {}, "https://localhost/a/../b%20c?d=e"),
]


@pytest.mark.parametrize(("given", "variables", "expected"), ENDPOINTS, ids=[expected for *_, expected in ENDPOINTS])
async def test_endpoint_is_the_one_that_the_sdk_resolves(
    given: str | None, variables: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever decides the endpoint, the native path takes the result, whole, and signs it as the SDK does."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    verdict = await examined(given)
    assert isinstance(verdict, Fit)
    assert (verdict.endpoint, verdict.region, verdict.service) == (Endpoint.of(expected), "eu-west-1", "sqs")


FILES = [
    ("[default]\nuse_fips_endpoint = true\n", "https://sqs-fips.eu-west-1.amazonaws.com"),
    ("[default]\nservices = here\n[services here]\nsqs =\n  endpoint_url = http://localhost:9\n", "http://localhost:9"),
]


@pytest.mark.parametrize(("text", "expected"), FILES, ids=["fips", "services"])
async def test_endpoint_of_the_configuration_file_is_taken_too(text: str, expected: str, tmp_path: Path) -> None:
    """Files say as much as variables do."""
    (tmp_path / "config").write_text(text)
    verdict = await examined()
    assert isinstance(verdict, Fit)
    assert verdict.endpoint == Endpoint.of(expected)


async def test_bundle_is_the_configured_one_or_the_sdk_s_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The file, then the variables over it, as the SDK orders them; `examined` compares with what it verifies by."""
    copies = {name: str(tmp_path / f"{name}.pem") for name in ("requests", "file", "variable")}
    for copy in copies.values():
        shutil.copy(get_cert_path(verify=True), copy)
    bundles = [await bundle()]
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", copies["requests"])
    bundles.append(await bundle())
    (tmp_path / "config").write_text(f"[default]\nca_bundle = {copies['file']}\n")
    bundles.append(await bundle())
    monkeypatch.setenv("AWS_CA_BUNDLE", copies["variable"])
    bundles.append(await bundle())
    assert bundles == [get_cert_path(verify=True), *copies.values()]


async def bundle() -> str:
    """The certificates that a verdict names."""
    verdict = await examined()
    assert isinstance(verdict, Fit)
    return verdict.ca_bundle


PROXIES = [
    ({"HTTPS_PROXY": "http://user:secret@proxy:3128"}, None, "HTTPS_PROXY"),
    ({"https_proxy": "proxy:3128"}, None, "HTTPS_PROXY"),
    ({"HTTP_PROXY": "http://proxy:3128"}, "http://queues:4566", "HTTP_PROXY"),
    ({"HTTPS_PROXY": "http://proxy:3128", "NO_PROXY": "example.com"}, None, "HTTPS_PROXY"),
    ({"HTTP_PROXY": "http://proxy:3128"}, None, None),
    ({"HTTPS_PROXY": "http://proxy:3128"}, "http://queues:4566", None),
    ({"HTTPS_PROXY": "http://proxy:3128", "NO_PROXY": "amazonaws.com"}, None, None),
    ({"HTTPS_PROXY": "http://proxy:3128", "no_proxy": "*"}, None, None),
    ({"HTTP_PROXY": "http://proxy:3128", "NO_PROXY": "queues"}, "http://queues:4566", None),
    ({"ALL_PROXY": "http://proxy:3128"}, None, None),
]


@pytest.mark.parametrize(("variables", "endpoint", "named"), PROXIES)
async def test_proxy_needs_the_sdk_where_the_sdk_would_use_it(
    variables: dict[str, str], endpoint: str | None, named: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sentence names the variable and the host, never the proxy's password."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    verdict = await examined(endpoint)
    if named is None:
        assert isinstance(verdict, Fit)
    else:
        assert isinstance(verdict, Unfit)
        host = "queues" if endpoint else "sqs.eu-west-1.amazonaws.com"
        assert verdict.reason == f"a proxy is set for {host} ({named} is, and NO_PROXY does not name the host)"


def bearer(**_: object) -> str:
    """Choose tokens in place of signatures."""
    return "bearer"


def unsigned(**_: object) -> object:
    """Choose to sign nothing."""
    return UNSIGNED


def further_header(request: Any, **_: object) -> None:
    """Add a header that is signed."""
    request.headers["X-Corporate"] = "yes"


def unsigned_body(request: Any, **_: object) -> None:
    """Leave the body out of the signature."""
    request.context["payload_signing_enabled"] = False


def elsewhere(request: Any, **_: object) -> None:
    """Send to another address than was signed for."""
    request.url = "https://localhost/elsewhere"


def with_password(request: Any, **_: object) -> None:
    """Send to an address with a password in it."""
    request.url = "https://user:secret@localhost/"


def answered(**_: object) -> tuple[object, dict[str, object]]:
    """Answer in SQS's place."""
    return SimpleNamespace(status_code=200), {}


CHANGES: list[tuple[str, Callable[..., object], str]] = [
    ("choose-signer.sqs", unsigned, "requests are signed with nothing, not AWS4-HMAC-SHA256"),
    ("before-sign.sqs", further_header, "requests differ from the native ones in the headers x-corporate"),
    ("before-sign.sqs", unsigned_body, "requests differ from the native ones in the headers x-amz-content-sha256"),
    ("before-send.sqs", elsewhere, "requests are signed in a way that the native path does not know"),
    ("before-send.sqs", with_password, "the endpoint's URL has a user name, a password or a #fragment in it"),
    ("before-call.sqs", answered, "something answers requests before they are sent"),
]


@pytest.mark.parametrize(("event", "change", "reason"), CHANGES, ids=[change.__name__ for _, change, _ in CHANGES])
async def test_request_that_somebody_changed_needs_the_sdk(
    event: str, change: Callable[..., object], reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever hooks into the SDK shows in its request, and is told by what it changed."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://localhost/")
    async with opened() as clients:
        clients.receiving.meta.events.register(event, change)
        assert await fitness(clients, queue_url=QUEUE_URL) == Unfit(reason)


async def test_bearer_token_needs_the_sdk() -> None:
    """A scheme without signatures is named by its own word."""
    async with opened() as clients:
        signer = clients.receiving._request_signer
        signer._auth_token = SimpleNamespace(get_frozen_token=frozen_token)
        clients.receiving.meta.events.register("choose-signer.sqs", bearer)
        verdict = await fitness(clients, queue_url=QUEUE_URL)
    assert verdict == Unfit("requests are signed with Bearer, not AWS4-HMAC-SHA256")


async def frozen_token() -> object:
    """A token."""
    return SimpleNamespace(token="secret")


HIDDEN = [
    ("AWS_CSM_ENABLED", "true", "client-side monitoring is on"),
    (PLUGINS, "one=no_such_module", "loads plugins into the SDK"),
]


@pytest.mark.parametrize(("name", "value", "words"), HIDDEN, ids=[name for name, *_ in HIDDEN])
async def test_what_no_request_shows_is_asked_for_by_name(
    name: str, value: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each with its reason in words."""
    async with opened() as clients:
        monkeypatch.setenv(name, value)  # only now: what it does to the SDK itself is not the question
        verdict = await fitness(clients, queue_url=QUEUE_URL)
    assert isinstance(verdict, Unfit)
    assert words in verdict.reason


async def test_trouble_on_the_way_names_the_proxy_that_it_went_by(monkeypatch: pytest.MonkeyPatch) -> None:
    """By host and variable, without its password; what SQS itself said is not the proxy's doing."""
    async with opened() as clients:
        lost = QueueUnavailable("receive", "EndpointConnectionError", "no connection")
        assert named(lost, clients.settling) is lost
        monkeypatch.setenv("HTTPS_PROXY", "http://user:secret@proxy:3128")
        told = named(lost, clients.settling)
        assert told.detail.startswith("no connection; by way of the proxy proxy:3128 (HTTPS_PROXY; NO_PROXY ")
        busy = QueueUnavailable("receive", "ServiceUnavailable", "busy")
        assert named(busy, clients.settling) is busy


async def test_client_certificate_needs_the_sdk() -> None:
    """The native path shows none to a server."""
    async with opened() as clients:
        clients.receiving.meta.config.client_cert = "/certificate.pem"
        assert await fitness(clients, queue_url=QUEUE_URL) == Unfit("the AWS configuration has a client certificate")


async def test_examining_sends_nothing_and_leaves_nothing_behind() -> None:
    """No connection is made by it, and the client sends as before afterwards."""
    connections = []

    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(writer)
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    async with server, opened(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}") as clients:
        assert isinstance(await fitness(clients, queue_url=QUEUE_URL), Fit)
        assert connections == []
        with pytest.raises(Exception, match="Connection was closed"):
            await clients.receiving.receive_message(QueueUrl=QUEUE_URL)
        assert len(connections) == 1


@pytest.mark.parametrize("changes", [1, TRIES])
async def test_keys_that_are_renewed_while_two_signatures_are_compared(changes: int) -> None:
    """A session of 15 minutes may be renewed at any moment: then the comparison begins anew, by ourselves."""
    left = changes

    def renewed(**_: object) -> None:
        nonlocal left
        if left:
            left -= 1
            clients.ring.keys = Keys(f"NEW{left}", "SECRET", "TOKEN")

    async with opened() as clients:
        clients.receiving.meta.events.register("before-sign.sqs", renewed)
        verdict = await fitness(clients, queue_url=QUEUE_URL)
    assert isinstance(verdict, Fit if changes < TRIES else Unfit)


async def test_a_request_that_the_sdk_cannot_make_is_trouble_and_no_verdict() -> None:
    """Told in our words, like any other call of it."""

    def fail(**_: object) -> None:
        raise ValueError("odd")

    async with opened() as clients:
        clients.receiving.meta.events.register("before-sign.sqs", fail)
        with pytest.raises(QueueUnavailable, match="open: NotUnderstood: odd"):
            await fitness(clients, queue_url=QUEUE_URL)
