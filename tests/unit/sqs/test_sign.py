"""Signatures of the native path against botocore's, and what can never be written into a head."""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from unittest.mock import patch
from urllib.parse import urlsplit

import httptools
import orjson
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.loopback.world import World
from worker.loopback.faults import Faults
from worker.loopback.server import LoopbackServer
from worker.sqs.endpoint import Endpoint
from worker.sqs.sign import REMEMBERED_BYTES, REMEMBERED_HEADS, Keys, Signer

if TYPE_CHECKING:
    from collections.abc import Sequence

KEYS = Keys("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "a/token+of=some/length==")
RECEIVE, DELETE = "AmazonSQS.ReceiveMessage", "AmazonSQS.DeleteMessageBatch"
NOON = 1_790_000_000.0


class Head:
    """A head as a server reads it."""

    def __init__(self, data: bytes) -> None:
        self.headers: list[tuple[str, str]] = []
        """Written by the parser."""
        self.url = ""
        """Written by the parser."""
        self.complete = False
        """Written by the parser."""
        parser = httptools.HttpRequestParser(self)
        parser.feed_data(data)
        self.method = parser.get_method().decode()

    def on_url(self, url: bytes) -> None:
        """See httptools."""
        self.url = url.decode()

    def on_header(self, name: bytes, value: bytes) -> None:
        """See httptools."""
        self.headers.append((name.decode().lower(), value.decode()))

    def on_headers_complete(self) -> None:
        """See httptools."""
        self.complete = True

    def get(self, name: str) -> str:
        """The only header of that name."""
        (value,) = [value for known, value in self.headers if known == name]
        return value


def signed_by_botocore(url: str, head: Head, body: bytes, keys: Keys, unix: float, *, region: str) -> str:
    """The Authorization header of the request that a server read."""
    skipped = {"authorization", "x-amz-date", "x-amz-security-token", "content-length", "accept-encoding"}
    headers = {name: value for name, value in head.headers if name not in skipped}
    request = AWSRequest(head.method, url, headers, body)
    credentials = ReadOnlyCredentials(keys.access_key, keys.secret_key, keys.token, None)
    with patch("botocore.auth.get_current_datetime", lambda: datetime.fromtimestamp(int(unix), UTC)):
        SigV4Auth(credentials, "sqs", region).add_auth(request)
    return str(request.headers["Authorization"])


texts = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40)
paths = st.one_of(
    st.just(""),
    st.lists(st.sampled_from(["", ".", "..", "a", "b%20c", "%2F", "~x", "a+b", "a:b@c", "*", "%C3%A9"])).map(
        lambda segments: "/" + "/".join(segments)
    ),
)
queries = st.one_of(
    st.just(""), st.lists(st.sampled_from(["b=2", "a=1", "a", "a=1=2", "", "%20=x"]), min_size=1).map("&".join)
)
hosts = st.sampled_from(["sqs.eu-west-1.amazonaws.com", "localhost", "127.0.0.1", "[::1]", "LOCALHOST"])
ports = st.one_of(st.just(""), st.sampled_from([":80", ":443", ":4566"]))
urls = st.builds(
    lambda scheme, host, port, path, query: f"{scheme}://{host}{port}{path}" + (f"?{query}" if query else ""),
    st.sampled_from(["http", "https"]), hosts, ports, paths, queries,
)  # fmt: skip
keys = st.builds(Keys, texts, texts, st.one_of(st.none(), texts))
bodies = st.one_of(st.just(b""), st.text(max_size=60).map(str.encode), st.binary(min_size=1_000, max_size=1_100))
times = st.one_of(
    st.floats(NOON, NOON + 3),
    st.sampled_from([1_790_035_199.0, 1_790_035_199.999, 1_790_035_200.0]),  # the last second of a day, the first
    st.floats(0, 4_000_000_000),
)
requests = st.tuples(st.sampled_from([RECEIVE, DELETE]), bodies, times)


@settings(max_examples=300, deadline=None)
@given(
    url=urls,
    rings=st.lists(keys, min_size=1, max_size=2),
    asked=st.lists(requests, min_size=1, max_size=8),
    data=st.data(),
)
def test_every_signature_is_botocore_s(
    url: str, rings: list[Keys], asked: list[tuple[str, bytes, float]], data: st.DataObject
) -> None:
    """One signer through days, seconds, keys and repeated bodies; each head as a server reads it is signed alike."""
    signer = Signer(Endpoint.of(url), region="eu-west-1")
    for target, body, unix in [*asked, *asked]:
        ring = data.draw(st.sampled_from(rings))
        head = Head(signer.head(target, body, ring, unix))
        assert (head.complete, head.method, head.get("x-amz-target")) == (True, "POST", target)
        assert head.get("content-length") == str(len(body))
        assert head.get("x-amz-date") == datetime.fromtimestamp(int(unix), UTC).strftime("%Y%m%dT%H%M%SZ")
        assert head.url == urlsplit(url)._replace(scheme="", netloc="", path=urlsplit(url).path or "/").geturl()
        assert head.get("authorization") == signed_by_botocore(url, head, body, ring, unix, region="eu-west-1")


def test_a_head_says_what_the_sdk_says() -> None:
    """The headers by which SQS answers in the protocol that the worker reads, each once."""
    head = Head(
        Signer(Endpoint.of("https://sqs.eu-west-1.amazonaws.com"), region="eu-west-1").head(RECEIVE, b"{}", KEYS, NOON)
    )
    assert (head.get("content-type"), head.get("x-amzn-query-mode")) == ("application/x-amz-json-1.0", "true")
    assert (head.get("accept-encoding"), head.get("x-amz-security-token")) == ("identity", KEYS.token)
    assert head.get("user-agent").startswith("sqs-worker-daemon/")
    assert len({name for name, _ in head.headers}) == len(head.headers)


def test_a_request_repeated_within_its_second_is_remembered_and_no_longer() -> None:
    """The same bytes for the same second and keys; others for the next second, other keys, another operation."""
    signer = Signer(Endpoint.of("http://localhost"), region="eu-west-1")
    first = signer.head(RECEIVE, b"{}", KEYS, NOON)
    assert signer.head(RECEIVE, bytes(bytearray(b"{}")), KEYS, NOON + 0.9) is first
    assert signer.head(DELETE, b"{}", KEYS, NOON) != first
    assert signer.head(RECEIVE, b"{}", Keys("A", "S"), NOON) != first
    assert signer.head(RECEIVE, b"{}", KEYS, NOON + 1) != first
    assert signer.head(RECEIVE, b"{}", KEYS, NOON) == first


def test_what_is_remembered_is_bounded() -> None:
    """Neither many small bodies nor large ones stay in memory."""
    signer = Signer(Endpoint.of("http://localhost"), region="eu-west-1")
    large = b"x" * (REMEMBERED_BYTES + 1)
    assert signer.head(DELETE, large, KEYS, NOON) is not signer.head(DELETE, large, KEYS, NOON)
    for number in range(3 * REMEMBERED_HEADS):
        signer.head(RECEIVE, str(number).encode(), KEYS, NOON)
    assert len(signer._heads) == REMEMBERED_HEADS


@pytest.mark.parametrize("bad", ["", "a\r\nX-Other: 1", "a\nb", "a\rb", "a b", "a\tb", "a\x00", "a\x7f", "é", "\ud800"])
def test_nothing_that_breaks_a_header_is_accepted(bad: str) -> None:
    """A line break in a key, a token, an operation, a region or a name ends in a sentence, not in a second header."""
    endpoint = Endpoint.of("http://localhost")
    with pytest.raises(ValueError, match="access key id of the credentials"):
        Keys(bad, "S")
    if bad:
        with pytest.raises(ValueError, match="session token of the credentials"):
            Keys("A", "S", bad)
    with pytest.raises(ValueError, match="the operation"):
        Signer(endpoint, region="eu-west-1").head(bad, b"", KEYS, NOON)
    with pytest.raises(ValueError, match="the region"):
        Signer(endpoint, region=bad)
    with pytest.raises(ValueError, match="User-Agent"):
        Signer(endpoint, region="eu-west-1", user_agent=bad)


@pytest.mark.parametrize("bad", ["", "é", "\ud800"])
def test_secret_that_cannot_be_one_is_refused_without_showing_it(bad: str) -> None:
    """Bytes of a broken file become an error at once, not in the middle of signing."""
    with pytest.raises(ValueError, match="secret access key of the credentials"):
        Keys("A", bad)


def test_keys_hide_their_secrets() -> None:
    """A log line or a traceback with keys in it shows only whose they are."""
    assert repr(KEYS) == "Keys(access_key='AKIDEXAMPLE')"


async def test_the_loopback_takes_a_signed_request() -> None:
    """Head and body as they are, over a real socket."""
    world = World()
    world.queue()
    async with LoopbackServer(world.sqs, faults=Faults(rng=random.Random(3), clock=lambda: world.now)) as server:
        endpoint = Endpoint.of(server.endpoint_url)
        body = orjson.dumps({"QueueUrl": f"{server.endpoint_url}/000000000000/jobs", "AttributeNames": ["All"]})
        head = Signer(endpoint, region="eu-west-1").head("AmazonSQS.GetQueueAttributes", body, KEYS, NOON)
        answer = await exchange(endpoint, [head, body])
    assert answer.startswith(b"HTTP/1.1 200")
    assert "QueueArn" in orjson.loads(answer.partition(b"\r\n\r\n")[2])["Attributes"]


async def exchange(endpoint: Endpoint, parts: Sequence[bytes]) -> bytes:
    """Everything that a server answers before it has nothing more to say."""
    reader, writer = await asyncio.open_connection(endpoint.host, endpoint.port)
    writer.writelines(parts)
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    body = await reader.readexactly(int(length.partition(b":")[2]))
    writer.close()
    await writer.wait_closed()
    return head + body
