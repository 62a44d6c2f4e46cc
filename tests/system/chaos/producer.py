"""A producer that keeps a book: what it is about to send, before it sends it, and what SQS acknowledged, after.

Takes a queue, a number of messages and the seconds they are to be spread over; a send whose answer is lost is sent
again under the same business id until it is acknowledged. On a FIFO queue message n+1 of a group is sent only after n
was acknowledged. After them it trickles on until SIGUSR1, so that no fault finds an empty queue, however late it comes.
Ends when everything is acknowledged: 0.
"""

from __future__ import annotations

import itertools
import random
import signal
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tests.system.chaos.books import Book, fingerprint
from tests.system.chaos.client import Client, Unanswered

if TYPE_CHECKING:
    from collections.abc import Iterator

TEN = 10
SENDERS = 2
POISON_SHARE = 0.01
FIFO_POISON_SHARE = 0.05
"""Poison is what puts the order of a group to the test: nothing may overtake it on its way to the dead letters."""
AGAIN_SECONDS = 0.05
TRICKLE_SECONDS = 0.5
CANARY = "canary-of-bodies"
"""In every body, and to be found in no log line."""


@dataclass(frozen=True, slots=True)
class Item:
    """One message to be sent."""

    id: str
    group: str
    seq: int
    body: str
    poison: bool


def item(prefix: str, number: int, groups: int, seed: int) -> Item:
    """Message *number*: the same for the same seed. One in a hundred is no JSON, of a FIFO queue one in twenty."""
    draw = random.Random(f"{seed}:{prefix}:{number}")
    business, group, seq = f"{prefix}-{number}", f"g{number % groups}" if groups else "-", number // max(1, groups)
    text = f"{draw.getrandbits(64 * 8 * draw.randint(1, 12)):x}ä"
    body = f'{{"id":"{business}","group":"{group}","seq":{seq},"secret":"{CANARY}","text":"{text}"'
    poison = draw.random() < (FIFO_POISON_SHARE if groups else POISON_SHARE)
    return Item(business, group, seq, body if poison else body + "}", poison)


def tens(prefix: str, groups: int, seed: int) -> Iterator[list[Item]]:
    """Messages in tens, without an end; on a FIFO queue no ten holds two of one group, nor of two rounds."""
    whole = groups or TEN
    for first in itertools.count(0, whole):
        for at in range(first, first + whole, TEN):
            yield [item(prefix, number, groups, seed) for number in range(at, min(first + whole, at + TEN))]


class Producer:
    """Sends tens until each is acknowledged. Its senders share one book, one supply and one pace."""

    def __init__(
        self, endpoint: str, queue: str, book: Book, *, work: Iterator[list[Item]], messages: int, seconds: float
    ) -> None:
        self._endpoint = endpoint
        self._queue = queue
        self._book = book
        self._fifo = queue.endswith(".fifo")
        self._work = work
        self._left = messages
        """Not drawn yet; below zero they only trickle. Written by `_draw`, as `_work` inside `_lock`."""
        self._lock = threading.Lock()
        """Around what two senders draw from."""
        self._began = time.monotonic()
        self._messages = messages
        self._pause = seconds / max(1, messages)
        """Seconds for one message, if all goes well."""
        self.hurry = threading.Event()
        """Set when nobody needs the trickle any more."""

    def run(self) -> None:
        """Send what is left of the supply; the body of one sender's thread."""
        client = Client(self._endpoint)
        while (drawn := self._draw()) is not None:
            number, left = drawn
            self._await_turn(number)
            while left:
                left = self._send(client, left)
                if left:
                    time.sleep(AGAIN_SECONDS)
        client.close()

    def _await_turn(self, number: int) -> None:
        """The planned ones in time; what comes after them slowly."""
        if number < self._messages:
            time.sleep(max(0.0, self._began + number * self._pause - time.monotonic()))
        else:
            self.hurry.wait(TRICKLE_SECONDS)

    def _draw(self) -> tuple[int, list[Item]] | None:
        """The next ten, and how many were drawn before; None when the planned ones are, and nobody needs more."""
        with self._lock:
            if self._left <= 0 and self.hurry.is_set():
                return None
            number, ten = self._messages - self._left, next(self._work)
            self._left -= len(ten)
            return number, ten

    def _send(self, client: Client, items: list[Item]) -> list[Item]:
        """Those that were not acknowledged."""
        self._book.write(
            "attempt", [(self._queue, i.id, i.group, i.seq, fingerprint(i.body), int(i.poison)) for i in items]
        )
        try:
            answer = client.call("SendMessageBatch", self._queue, Entries=[self._entry(i) for i in items])
        except Unanswered:
            return items
        taken = {int(done["Id"].partition("_")[0]): done["MessageId"] for done in answer.get("Successful") or []}
        numbered = {number_of(i): i for i in items}
        self._book.write("ack", [(self._queue, numbered[number].id, taken[number]) for number in taken])
        return [i for number, i in numbered.items() if number not in taken]

    def _entry(self, one: Item) -> dict[str, str]:
        entry = {"Id": str(number_of(one)), "MessageBody": one.body}
        if self._fifo:
            entry |= {"MessageGroupId": one.group, "MessageDeduplicationId": one.id}
        return entry


def number_of(one: Item) -> int:
    """The number in a business id."""
    return int(one.id.rpartition("-")[2])


def produce(producer: Producer, *, senders: int) -> None:
    """Run *senders* threads to their end. A FIFO queue is served by one, so that the rounds stay in order."""
    threads = [threading.Thread(target=producer.run) for _ in range(senders)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@click.command()
@click.option("--endpoint", required=True)
@click.option("--queue", required=True)
@click.option("--book", type=click.Path(path_type=Path), required=True)
@click.option("--prefix", required=True, help="Begins the business ids.")
@click.option("--messages", type=int, required=True, help="At least so many.")
@click.option("--seconds", type=float, required=True)
@click.option("--groups", type=int, default=0)
@click.option("--seed", type=int, default=0)
def main(
    *, endpoint: str, queue: str, book: Path, prefix: str, messages: int, seconds: float, groups: int, seed: int
) -> None:
    """Send until everything is acknowledged."""
    written = Book(book)
    work = tens(prefix, groups, seed)
    producer = Producer(endpoint, queue, written, work=work, messages=messages, seconds=seconds)
    signal.signal(signal.SIGUSR1, lambda *_: producer.hurry.set())
    produce(producer, senders=1 if groups else SENDERS)
    written.close()


if __name__ == "__main__":
    main()
