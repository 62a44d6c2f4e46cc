"""What a real worker says to the platform that started it: a service manager's socket, the container agent of ECS."""

from __future__ import annotations

import asyncio
import signal
import socket
import threading
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.system.rig import PATIENCE_SECONDS
from tests.unit.ecs.agents import FakeAgent

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.system.rig import Rig

ASKING_HANDLER = """
import json, os, subprocess, sys

SHOW = "import json, os; print(json.dumps([name for name in os.environ if name in {'NOTIFY_SOCKET', 'WATCHDOG_USEC'}]))"

def handle(message):
    seen = json.loads(subprocess.run([sys.executable, "-c", SHOW], stdout=subprocess.PIPE, check=True).stdout)
    print("inherited", json.dumps(seen), flush=True)
"""
ENDLESS_HANDLER = """
import asyncio

async def handle(message):
    await asyncio.sleep(3600)
"""


@contextmanager
def manager(folder: Path) -> Iterator[tuple[str, socket.socket]]:
    """A service manager's socket, and its address."""
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as line:
        line.bind(str(folder / "notify"))
        line.settimeout(PATIENCE_SECONDS)
        yield str(folder / "notify"), line


def hear(line: socket.socket, wanted: str) -> str:
    """The first message from here on that has *wanted* in it."""
    while True:
        told = line.recv(65536).decode()
        if wanted in told:
            return told


@pytest.mark.parametrize("processes", ["1", "2"])
def test_systemd_hears_when_it_is_ready_that_it_lives_and_that_it_stops(rig: Rig, processes: str) -> None:
    """From one process or from the parent of several; and nothing that they start could speak for them."""
    (rig.folder / "asking.py").write_text(ASKING_HANDLER)
    rig.send(1)
    with manager(rig.folder) as (address, line):
        worker = rig.worker(
            SINK="handler",
            HANDLER="asking:handle",
            WORKER_PROCESSES=processes,
            SQS_WAIT_TIME_SECONDS="1",
            NOTIFY_SOCKET=address,
            WATCHDOG_USEC="3000000",
        )
        assert "STATUS=starting" in line.recv(65536).decode()
        ready = hear(line, "READY=1")
        assert "WATCHDOG=1" in ready
        assert "STATUS=" in ready
        assert worker.until("inherited") == "inherited []\n"
        hear(line, "WATCHDOG=1")
        worker.tell(signal.SIGTERM)
        assert "EXTEND_TIMEOUT_USEC=" in hear(line, "STOPPING=1")
        assert "STATUS=ended clean (SIGTERM)" in hear(line, "STATUS=ended")
        assert worker.end() == 0


@contextmanager
def ecs() -> Iterator[FakeAgent]:
    """The container agent of ECS, on a thread of its own."""
    agent, ready, loop = FakeAgent(), threading.Event(), asyncio.new_event_loop()

    def serve() -> None:
        server = loop.run_until_complete(asyncio.start_server(agent.serve, "127.0.0.1", 0))
        agent.uri = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/api/f0e1d2c3-42"
        ready.set()
        loop.run_forever()
        server.close()
        loop.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    assert ready.wait(PATIENCE_SECONDS)
    try:
        yield agent
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(PATIENCE_SECONDS)


def test_ecs_is_asked_to_leave_a_busy_task_alone(rig: Rig) -> None:
    """What another process of the task had asked for is undone, work is protected, and a figure shows it."""
    (rig.folder / "endless.py").write_text(ENDLESS_HANDLER)
    with ecs() as agent:
        worker = rig.worker(
            SINK="handler",
            HANDLER="endless:handle",
            HANDLER_TIMEOUT_SECONDS="3600",
            ECS_AGENT_URI=agent.uri,
            ECS_TASK_PROTECTION="busy",
        )
        url = worker.event("worker_started")["metrics_url"]
        rig.until(lambda: len(agent.asked) == 1, "the first request")
        rig.send(1)
        assert worker.event("task_protection_changed")["protected"] is True
        assert [body for _, body in agent.asked] == [
            {"ProtectionEnabled": False},
            {"ProtectionEnabled": True, "ExpiresInMinutes": 10},
        ]
        assert "\nsqs_worker_task_protected 1.0\n" in rig.get(url, "/metrics")[1]
        worker.kill()
