"""One connection against a peer that misbehaves: what it says too much, too late or too large is never an answer."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import pytest

from tests.unit.sqs.native.peers import GOOD, REQUEST, Turn, chunked, says
from worker.sqs.native.answer import ANSWER_BYTES, WireTrouble
from worker.sqs.native.connection import Connection, Unanswered

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.unit.sqs.native.peers import Peer

LARGE: Final = b"x" * 8_000_000
"""More than the sockets of both sides hold between them."""


@pytest.fixture
async def connection(peer: Peer) -> AsyncIterator[Connection]:
    loop = asyncio.get_running_loop()
    _, made = await loop.create_connection(lambda: Connection(loop), "127.0.0.1", peer.port)
    yield made
    made.abort()
    await made.gone


class Room:
    """An admission that lets in when it is told to."""

    def __init__(self, granted: int, *, most: int = ANSWER_BYTES) -> None:
        self._most = most
        self.granted = granted
        """Written by admit."""
        self.asked: list[int] = []
        """Written by admit."""
        self.waits = asyncio.Event()
        """Set by admit, when somebody waits."""
        self.free = asyncio.Event()
        """Set by the test."""

    async def admit(self, size: int) -> None:
        """See `Admission`."""
        self.asked.append(size)
        self.waits.set()
        await self.free.wait()
        self.granted = min(size, self._most)


async def test_requests_are_answered_one_after_the_other(peer: Peer, connection: Connection) -> None:
    """One connection serves many requests, whatever the shape of each answer."""
    peer.turns = [Turn((says(b"one"),)), Turn((chunked(b"tw", b"o"),)), Turn((b"HTTP/1.1 100 Go\r\n\r\n", says(b"3")))]
    bodies = [bytes((await connection.ask(REQUEST)).body) for _ in range(3)]
    assert bodies == [b"one", b"two", b"3"]
    assert connection.usable
    assert peer.connections == 1


@pytest.mark.parametrize(
    ("turn", "kind"),
    [
        (Turn(then="close"), Unanswered),
        (Turn(then="reset"), Unanswered),
        (Turn((b"H",), "close"), WireTrouble),
        (Turn((says(LARGE[:999])[:-1],), "close"), WireTrouble),
        (Turn((chunked(b"{}")[:-3],), "close"), WireTrouble),
        (Turn((b"HTTP/1.1 100 Go\r\n\r\n",), "close"), WireTrouble),
    ],
    ids=["closed", "reset", "first byte", "body cut off", "chunks cut off", "only an interim answer"],
)
async def test_a_connection_that_ends_early_is_trouble(
    peer: Peer, connection: Connection, turn: Turn, kind: type[WireTrouble]
) -> None:
    """Before any byte it may have been closed all along; after one the request was surely received."""
    peer.turns = [turn]
    with pytest.raises(WireTrouble) as raised:
        await connection.ask(REQUEST)
    assert (type(raised.value), raised.value.code) == (kind, "ConnectionClosedError")
    assert not connection.usable


async def test_an_answer_without_a_length_ends_with_the_connection(peer: Peer, connection: Connection) -> None:
    """As HTTP/1.0 had it; and the connection is not used again."""
    peer.turns = [Turn((b"HTTP/1.0 200 Said\r\n\r\n", b"{", b"}"), "close")]
    assert (await connection.ask(REQUEST)).body == b"{}"
    assert not connection.usable


@pytest.mark.parametrize("behind", [b"garbage", says(b"not yours")], ids=["garbage", "an answer"])
async def test_what_comes_behind_an_answer_poisons_the_connection(
    peer: Peer, connection: Connection, behind: bytes
) -> None:
    """The answer counts; the connection does not, because the next one's answer would be what came too much."""
    peer.turns = [Turn((says(b"mine") + behind,))]
    assert (await connection.ask(REQUEST)).body == b"mine"
    assert not connection.usable


async def test_what_comes_while_nobody_asks_poisons_the_connection(peer: Peer, connection: Connection) -> None:
    """An answer that nobody asked for is never given to who asks next."""
    await connection.ask(REQUEST)
    await peer.say(says(b"surprise"))
    await connection.gone
    assert not connection.usable


async def test_the_end_of_an_idle_connection_is_no_trouble(peer: Peer, connection: Connection) -> None:
    """It is noticed at once, and by nobody else."""
    await connection.ask(REQUEST)
    await peer.hang_up()
    await connection.gone
    assert not connection.usable


async def test_a_cancelled_question_closes_the_connection(peer: Peer, connection: Connection) -> None:
    """Its answer may still come, and belongs to nobody."""
    peer.turns = [Turn((says(b"half")[:-2],), "hold")]
    async with asyncio.TaskGroup() as tasks:
        asked = tasks.create_task(connection.ask(REQUEST))
        await peer.asked.wait()
        asked.cancel()
    assert asked.cancelled()
    assert not connection.usable
    await connection.gone


async def test_a_large_answer_stays_outside_until_there_is_room(peer: Peer, connection: Connection) -> None:
    """The admission is asked once, with the size that the head promises, and meanwhile the peer cannot go on."""
    peer.turns = [Turn((says(LARGE),)), GOOD]
    room = Room(1_000)
    async with asyncio.TaskGroup() as tasks:
        asked = tasks.create_task(connection.ask(REQUEST, room))
        await room.waits.wait()
        for _ in range(100):
            await asyncio.sleep(0)
        assert peer.sent == 0
        room.free.set()
    assert asked.result().body == LARGE
    assert room.asked == [len(LARGE)]
    assert (await connection.ask(REQUEST)).body == b"{}"


async def test_an_answer_that_fits_asks_nobody(peer: Peer, connection: Connection) -> None:
    """What was granted is taken in at once, to the last byte."""
    peer.turns = [Turn((says(b"x" * 1_000),))]
    room = Room(1_000)
    await connection.ask(REQUEST, room)
    assert room.asked == []


async def test_an_answer_that_was_quicker_than_the_question_for_room_still_asks(
    peer: Peer, connection: Connection
) -> None:
    """Small and all here, but more than was granted: it counts all the same."""
    peer.turns = [Turn((says(b"x" * 1_001),))]
    room = Room(1_000)
    room.free.set()
    await connection.ask(REQUEST, room)
    assert room.asked == [1_001]


@pytest.mark.parametrize("said", [says(LARGE), chunked(*[LARGE[:10_000]] * 100)], ids=["with a length", "in chunks"])
async def test_room_that_will_never_be_granted_is_asked_for_once(
    peer: Peer, connection: Connection, said: bytes
) -> None:
    """An answer larger than all its messages may be (JSON spells them longer) is taken in with what room there is."""
    peer.turns = [Turn((said,))]
    room = Room(1_000, most=1_000)
    room.free.set()
    answer = await connection.ask(REQUEST, room)
    assert len(answer.body) >= 1_000_000
    assert len(room.asked) <= 12


async def test_chunks_beyond_what_was_granted_ask_for_twice_as_much(peer: Peer, connection: Connection) -> None:
    """Nobody says how large they are together, so room is asked for as they grow, and always beforehand."""
    peer.turns = [Turn((chunked(*[b"x" * 1_000] * 2_000),))]
    room = Room(10_000)
    room.free.set()
    answer = await connection.ask(REQUEST, room)
    assert len(answer.body) == 2_000_000
    assert room.asked == sorted(room.asked)
    assert 1 <= len(room.asked) <= 9
    assert len(answer.body) <= room.asked[-1] <= ANSWER_BYTES


async def test_a_question_cancelled_while_it_waits_for_room_closes_the_connection(
    peer: Peer, connection: Connection
) -> None:
    """The answer that waits outside is nobody's."""
    peer.turns = [Turn((says(LARGE),))]
    room = Room(1_000)
    async with asyncio.TaskGroup() as tasks:
        asked = tasks.create_task(connection.ask(REQUEST, room))
        await room.waits.wait()
        asked.cancel()
    await connection.gone
    assert asked.cancelled()


async def test_a_connection_lost_while_its_answer_waits_for_room_is_trouble(peer: Peer, connection: Connection) -> None:
    """Room that comes too late finds no answer any more, and no hanging question."""
    peer.turns = [Turn((says(LARGE),))]
    room = Room(1_000)
    async with asyncio.TaskGroup() as tasks:
        asked = tasks.create_task(trouble_of(connection, room))
        await room.waits.wait()
        connection.abort()
        await connection.gone
        room.free.set()
    assert asked.result() == "ConnectionClosedError"


async def trouble_of(connection: Connection, room: Room) -> str:
    """The code with which a question ends."""
    with pytest.raises(WireTrouble) as raised:
        await connection.ask(REQUEST, room)
    return raised.value.code
