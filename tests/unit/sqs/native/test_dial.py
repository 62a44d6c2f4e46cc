"""A name with several addresses, some of them dead: the connection goes to one that answers, soon, and stays there."""

from __future__ import annotations

import asyncio
import socket
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.unit.sqs.native.peers import REQUEST, Turn, listening
from tests.unit.sqs.native.test_tls import HERE, authority, server_side
from worker.sqs.endpoint import Endpoint
from worker.sqs.native.answer import WireTrouble
from worker.sqs.native.dial import Dialer
from worker.sqs.native.pool import Pool, tls_context

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.unit.sqs.native.peers import Peer

GOOD: Final = "127.0.0.1"
DEAD: Final = "127.0.0.2"
AMPLE: Final = 30.0
"""Seconds to connect within: nothing here waits for them, however busy the machine is."""


class Names:
    """What the loop's resolver answers, in order; raises when there is nothing."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses
        """Written by the test."""
        self.asked = 0
        """Written by `getaddrinfo`."""

    async def getaddrinfo(self, *_: Any, **__: Any) -> list[tuple[Any, ...]]:
        """As the loop's."""
        self.asked += 1
        if not self.addresses:
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        family = {True: socket.AF_INET6, False: socket.AF_INET}
        return [(family[":" in one], socket.SOCK_STREAM, 6, "", (one, 0)) for one in self.addresses]


@pytest.fixture
async def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    made = Names(GOOD)
    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", made.getaddrinfo)
    return made


@contextmanager
def swallowing(port: int) -> Iterator[None]:
    """Nothing comes back from `DEAD`: its queue of connections is full, so the kernel drops what asks for one."""
    with ExitStack() as opened:
        full = opened.enter_context(socket.create_server((DEAD, port), backlog=0))
        for _ in range(2):
            asking = opened.enter_context(socket.socket())
            asking.setblocking(False)  # noqa: FBT003 - the standard library's signature
            with suppress(BlockingIOError):
                asking.connect(full.getsockname())
        yield


@contextmanager
def mute(port: int) -> Iterator[None]:
    """`DEAD` takes connections and never says a word, of TLS or anything."""
    with socket.create_server((DEAD, port), backlog=50):
        yield


def pool_of(peer: Peer, *, host: str = "queue.test", bundle: str | None = None) -> Pool:
    scheme, tls = ("https", tls_context(bundle)) if bundle else ("http", None)
    return Pool(Endpoint.of(f"{scheme}://{host}:{peer.port}"), limit=4, tls=tls, connect_seconds=AMPLE)


@pytest.mark.parametrize("others", [(DEAD,), ("::1", DEAD), ("fd00::1", DEAD, "127.0.0.3")])
async def test_dead_addresses_before_a_living_one(peer: Peer, names: Names, others: tuple[str, ...]) -> None:
    """Blackholed, without a route, refused: none of them keeps a request from the address that answers."""
    names.addresses = (*others, GOOD)
    pool = pool_of(peer)
    with swallowing(peer.port):
        assert (await pool.exchange(REQUEST, repeated=None)).body == b"{}"
    await pool.close()


async def test_an_address_that_takes_connections_and_begins_no_tls(tmp_path: Path, names: Names) -> None:
    """The handshake is part of the race: whoever accepts and says nothing has not answered."""
    ours = authority(tmp_path)
    names.addresses = (DEAD, GOOD)
    async with listening(server_side(tmp_path, ours, HERE)) as peer:
        endpoint = Endpoint.of(f"https://127.0.0.1:{peer.port}")
        dialer = Dialer(endpoint, tls=tls_context(str(ours.bundle)), connect_seconds=AMPLE)
        dialer._literal = False  # a certificate for the address, a resolver that gives two
        with mute(peer.port):
            connection = await dialer.dial()
        assert connection.peer == GOOD
        connection.abort()


async def test_what_was_silent_is_tried_last(peer: Peer, names: Names) -> None:
    """A running worker's next connections do not wait for it again."""
    names.addresses = (DEAD, GOOD)
    dialer = Dialer(Endpoint.of(f"http://queue.test:{peer.port}"), tls=None, connect_seconds=AMPLE)
    with swallowing(peer.port):
        (await dialer.dial()).abort()
        assert await dialer._addresses() == [GOOD, DEAD]


async def test_an_address_that_stops_answering_is_left(peer: Peer, names: Names) -> None:
    """When a caller's time is over, neither that address nor what was kept to it is used for the next request."""
    pool = pool_of(peer)
    peer.turns = [Turn(then="hold"), Turn(then="hold")]
    names.addresses = (GOOD, "127.0.0.3")
    server = await asyncio.start_server(peer.serve, "127.0.0.3", peer.port)
    async with asyncio.TaskGroup() as tasks:
        both = [tasks.create_task(pool.exchange(REQUEST, repeated=None)) for _ in range(2)]
        while peer.requests < 2:  # noqa: ASYNC110 - turns of the loop, no time
            await asyncio.sleep(0)
        for one in both:
            one.cancel()
    await pool.exchange(REQUEST, repeated=None)
    assert {connection.peer for connection in pool._open} == {"127.0.0.3"}
    await pool.close()
    server.close()
    await server.wait_closed()


async def test_what_was_kept_to_a_silent_address_is_closed_with_it(peer: Peer, pool: Pool) -> None:
    """One request given up is enough: the next does not find out again, one kept connection after the other."""
    async with asyncio.TaskGroup() as tasks:
        for _ in range(2):
            tasks.create_task(pool.exchange(REQUEST, repeated=None))
    assert pool.connections == 2
    peer.turns = [Turn(then="hold")]
    peer.asked.clear()
    given_up = asyncio.ensure_future(pool.exchange(REQUEST, repeated=None))
    await peer.asked.wait()
    given_up.cancel()
    await asyncio.wait([given_up])
    while pool.connections:  # noqa: ASYNC110 - turns of the loop, no time
        await asyncio.sleep(0)


async def test_a_name_that_moves_is_followed(peer: Peer, names: Names) -> None:
    """It is resolved for each connection, and by its new address alone."""
    dialer = Dialer(Endpoint.of(f"http://queue.test:{peer.port}"), tls=None)
    (await dialer.dial()).abort()
    names.addresses = ("127.0.0.3",)
    with pytest.raises(WireTrouble):
        await dialer.dial()
    assert names.asked == 2


async def test_a_resolver_that_is_away_leaves_the_addresses_of_before(peer: Peer, names: Names) -> None:
    """A worker that runs goes on; one that starts says what the resolver said."""
    dialer = Dialer(Endpoint.of(f"http://queue.test:{peer.port}"), tls=None)
    (await dialer.dial()).abort()
    names.addresses = ()
    (await dialer.dial()).abort()
    fresh = Dialer(Endpoint.of(f"http://queue.test:{peer.port}"), tls=None)
    with pytest.raises(WireTrouble, match="name resolution") as raised:
        await fresh.dial()
    assert raised.value.code == "EndpointConnectionError"


async def test_when_no_address_answers_all_are_named(names: Names) -> None:
    """Whoever reads the line at night sees which addresses were tried, and what each said."""
    names.addresses = ("127.0.0.1", "127.0.0.3")
    with pytest.raises(WireTrouble, match=r"queue\.test:1: .*127\.0\.0\.1 .*127\.0\.0\.3 ") as raised:
        await Dialer(Endpoint.of("http://queue.test:1"), tls=None).dial()
    assert raised.value.code == "EndpointConnectionError"


async def test_families_take_turns(names: Names) -> None:
    """Ten addresses of IPv6 without a route do not come before the first of IPv4."""
    names.addresses = ("fd00::1", "fd00::2", "fd00::3", "10.0.0.1", "10.0.0.2")
    dialer = Dialer(Endpoint.of("http://queue.test:1"), tls=None)
    order = ["fd00::1", "10.0.0.1", "fd00::2", "10.0.0.2", "fd00::3"]
    assert await dialer._addresses() == order
