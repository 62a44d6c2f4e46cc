"""CPUs: how many this process may keep busy, by its affinity and by the quotas of its control groups.

`processes_of` takes what WORKER_PROCESSES says and gives a number; `usable` is the arithmetic of `auto`, `cpu_quota`
reads what the kernel says. A quota is rounded down: a process that is throttled stands still for most of each period,
and its leases, polls and probes stand still with it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator

CGROUPS: Final = Path("/sys/fs/cgroup")
OWN_CGROUP: Final = Path("/proc/self/cgroup")
_UNIFIED: Final = "0::/"
"""What the line of version 2 begins with in the list of the groups that we are in."""


def processes_of(setting: int | Literal["auto"]) -> int:
    """How many processes *setting* means on this machine."""
    return usable(affinity(), cpu_quota()) if setting == "auto" else setting


def usable(cpus: int, quota: float | None) -> int:
    """Whole CPUs out of *cpus* that a *quota* (in CPUs; None: there is none) leaves; at least one."""
    return max(1, cpus if quota is None else min(cpus, int(quota)))


def affinity() -> int:
    """CPUs that the scheduler may give us."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1  # pragma: no cover - not on Linux


def cpu_quota(cgroups: Path = CGROUPS, own: Path = OWN_CGROUP) -> float | None:
    """CPUs that the narrowest of our control groups may use at a time; None without a limit, or without cgroups."""
    found = [quota for folder in _folders(cgroups, own) if (quota := _unified(folder)) is not None]
    older = _older(cgroups / "cpu")
    return min([*found, *([] if older is None else [older])], default=None)


def _folders(cgroups: Path, own: Path) -> Iterator[Path]:
    """Our group and those around it, up to the root: each may have a limit."""
    try:
        lines = own.read_text().splitlines()
    except OSError:
        lines = []
    ours = next((line.removeprefix(_UNIFIED) for line in lines if line.startswith(_UNIFIED)), "")
    folder = Path(ours)
    while folder != Path():
        yield cgroups / folder
        folder = folder.parent
    yield cgroups


def _unified(folder: Path) -> float | None:
    """Version 2: `max 100000`, or microseconds of each period."""
    words = _read(folder / "cpu.max").split()
    return _ratio(*words) if len(words) == 2 else None  # noqa: PLR2004 - the quota and its period


def _older(folder: Path) -> float | None:
    """Version 1: the same in two files, -1 for no limit."""
    return _ratio(_read(folder / "cpu.cfs_quota_us"), _read(folder / "cpu.cfs_period_us"))


def _ratio(quota: str, period: str) -> float | None:
    if not (quota.isdecimal() and period.isdecimal()) or int(period) == 0:
        return None
    return int(quota) / int(period)


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
