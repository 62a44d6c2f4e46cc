"""The sink against a real service over real sockets: what it sends, and what it makes of every kind of answer."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from tests.system.proxy import Trouble, proxy
from tests.system.receiver import Asked, Receiver, Told, receiver
from worker.errors import SinkError, SinkRefused, SinkUnavailable
from worker.outcome import Rejected, Retried
from worker.sinks.http import sink as http_sink
from worker.sinks.http.client import ANSWER_BYTES, KEPT_SECONDS
from worker.sinks.http.settings import HttpSettings
from worker.sinks.http.signature import read_secrets, signature_headers
from worker.sinks.http.sink import HttpSink
from worker.testing.messages import make_message, make_messages

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

WHOLE = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


@pytest.fixture
def service() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


@asynccontextmanager
async def opened(url: str, **settings: Any) -> AsyncIterator[HttpSink]:
    """An open sink, closed in the end."""
    sink = HttpSink(HttpSettings(url=url, **{"timeout_seconds": 5.0} | settings), connections=4)
    try:
        await sink.open()
        yield sink
    finally:
        await sink.close()


async def away(sink: HttpSink, count: int = 3) -> str:
    """What a write says that finds the service away."""
    with pytest.raises(SinkUnavailable) as raised:
        await sink.write(make_messages(count))
    return str(raised.value)


async def test_what_is_sent(service: Receiver) -> None:
    """One POST with the type of its body, its idempotency key, the user's headers, and nothing that asks for more."""
    headers = '{"Authorization": "Bearer geheim", "content-type": "application/vnd.shop+json"}'
    async with opened(f"{service.url}?tenant=%2F7", headers=headers) as sink:
        assert await sink.write(make_messages(2)) == [None, None]
    (asked,) = service.asked
    assert (asked.method, asked.path) == ("POST", "/orders?tenant=%2F7")
    assert [one["message_id"] for one in orjson.loads(asked.body)] == ["m-0", "m-1"]
    assert asked.headers["authorization"] == "Bearer geheim"
    assert len(asked.headers["idempotency-key"]) == 64
    assert asked.headers["accept-encoding"] == "identity"
    assert asked.headers["user-agent"] == "sqs-worker-daemon"
    assert asked.headers["content-type"] == "application/vnd.shop+json"
    assert not {"expect", "cookie", "webhook-id", "content-encoding", "transfer-encoding"} & {*asked.headers}


@pytest.mark.parametrize("way", ["gzip", "zstd"])
async def test_a_signed_and_compressed_body_can_be_verified(service: Receiver, way: str) -> None:
    """As the page says: over the bytes as they came, before they are unpacked."""
    async with opened(service.url, secret="whsec_c2VjcmV0", compression=way, format="ndjson") as sink:
        assert await sink.write(make_messages(50)) == [None] * 50
    (asked,) = service.asked
    assert service.keys == [record.key for record in make_messages(50)]
    assert asked.headers["content-encoding"] == way
    assert len(asked.body) < len(asked.content) / 2
    told = {name: asked.headers[name] for name in ("webhook-id", "webhook-timestamp", "webhook-signature")}
    keys = read_secrets("whsec_c2VjcmV0")
    assert told == signature_headers(keys, asked.headers["idempotency-key"], int(told["webhook-timestamp"]), asked.body)


async def test_connections_are_kept_and_never_more_than_it_may_have(service: Receiver) -> None:
    """One write after the other goes over one connection, and eight side by side over four."""
    async with opened(service.url) as sink:
        for _ in range(5):
            await sink.write(make_messages(1))
        assert len({asked.connection for asked in service.asked}) == 1
        service.answer = lambda asked: replace(service.take(asked), after_seconds=0.05)
        await asyncio.gather(*(sink.write(make_messages(1)) for _ in range(8)))
    assert len({asked.connection for asked in service.asked}) == 4
    assert len(service.keys) == 13


async def test_a_kept_connection_that_was_closed_is_no_outage(service: Receiver) -> None:
    """The request is made again on a new one, under the same idempotency key."""
    async with opened(service.url) as sink:
        await sink.write(make_messages(1))
        met = len(service.asked)

        def closed_under_it(_: Asked) -> Told:
            service.answer = service.take
            return Told(raw=b"")

        service.answer = closed_under_it
        assert await sink.write(make_messages(1)) == [None]
        first, second = service.asked[met:]
        assert first.headers["idempotency-key"] == second.headers["idempotency-key"]
        assert first.connection != second.connection
    assert KEPT_SECONDS < 5, "Node's servers close after 5 s"


async def test_a_new_connection_that_is_closed_is_away(service: Receiver) -> None:
    """Asked once: the service, and not an old connection, is in trouble."""
    service.answer = lambda _: Told(raw=b"")
    async with opened(service.url) as sink:
        assert "ServerDisconnected" in await away(sink)
    assert len(service.asked) == 1


async def test_a_lost_answer_brings_the_same_bytes_again(service: Receiver) -> None:
    """The service has taken them; by the idempotency key it can tell."""

    def taken_and_lost(asked: Asked) -> Told:
        service.take(asked)
        return Told(raw=b"")

    async with opened(service.url) as sink:
        service.answer = taken_and_lost
        await away(sink)
        service.answer = service.take
        assert await sink.write(make_messages(3)) == [None] * 3
    first, second = service.asked
    assert (first.body, first.headers["idempotency-key"]) == (second.body, second.headers["idempotency-key"])
    assert service.keys == ["m-0", "m-1", "m-2"] * 2


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhalf",
        b"HTTP/1.1 200",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000,
        b"\0" * 100,
    ],
)
async def test_half_an_answer_is_none(service: Receiver, raw: bytes) -> None:
    """A service that breaks off while it says 200 has not said it; the batch is kept."""
    async with opened(service.url) as sink:
        service.answer = lambda _: Told(raw=raw)
        await away(sink)
        service.answer = service.take
        assert await sink.write(make_messages(1)) == [None]


async def test_what_comes_before_the_answer_is_passed_over(service: Receiver) -> None:
    """100-continue and early hints."""
    hints = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    service.answer = lambda asked: replace(service.take(asked), before=hints)
    async with opened(service.url) as sink:
        assert await sink.write(make_messages(2)) == [None, None]
        assert await sink.write(make_messages(2)) == [None, None]


async def test_a_slow_answer_is_away_when_the_time_is_over(service: Receiver) -> None:
    """Whether it never begins, or drips."""
    with proxy(service.port) as network:
        url = service.url.replace(str(service.port), str(network.port))
        async with opened(url, timeout_seconds=0.4) as sink:
            service.answer = lambda asked: replace(service.take(asked), after_seconds=2.0)
            assert "Timeout" in await away(sink)
            service.answer = lambda _: Told(body=b"x" * 1000)
            network.behave(Trouble(latency_seconds=0.05, drip_bytes=10))
            assert "Timeout" in await away(sink)
            network.heal()
            service.answer = service.take
            assert await sink.write(make_messages(1)) == [None]


async def test_a_huge_answer_is_not_read_to_its_end(service: Receiver) -> None:
    """Its status counts, as far as it does without a body, and its connection is not used again."""
    huge = b"[" + b"200," * ANSWER_BYTES + b"200]"
    async with opened(service.url) as sink:
        service.answer = lambda asked: replace(service.take(asked), body=huge)
        assert await sink.write(make_messages(1)) == [None]
        service.answer = lambda _: Told(207, huge)
        assert "207" in await away(sink)
    connections = {asked.connection for asked in service.asked}
    assert len(connections) == len(service.asked)


async def test_a_refusal_before_the_body_was_read_is_heard(service: Receiver) -> None:
    """A service that answers 413 to the length alone refuses the batch; it is not away."""
    service.longest_bytes = 1000
    large = [make_message(f"m-{number}", {"text": "x" * 1_000_000}) for number in range(2)]
    async with opened(service.url) as sink:
        with pytest.raises(SinkRefused, match="413"):
            await sink.write(large)
        assert await sink.write(large[:1]) == [Rejected("sink-data", "the service answers 413")]
        assert await sink.write(make_messages(1)) == [None]
    assert service.keys == ["m-0"]


async def test_a_redirect_is_not_followed(service: Receiver) -> None:
    """A POST would become a GET, or bodies and secrets would go to somebody else."""
    for status in (301, 302, 307, 308):
        service.answer = lambda _, status=status: Told(status, headers={"Location": "/elsewhere?token=geheim"})  # type: ignore[misc]  # a default keeps the status
        async with opened(service.url) as sink:
            said = await away(sink)
        assert "redirect" in said
        assert "geheim" not in said
    assert {asked.path for asked in service.asked} == {"/orders"}


async def test_retry_after_is_obeyed_by_all_writers(service: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is asked until the pause is over; then the service is."""
    async with opened(service.url) as sink:
        service.answer = lambda _: Told(429, headers={"Retry-After": "30"})
        assert await away(sink) == "the service answers 429"
        service.answer = service.take
        for _ in range(3):
            assert "asked for a pause" in await away(sink)
        assert len(service.asked) == 1
        loop = asyncio.get_running_loop()
        now = loop.time
        monkeypatch.setattr(loop, "time", lambda: now() + 31)
        assert await sink.write(make_messages(1)) == [None]


async def test_a_207_gives_each_message_its_own_end(service: Receiver) -> None:
    """In a batch of which one can be no JSON, too."""
    service.answer = lambda _: Told(207, orjson.dumps({"m-0": 201, "m-1": {"status": 422, "code": "no_stock"}}))
    bad = make_message("bad", {"t": "\ud800"}, body="")
    async with opened(service.url) as sink:
        answers = await sink.write([make_message("m-0"), bad, make_message("m-1"), make_message("m-2")])
    assert answers == [
        None,
        Rejected("sink-data", "no JSON: UnicodeEncodeError"),
        Rejected("sink-data", "the service answers 422 no_stock"),
        Retried("http-unanswered", None, "the 207 says nothing of it that can be read"),
    ]


async def test_no_proxy_of_the_environment_is_asked(service: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is set for other programs sends no message elsewhere, nor does a file with passwords add one."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with opened(service.url) as sink:
        assert await sink.write(make_messages(1)) == [None]
    assert "authorization" not in service.asked[0].headers


async def test_cookies_are_not_kept(service: Receiver) -> None:
    """One answer says nothing to the next request."""
    service.answer = lambda _: Told(headers={"Set-Cookie": "session=1"})
    async with opened(service.url) as sink:
        await sink.write(make_messages(1))
        await sink.write(make_messages(1))
    assert all("cookie" not in asked.headers for asked in service.asked)


async def test_a_check_is_a_signed_get(service: Receiver) -> None:
    """So that a wrong header or secret is told at the start."""
    url = service.url.replace("orders", "health")
    async with opened(service.url, check_url=url, secret="geheim", headers='{"X-Key": "7"}') as sink:
        assert await sink.check() == "HTTP_CHECK_URL answers 204"
    asked = service.asked[0]
    assert (asked.method, asked.path, asked.headers["x-key"]) == ("GET", "/health", "7")
    assert asked.headers["webhook-id"] == http_sink.CHECK_ID
    refused = opened(service.url, check_url=url.replace("health", "forbidden"))
    with pytest.raises(SinkRefused, match="HTTP_CHECK_URL answers 403; correct HTTP_HEADERS"):
        await refused.__aenter__()


async def test_without_a_check_the_start_connects(service: Receiver) -> None:
    """It sends nothing; nobody there is away."""
    async with opened(service.url) as sink:
        assert await sink.check() == f"http://127.0.0.1:{service.port} takes connections"
    assert service.asked == []
    with proxy(service.port) as network:
        url = service.url.replace(str(service.port), str(network.port))
    with pytest.raises(SinkError) as raised:
        await opened(url).__aenter__()
    assert type(raised.value) is SinkUnavailable


async def test_what_is_said_of_trouble_holds_no_path(service: Receiver) -> None:
    """The path and the query of a webhook are often its password."""
    with proxy(service.port) as network:
        url = f"http://127.0.0.1:{network.port}/T00/B00/geheim?token=geheim"
        async with opened(url, timeout_seconds=0.3) as sink:
            for trouble in (Trouble(refuse=True), Trouble(hold=frozenset({"up", "down"}))):
                network.behave(trouble)
                network.reset()
                assert "geheim" not in await away(sink)
    assert "geheim" not in await away_from(url)


async def away_from(url: str) -> str:
    """What a start says."""
    with pytest.raises(SinkUnavailable) as raised:
        await opened(url).__aenter__()
    return str(raised.value)
