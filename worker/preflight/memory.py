"""Memory: what the messages in flight may need, against what the container is allowed.

`memory` takes the settings, a limit in bytes (None: there is none) and how many processes share it, and gives a
finding; `memory_limit` reads the limit that the kernel holds this process to. A worker that is killed for its memory
loses nothing, but handles what it held once more, and is killed again.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from worker.plugins.finding import Finding

if TYPE_CHECKING:
    from worker.settings import PipelineSettings

AMPLIFICATION: Final = 4
"""Bytes of memory for a byte in flight: the text, the answer it came in, and the decoded record of an ordinary body."""
PROCESS_BYTES: Final = 96 * 1024 * 1024
"""What a worker with the SDK needs before the first message."""
PARENT_BYTES: Final = 64 * 1024 * 1024
"""What the parent of several processes needs."""
UNLIMITED_BYTES: Final = 1 << 60
"""Version 1 of cgroups says "no limit" as the largest number of pages that there is."""
CGROUPS: Final = Path("/sys/fs/cgroup")
_FILES: Final = ("memory.max", "memory/memory.limit_in_bytes")
MIB: Final = 1024 * 1024


def memory(settings: PipelineSettings, limit_bytes: int | None, processes: int = 1) -> Finding:
    """The byte bound, with what a message costs in memory, against the limit."""
    needed = needed_for(settings.in_flight_max_bytes, processes)
    crowd = "" if processes == 1 else f" in each of {processes} processes"
    says = f"{settings.in_flight_max_bytes // MIB} MiB in flight{crowd} may need {needed // MIB} MiB of memory"
    if limit_bytes is None:
        return Finding("memory", "ok", f"{says}; no limit was found")
    if needed <= limit_bytes:
        return Finding("memory", "ok", f"{says}, the limit is {limit_bytes // MIB} MiB")
    fewer = "" if processes == 1 else " or WORKER_PROCESSES"
    return Finding(
        "memory",
        "warn",
        f"{says}, but the limit is {limit_bytes // MIB} MiB: a full buffer gets the worker killed",
        f"lower IN_FLIGHT_MAX_BYTES{fewer}, or raise the memory limit to {-(-needed // MIB)} MiB",
    )


def needed_for(in_flight_bytes: int, processes: int) -> int:
    """Bytes of memory for a worker whose processes each have so many bytes of messages in flight."""
    each = PROCESS_BYTES + AMPLIFICATION * in_flight_bytes
    return each if processes == 1 else PARENT_BYTES + processes * each


def bytes_for(limit_bytes: int | None, processes: int) -> int | None:
    """Bytes of messages that each process may have in flight within *limit_bytes* of memory; None: no limit."""
    if limit_bytes is None:
        return None
    each = limit_bytes if processes == 1 else (limit_bytes - PARENT_BYTES) // processes
    return max(0, each - PROCESS_BYTES) // AMPLIFICATION


def memory_limit(cgroups: Path = CGROUPS) -> int | None:
    """Bytes that this process' container may have; None without a limit, or where there are no cgroups."""
    for name in _FILES:
        try:
            said = (cgroups / name).read_text().strip()
        except OSError:
            continue
        return int(said) if said.isdecimal() and int(said) < UNLIMITED_BYTES else None
    return None
