"""Sends orders into a queue, ten to a call, each until SQS has accepted it.

Takes the queue's settings from the environment as the worker does; `python -m worker.demo.produce` is the producer of
docker-compose.yml. It waits for its queue as a worker does, and ends when everything is sent, or on a signal between
two calls.
"""

from __future__ import annotations

import asyncio
import os
from itertools import islice
from typing import TYPE_CHECKING, Final

import click

from worker.app.build import open_queue
from worker.app.patience import patiently
from worker.demo.orders import bodies
from worker.errors import QueueUnavailable
from worker.message import Outgoing
from worker.process.loop import new_event_loop
from worker.settings import load
from worker.sqs.queue import OK
from worker.sqs.quotas import BATCH_ENTRIES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from worker.sqs.queue import Queue

SENDERS: Final = 16
"""Calls side by side."""
PAUSE_SECONDS: Final = 0.2


async def produce(
    queue: Queue, messages: int, *, seed: int, sent: Callable[[int], None], per_second: float = 0.0
) -> None:
    """Send *messages* orders, *per_second* at most (0: as fast as they are accepted); *sent* hears of each batch."""
    began = asyncio.get_running_loop().time()
    gap = BATCH_ENTRIES / per_second if per_second else 0.0
    due = ((began + number * gap, ten) for number, ten in enumerate(in_tens(messages, seed=seed)))
    async with asyncio.TaskGroup() as senders:
        for _ in range(SENDERS):
            senders.create_task(_send_all(queue, due, sent))


async def _send_all(queue: Queue, due: Iterator[tuple[float, list[Outgoing]]], sent: Callable[[int], None]) -> None:
    """One of the senders; they share *due*: tens, and when each may go."""
    loop = asyncio.get_running_loop()
    for when, ten in due:
        await asyncio.sleep(when - loop.time())
        left = ten
        while left:
            left = await _send(queue, left)
            if left:
                await asyncio.sleep(PAUSE_SECONDS)
        sent(len(ten))


async def _send(queue: Queue, messages: list[Outgoing]) -> list[Outgoing]:
    """Those that were not accepted; an unknown answer is sent again, as a producer that must not lose would."""
    try:
        answers = await queue.send(messages)
    except QueueUnavailable:
        return messages
    return [message for message, answer in zip(messages, answers, strict=True) if answer is not OK]


def in_tens(messages: int, *, seed: int) -> Iterator[list[Outgoing]]:
    """The orders in batches of ten; made when they are asked for, so that a million of them cost no memory."""
    orders = (Outgoing(body) for body in bodies(messages, seed=seed))
    while ten := list(islice(orders, BATCH_ENTRIES)):
        yield ten


async def _main(messages: int, *, seed: int, per_second: float) -> None:
    """Send to the queue that the environment names."""
    settings = load(os.environ).pipelines[0]
    queue = await patiently(lambda: open_queue(settings.queue, settings, lambda _: None), lambda _: None)
    try:
        await produce(queue, messages, seed=seed, sent=lambda _: None, per_second=per_second)
    finally:
        await queue.close()


@click.command()
@click.option("--messages", type=click.IntRange(1), default=100_000, show_default=True, help="How many orders.")
@click.option("--seed", type=int, default=0, show_default=True, help="Another seed, other orders.")
@click.option("--rate", type=click.FloatRange(0), default=0.0, help="Messages a second; 0: as many as SQS takes.")
def main(*, messages: int, seed: int, rate: float) -> None:
    """Send invented orders to SQS_QUEUE_URL."""
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(_main(messages, seed=seed, per_second=rate))
    click.echo(f"sent {messages} orders")


if __name__ == "__main__":
    main()
