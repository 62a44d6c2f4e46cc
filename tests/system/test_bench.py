"""The smallest run of the benchmark, with real processes: a thousand messages, this worker alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.contestants import ourselves
from bench.drain import Window, drain, rows_in
from bench.latency import one_round
from bench.load import Load

if TYPE_CHECKING:
    from pathlib import Path

MESSAGES = 1_000


def test_the_smallest_run_measures_a_thousand_messages(tmp_path: Path) -> None:
    """Every message is a row, and the figures are those of messages that were received and deleted by tens."""
    short_poll = ourselves("sdk", SQS_WAIT_TIME_SECONDS="1")  # stopping waits for the receive that is under way
    found = drain(short_poll, Load(MESSAGES), Window(warm_seconds=0.0, seconds=60.0), tmp_path)
    assert rows_in(tmp_path) == MESSAGES
    assert MESSAGES * 0.97 <= found.messages <= MESSAGES
    assert 0.1 <= found.requests_per_message <= 1
    assert found.cpu_seconds > 0
    assert found.loopback_cpu_seconds > 0
    assert found.peak_bytes > 2**20


def test_latency_is_measured_at_the_disk_and_at_the_queue() -> None:
    """A row is there before its message is deleted, so its times are the shorter ones; and both say how many."""
    said: list[str] = []
    figures, row, delete = one_round(200.0, 1.0, said.append)
    assert figures.messages > 0
    assert min(row["count"], delete["count"]) > 0
    assert 0 < row["p50"] <= delete["p50"]
    assert "200 messages/s" in said[0]
