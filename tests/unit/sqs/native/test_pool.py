"""The pool: connections kept, bounded, retired and replaced; and what is told when there is none."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tests.unit.sqs.native.peers import GOOD, REQUEST, Turn, says
from worker.sqs.endpoint import Endpoint
from worker.sqs.native.answer import WireTrouble
from worker.sqs.native.connection import Unanswered
from worker.sqs.native.pool import Pool

if TYPE_CHECKING:
    from tests.unit.sqs.native.peers import Peer


def unheard(_: WireTrouble) -> None:
    """Told of repeated requests."""


async def held(pool: Pool) -> str:
    """A request that is never answered, and the code with which it ends."""
    with pytest.raises(WireTrouble) as raised:
        await pool.exchange(REQUEST, repeated=None)
    return raised.value.code


async def test_the_last_connection_used_is_the_next_one(peer: Peer, pool: Pool) -> None:
    """One after the other needs one connection, two at a time two, and no more afterwards."""
    for _ in range(3):
        await pool.exchange(REQUEST, repeated=None)
    assert peer.connections == 1
    async with asyncio.TaskGroup() as tasks:
        for _ in range(6):
            tasks.create_task(pool.exchange(REQUEST, repeated=None))
    assert peer.connections == pool.connections == 2


async def test_a_connection_that_the_server_closed_while_idle_is_replaced_unnoticed(peer: Peer, pool: Pool) -> None:
    """Also for a request that must not be made twice."""
    await pool.exchange(REQUEST, repeated=None)
    await peer.hang_up()
    for _ in range(5):
        await asyncio.sleep(0)
    assert (await pool.exchange(REQUEST, repeated=None)).body == b"{}"
    assert (peer.connections, pool.connections) == (2, 1)


async def test_a_request_that_must_not_be_made_twice_trusts_no_connection_that_was_silent(peer: Peer) -> None:
    """The server may have closed it; what may be made twice finds out by trying."""
    pool = Pool(Endpoint.of(f"http://127.0.0.1:{peer.port}"), limit=2, tls=None, sure_seconds=-1.0)
    for _ in range(2):
        await pool.exchange(REQUEST, repeated=unheard)
    assert peer.connections == 1
    await pool.exchange(REQUEST, repeated=None)
    assert peer.connections == pool.connections == 2
    await pool.close()


@pytest.mark.parametrize("turn", [Turn(then="close"), Turn(then="reset")], ids=["closed", "reset"])
async def test_a_request_that_meets_the_end_of_a_kept_connection_is_made_once_more(
    peer: Peer, pool: Pool, turn: Turn
) -> None:
    """On a new connection, and somebody is told of the first one."""
    peer.turns = [GOOD, turn, Turn((says(b"again"),))]
    told: list[WireTrouble] = []
    await pool.exchange(REQUEST, repeated=None)
    assert (await pool.exchange(REQUEST, repeated=told.append)).body == b"again"
    assert [type(trouble) for trouble in told] == [Unanswered]
    assert peer.requests == 3


async def test_a_request_is_not_made_a_third_time(peer: Peer, pool: Pool) -> None:
    """A new connection that ends unanswered is the server's trouble, not the connection's age."""
    peer.turns = [GOOD, Turn(then="close"), Turn(then="close")]
    await pool.exchange(REQUEST, repeated=unheard)
    with pytest.raises(Unanswered):
        await pool.exchange(REQUEST, repeated=unheard)
    assert peer.requests == 3


@pytest.mark.parametrize(
    "turn", [Turn(then="close"), Turn((b"HTTP/1.1 200",), "close")], ids=["not repeatable", "a byte came back"]
)
async def test_a_request_that_may_have_been_performed_is_not_repeated(peer: Peer, pool: Pool, turn: Turn) -> None:
    """A send is never made twice by us; nothing is, once an answer began."""
    peer.turns = [GOOD, turn]
    await pool.exchange(REQUEST, repeated=None)
    with pytest.raises(WireTrouble):
        await pool.exchange(REQUEST, repeated=unheard if turn.pieces else None)
    assert peer.requests == 2


async def test_what_a_burst_opened_is_closed_though_nothing_is_asked_any_more(peer: Peer) -> None:
    """All of it, and not one at each later request: an idle worker holds no more than it did before the burst."""
    pool = Pool(Endpoint.of(f"http://127.0.0.1:{peer.port}"), limit=8, tls=None, idle_seconds=0.2)
    await asyncio.gather(*(pool.exchange(REQUEST, repeated=None) for _ in range(8)))
    assert peer.connections == 8
    async with asyncio.timeout(60):
        while pool.connections:  # noqa: ASYNC110 - closed by a timer of its own
            await asyncio.sleep(0.01)
    assert (await pool.exchange(REQUEST, repeated=None)).body == b"{}"
    await pool.close()


@pytest.mark.parametrize("limits", [{"idle_seconds": -1.0}, {"age_seconds": -1.0}], ids=["idle", "old"])
async def test_a_connection_past_its_time_is_not_used_again(peer: Peer, limits: dict[str, float]) -> None:
    """So that a name's new address is found, and a forgotten connection is not."""
    pool = Pool(Endpoint.of(f"http://127.0.0.1:{peer.port}"), limit=2, tls=None, **limits)
    for _ in range(3):
        await pool.exchange(REQUEST, repeated=None)
    assert peer.connections == 3
    await pool.close()


async def test_no_more_connections_than_the_limit(peer: Peer, pool: Pool) -> None:
    """A third request waits for one of two connections, and a failed request gives its place back."""
    peer.turns = [Turn(then="hold"), Turn(then="hold"), Turn((says(b"third"),))]
    async with asyncio.TaskGroup() as tasks:
        two = [tasks.create_task(pool.exchange(REQUEST, repeated=None)) for _ in range(2)]
        while peer.requests < 2:  # noqa: ASYNC110 - turns of the loop, no time
            await asyncio.sleep(0)
        third = tasks.create_task(pool.exchange(REQUEST, repeated=None))
        for _ in range(20):
            await asyncio.sleep(0)
        assert (peer.connections, third.done()) == (2, False)
        two[0].cancel()
        assert (await third).body == b"third"
        two[1].cancel()


async def test_close_ends_what_is_under_way(peer: Peer, pool: Pool) -> None:
    """Requests fail at once, later ones too, and nothing stays open."""
    peer.turns = [Turn(then="hold")]
    async with asyncio.TaskGroup() as tasks:
        call = tasks.create_task(held(pool))
        await peer.asked.wait()
        await pool.close()
    assert call.result() == "ConnectionClosedError"
    assert await held(pool) == "ConnectionClosedError"
    assert pool.connections == 0


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://127.0.0.1:1", "EndpointConnectionError"),
        ("http://no-such-host.invalid:80", "EndpointConnectionError"),
        ("http://%s:80" % ("a" * 64), "EndpointConnectionError"),
    ],
    ids=["refused", "unknown name", "impossible name"],
)
async def test_no_connection_is_named_for_what_it_is(url: str, code: str) -> None:
    """By the name that the SDK has for it, and the host."""
    pool = Pool(Endpoint.of(url), limit=1, tls=None)
    with pytest.raises(WireTrouble, match=Endpoint.of(url).host) as raised:
        await pool.exchange(REQUEST, repeated=None)
    assert raised.value.code == code
    await pool.close()


async def test_a_server_that_does_not_take_the_connection_is_given_up(peer: Peer) -> None:
    """By the pool's own clock, long before the kernel's."""
    pool = Pool(Endpoint.of(f"http://127.0.0.1:{peer.port}"), limit=1, tls=None, connect_seconds=0.0)
    with pytest.raises(WireTrouble) as raised:
        await pool.exchange(REQUEST, repeated=None)
    assert raised.value.code == "ConnectTimeoutError"
    assert pool.connections == 0
