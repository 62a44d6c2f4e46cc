"""Errors that nobody catches: in threads, tasks, callbacks, finalizers and coroutines that a handler leaves behind."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.system.rig import Rig

HANDLER = """
import asyncio, threading, warnings

class Finalized:
    def __del__(self):
        raise ValueError("in a finalizer")

async def never():
    pass

async def boom():
    raise KeyError("in a task")

async def handle(message):
    loop = asyncio.get_running_loop()
    loop.create_task(boom())
    loop.call_soon(lambda: 1 / 0)
    thread = threading.Thread(target=lambda: [][0])
    thread.start()
    thread.join()
    Finalized()
    never()
    warnings.warn("an old way")
"""


def test_what_nobody_catches_is_told_in_lines_of_ours(rig: Rig) -> None:
    """No traceback and no warning stands between the lines, and the messages are done all the same."""
    (rig.folder / "careless.py").write_text(HANDLER)
    rig.send(3)
    worker = rig.worker("--drain", HANDLER="careless:handle", SINK="handler")
    assert worker.end() == 0
    assert rig.books()["deleted"] == 3
    assert all(isinstance(json.loads(line), dict) for line in worker.lines)
    said = "".join(worker.lines)
    for words in ("in a finalizer", "in a task", "ZeroDivisionError", "IndexError", "never awaited", "an old way"):
        assert words in said
