"""The misbehaving network does what it is told, and nothing else."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

import pytest

from tests.system.proxy import Proxy, Trouble, proxy

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(65_536):
            writer.write(data)
    writer.close()


@pytest.fixture
async def port() -> AsyncIterator[int]:
    async with await asyncio.start_server(_echo, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


@pytest.fixture
def network(port: int) -> Iterator[Proxy]:
    with proxy(port) as made:
        yield made


@asynccontextmanager
async def connected(network: Proxy) -> AsyncIterator[Streams]:
    reader, writer = await asyncio.open_connection("127.0.0.1", network.port)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def heard(reader: asyncio.StreamReader) -> bytes:
    """What arrives until the connection is reset."""
    text = b""
    try:
        while data := await reader.read(1):
            text += data
    except ConnectionResetError:
        return text
    pytest.fail("an orderly end")


async def test_without_trouble_everything_arrives_and_ends_in_order(network: Proxy) -> None:
    """A mebibyte there and back, and the end of the sender is told to the other side."""
    async with connected(network) as (reader, writer):
        writer.write(b"x" * 1_048_576)
        writer.write_eof()
        assert await reader.read(-1) == b"x" * 1_048_576
    assert (network.connections, network.cuts) == (1, 0)


async def test_a_word_of_the_server_cuts_the_connection_and_is_not_heard(network: Proxy) -> None:
    """Also when the word comes in two pieces."""
    network.behave(Trouble(cut_on=b"COMMIT"))
    async with connected(network) as (reader, writer):
        writer.write(b"BEGIN;")
        assert await reader.readexactly(6) == b"BEGIN;"
        writer.write(b"COM")
        assert await reader.readexactly(3) == b"COM"
        writer.write(b"MIT;")
        assert await heard(reader) == b""
    assert network.cuts == 1


async def test_a_share_of_the_cuts_is_drawn_from_the_seed(network: Proxy) -> None:
    """Of two hundred words about a third cuts; the others pass."""
    network.behave(Trouble(cut_on=b"!", cut_share=0.3))
    passed = 0
    for _ in range(200):
        async with connected(network) as (reader, writer):
            writer.write(b"!")
            try:
                passed += await reader.read(1) == b"!"
            except ConnectionResetError:
                continue
    assert passed + network.cuts == 200
    assert 40 <= network.cuts <= 80


async def test_a_word_of_the_client_cuts_before_the_server_hears_it(network: Proxy) -> None:
    """Every second time it is said, counted over all connections."""
    network.behave(Trouble(cut_on=b"POST", cut_direction="up", cut_every=2))
    async with connected(network) as (reader, writer):
        writer.write(b"POST")
        assert await reader.readexactly(4) == b"POST"
        writer.write(b"POST")
        assert await heard(reader) == b""
    assert network.cuts == 1


async def test_silence_befalls_the_connections_that_there_are(network: Proxy) -> None:
    """An old connection swallows what is said to it, a new one does not."""
    async with connected(network) as (old, to_old), connected(network) as (reader, _):
        to_old.write(b"a")
        assert await old.readexactly(1) == b"a"
        network.silence()
        to_old.write(b"b")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await old.read(1)
        async with connected(network) as (new, to_new):
            to_new.write(b"c")
            assert await new.readexactly(1) == b"c"
        assert not reader.at_eof()


async def test_an_answer_is_truncated_at_the_byte(network: Proxy) -> None:
    """Five bytes arrive, the sixth never."""
    network.behave(Trouble(truncate_at=5))
    async with connected(network) as (reader, writer):
        writer.write(b"123456789")
        assert await heard(reader) == b"12345"


@pytest.mark.parametrize("direction", ["up", "down"])
async def test_a_one_way_cut_holds_what_is_said_until_it_is_over(network: Proxy, direction: str) -> None:
    """Nothing arrives meanwhile; afterwards everything does, as TCP would have it."""
    network.behave(Trouble(hold=frozenset({"up"} if direction == "up" else {"down"})))
    async with connected(network) as (reader, writer):
        writer.write(b"word")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await reader.read(1)
        network.heal()
        assert await reader.readexactly(4) == b"word"


async def test_drops_arrive_one_by_one_and_late(network: Proxy) -> None:
    """Ten bytes, two at a time, each two after ten milliseconds, both ways."""
    network.behave(Trouble(latency_seconds=0.01, drip_bytes=2))
    async with connected(network) as (reader, writer):
        began = asyncio.get_running_loop().time()
        writer.write(b"0123456789")
        assert len(await reader.read(10)) == 2
        assert await reader.readexactly(8) == b"23456789"
        assert asyncio.get_running_loop().time() - began >= 0.06


async def test_a_reset_ends_what_there_is_and_refusing_what_comes(network: Proxy) -> None:
    """And after healing all is as before."""
    async with connected(network) as (reader, writer):
        writer.write(b"a")
        assert await reader.readexactly(1) == b"a"
        network.reset()
        assert await heard(reader) == b""
    network.behave(Trouble(refuse=True))
    with pytest.raises(ConnectionResetError):  # as soon as connecting, or at the first read
        async with connected(network) as (reader, _):
            await reader.readexactly(1)
    network.heal()
    async with connected(network) as (reader, writer):
        writer.write(b"b")
        assert await reader.readexactly(1) == b"b"
