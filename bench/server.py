"""The loopback alone: how many messages can it hand out and take back, and would it be what limits a contestant?

Takes sizes, gives the section; the measuring is `loopback_speed.py`, whose client is as thin as one can be.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bench.loopback_speed import measure
from bench.machine import core_of_loopback, pinned
from bench.results import Section, Table

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bench.plan import Plan

DRAINED: Final = 50_000
CONNECTIONS: Final = 16


def server(plan: Plan, _: Mapping[str, float], say: Callable[[str], None]) -> Section:
    """The section: one row for each depth."""
    rows = []
    for waiting in sorted({DRAINED, max(plan.depths)}):
        found = measure(waiting, DRAINED, 500, CONNECTIONS, pinned(core_of_loopback()))
        say(f"loopback with {waiting:,} waiting: {found['microseconds_per_request']} µs of its core for a request")
        figures = ("messages_per_server_cpu_second", "microseconds_per_request", "bytes_per_waiting_message")
        rows.append((f"{waiting:,}", *(f"{found[name]:,}" for name in figures)))
    columns = ("waiting", "messages/s of its core", "CPU µs/request", "bytes/waiting message")
    text = "A client of raw sockets receives ten and deletes ten: the most that any contestant could be seen to do."
    return Section("The loopback itself", text, Table(columns, rows))
