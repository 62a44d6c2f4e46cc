"""A function that takes half a second for an order and then writes its id down, in a file of its worker."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from worker import Message

WORK_SECONDS = 0.5
FILE = Path(os.environ["ROWS"], f"{os.environ['WORKER_ID']}.orders")


async def handle(message: Message) -> None:
    """One line for one call that went well; a line is one write, so none is torn."""
    assert isinstance(message.value, dict)
    await asyncio.sleep(WORK_SECONDS)
    with FILE.open("a") as file:  # noqa: ASYNC230 - a line of twenty bytes
        file.write(f"{message.value['order_id']}\n")
