"""What the kernel knows of processes: which core they may use, how much CPU and memory they took, with their children.

Takes process ids, gives seconds and bytes; Linux only. A process that is gone counts as nothing.
"""

from __future__ import annotations

import os
import platform
import time
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@cache
def cores() -> list[int]:
    """The cores that this process might use when it was first asked: later it keeps to one of them itself."""
    return sorted(os.sched_getaffinity(0))


def core_of_contestant() -> set[int]:
    """The first core, for whoever is measured."""
    return {cores()[0]}


def core_of_loopback() -> set[int]:
    """The last core, for the loopback; the same one where there is only one."""
    return {cores()[-1]}


@contextmanager
def pinned(allowed: set[int]) -> Iterator[None]:
    """Processes started in here inherit these cores: they never ran on another one."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, allowed)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def family(pid: int) -> list[int]:
    """*pid* and every process below it."""
    found, at = [pid], 0
    while at < len(found):
        for task in Path(f"/proc/{found[at]}/task").glob("*/children"):
            found += map(int, _read(task).split())
        at += 1
    return found


def cpu_seconds(pid: int) -> float:
    """CPU of *pid* and of those below it, every thread included, the ended ones too; to the nanosecond."""
    return sum(map(_cpu_of, family(pid)))


def _cpu_of(pid: int) -> float:
    # The kernel's clock of another process: its id, inverted, over the three bits that say "the whole process, by the
    # scheduler". /proc/PID/stat says the same in ticks of ten milliseconds.
    try:
        return time.clock_gettime((~pid << 3) | 2)
    except OSError:
        return 0.0


def busy_seconds() -> float:
    """CPU that everything on this machine has used since its start, to ten milliseconds."""
    fields = [int(field) for field in _read(Path("/proc/stat")).partition("\n")[0].split()[1:9]]
    user, nice, system, _idle, _waiting, *interrupts_and_stolen = fields
    return (user + nice + system + sum(interrupts_and_stolen)) / os.sysconf("SC_CLK_TCK")


def memory_bytes(pid: int) -> int:
    """Resident now; pages that a family shares are counted for each member."""
    return _memory(pid, "VmRSS:")


def peak_bytes(pid: int) -> int:
    """The most that was resident at any time, summed over the family as `memory_bytes` is."""
    return _memory(pid, "VmHWM:")


def _memory(pid: int, name: str) -> int:
    lines = (line for one in family(pid) for line in _read(Path(f"/proc/{one}/status")).splitlines())
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def described() -> str:
    """The machine in one line, for the head of the results."""
    names = [line for line in _read(Path("/proc/cpuinfo")).splitlines() if line.startswith("model name")]
    model = names[0].partition(":")[2].strip() if names else platform.machine()
    count = f"{len(cores())} cores" if len(cores()) > 1 else "1 core"
    return f"{count} of {model}, Linux {platform.release()}"
