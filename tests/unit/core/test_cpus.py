"""How many processes `auto` means, on machines and in containers of all kinds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.cpus import affinity, cpu_quota, processes_of, usable

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("cpus", "quota", "meant"), [(8, None, 8), (8, 2.0, 2), (8, 2.9, 2), (8, 0.5, 1), (2, 4.0, 2), (1, None, 1)]
)
def test_a_quota_is_rounded_down_to_whole_cpus(cpus: int, quota: float | None, meant: int) -> None:
    """Never more than there are, never throttled, and never none."""
    assert usable(cpus, quota) == meant


@given(st.integers(1, 1024), st.none() | st.floats(0.001, 4096))
def test_there_is_always_a_process_and_never_more_than_cpus(cpus: int, quota: float | None) -> None:
    """Whatever the kernel says."""
    assert 1 <= usable(cpus, quota) <= cpus


def test_a_number_is_taken_at_its_word() -> None:
    """Who asks for more than there are CPUs may have his reasons; `auto` stays within this machine."""
    assert processes_of(64) == 64
    assert 1 <= processes_of("auto") <= affinity()


@pytest.mark.parametrize(
    ("said", "quota"),
    [
        ({"cpu.max": "150000 100000\n"}, 1.5),
        ({"cpu.max": "max 100000\n"}, None),
        ({"cpu.max": "nonsense\n"}, None),
        ({"cpu.max": "100000 0\n"}, None),
        ({"cpu/cpu.cfs_quota_us": "400000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 4.0),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, None),
        ({}, None),
    ],
    ids=["v2", "v2-none", "v2-nonsense", "v2-no-period", "v1", "v1-none", "no-cgroups"],
)
def test_the_quota_is_read_from_either_version_of_cgroups(
    tmp_path: Path, said: dict[str, str], quota: float | None
) -> None:
    """A number of microseconds in each period, the words for none, and a machine without cgroups."""
    for name, text in said.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert cpu_quota(tmp_path, tmp_path / "no-such-list") == quota


def test_the_narrowest_group_around_us_decides(tmp_path: Path) -> None:
    """A unit's slice may have less than the unit itself; both hold."""
    (tmp_path / "own").write_text("1:name=systemd:/elsewhere\n0::/batch.slice/worker.service\n")
    unit = tmp_path / "batch.slice" / "worker.service"
    unit.mkdir(parents=True)
    (unit / "cpu.max").write_text("400000 100000")
    (unit.parent / "cpu.max").write_text("300000 100000")
    assert cpu_quota(tmp_path, tmp_path / "own") == 3.0
