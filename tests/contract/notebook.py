"""Handlers that write the keys of their messages into a file, for the contract of sinks.

The file's path is in `NOTEBOOK`; files beside it say what is the matter with the destination (`away`, `slow`, and
`locked` with the key of one message in it). Ends as your own functions may: returns, `Reject`, `SinkUnavailable`.
"""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from worker.errors import SinkUnavailable
from worker.outcome import Reject

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.message import Message

NOTEBOOK: Final = "NOTEBOOK_OF_THE_SINK_CONTRACT"
SLOW_SECONDS: Final = 0.6


async def handle(message: Message) -> None:
    """One message, in the loop."""
    await asyncio.sleep(_pause())
    if not _noted([message]):
        raise Reject("bad")


def handle_batch(messages: Sequence[Message]) -> list[Reject | None]:
    """A batch, in a thread."""
    time.sleep(_pause())
    noted = _noted(messages)
    return [None if message in noted else Reject("bad") for message in messages]


def sign(matter: str) -> Path:
    """The file that says that something is the matter."""
    return Path(f"{os.environ[NOTEBOOK]}.{matter}")


def _pause() -> float:
    return SLOW_SECONDS if sign("slow").exists() else 0.0


def _noted(messages: Sequence[Message]) -> list[Message]:
    """Those that were written."""
    locked = sign("locked").read_text() if sign("locked").exists() else None
    if sign("away").exists() or any(message.key == locked for message in messages):
        raise SinkUnavailable("the notebook is away")
    good = [message for message in messages if message.key != "bad"]
    with Path(os.environ[NOTEBOOK]).open("a") as notebook:
        notebook.write("".join(f"{message.key}\n" for message in good))
    return good
