"""One process, a real one: how it is started, what is heard of it, and that nothing said to it is lost."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import worker
from worker import facts
from worker.process.parent.process import Command, Process
from worker.process.parent.run import DOOR, command_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from worker.facts import Fact

ECHO = """
import os, socket, sys
line = socket.socket(fileno=int(sys.argv[sys.argv.index("--lifeline") + 1]))
line.sendall(b"listening http://127.0.0.1:1\\nstarted\\n")
said = line.makefile().readline()
sys.exit(7 if said == "stop because\\n" else 8)
"""


def process(script: str, told: list[Fact], **environ: str) -> Process:
    return Process(
        3, Command((sys.executable, "-c", script), {"PATH": os.environ["PATH"]} | environ, "w", 4), told.append
    )


async def until(holds: Callable[[], bool]) -> None:
    """Turn the loop until *holds()*."""
    async with asyncio.timeout(30):
        while not holds():  # noqa: ASYNC110 - what is waited for is an attribute that other threads read as well
            await asyncio.sleep(0)


async def test_it_is_heard_and_hears() -> None:
    """Its address and its start are known while it lives, and forgotten when it ended; the word to stop reaches it."""
    told: list[Fact] = []
    one = process(ECHO, told)
    async with asyncio.TaskGroup() as tasks:
        living = tasks.create_task(one.live())
        await until(lambda: one.started)
        assert one.url == "http://127.0.0.1:1"
        assert told == [facts.ProcessStarted(3, one.pid or 0)]
        one.stop("because")
    end = living.result()
    assert (end.code, end.started) == (7, True)
    assert [one.url, one.pid, one.started] == [None, None, False]


async def test_what_is_said_while_it_is_being_started_is_not_lost() -> None:
    """A signal may come between the decision to start a process and its existence."""
    one = process(ECHO, [])
    one.stop("because")
    assert (await one.live()).code == 7


async def test_killed_is_its_signal_and_a_second_kill_does_nothing() -> None:
    """The code is negative, as the operating system's is; who is gone cannot be killed."""
    told: list[Fact] = []
    one = process("import time; time.sleep(60)", told)
    async with asyncio.TaskGroup() as tasks:
        living = tasks.create_task(one.live())
        await until(lambda: one.pid is not None)
        one.kill()
    assert living.result().code == -9
    one.kill()
    assert [type(fact) for fact in told] == [facts.ProcessStarted, facts.ProcessKilled]


async def test_a_process_that_cannot_be_started_is_an_end_too() -> None:
    """No memory, no descriptors: tried again like every other end."""
    told: list[Fact] = []
    one = Process(0, Command(("/no/such/program",), {}, "w", 2), told.append)
    end = await one.live()
    assert (end.code, end.started, end.pid) == (1, False, 0)
    assert told == []


async def test_who_inherited_the_line_does_not_hold_the_end_up() -> None:
    """What a handler left running may keep the other end open; the process has ended all the same."""
    script = (
        "import os, subprocess, sys; n = int(sys.argv[-1]); "
        "print(subprocess.Popen([sys.executable, '-c', 'import sys; sys.stdin.read()'], stdin=subprocess.PIPE,"
        " pass_fds=[n, os.dup(0)]).pid and '', end=''); os._exit(4)"
    )
    async with asyncio.timeout(30):
        assert (await process(script, []).live()).code == 4


def test_each_has_a_name_and_a_port_of_its_own() -> None:
    """All else is the environment that the parent was given; the longest name stays within what an id may be."""
    command = Command((), {"SINK": "sqlite", "METRICS_PORT": "9100", "METRICS_HOST": "::"}, "w" * 128, 12)
    mine = command.environment_of(11)
    assert mine == {
        "SINK": "sqlite",
        "WORKER_ID": "w" * 125 + "-11",
        "WORKER_PROCESSES": "12",
        "METRICS_HOST": "127.0.0.1",
        "METRICS_PORT": "0",
    }


def test_a_folder_called_worker_is_not_taken_for_us() -> None:
    """A child is started by the file of this installation: no name is looked up in the working directory."""
    _, safe, door, *_ = command_line(None, drain=False)
    assert (safe, Path(door)) == ("-P", Path(worker.__file__).parents[1] / "sqs_worker_daemon.py")
    assert Path(door).is_file()


def test_the_command_line_is_that_of_the_parent(tmp_path: Path) -> None:
    """--drain and --config are passed on, and it is the same interpreter."""
    line = command_line(tmp_path / "site.toml", drain=True)
    assert line[0] == sys.executable
    assert line[-6:] == ("-P", DOOR, "run", "--drain", "--config", str(tmp_path / "site.toml"))
    assert command_line(None, drain=False)[-1] == "run"
