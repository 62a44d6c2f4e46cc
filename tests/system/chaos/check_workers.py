"""Checks of the workers: handles, leases after their end, accounts, memory and open files, exit codes.

Each takes the evidence and gives one sentence for each violation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tests.system.chaos.books import receipt_order

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.system.chaos.books import Change
    from tests.system.chaos.evidence import Evidence, Life, Limits

OUTCOMES = ("deleted", "retried", "rejected", "released", "expired", "in_flight")
SECOND = 1_000_000_000
SAMPLES = 60
"""Seconds of a first third that can be compared with. In less, connection pools have not met the whole load yet, and
they keep what they opened for a while; shorter lives are held to the budget alone."""
END_SECONDS = 3.0
"""What starting to stop and leaving may add to the drain deadline."""


def stale_handles(evidence: Evidence) -> Iterator[str]:
    """A delete or a change of visibility by a handle that this process never had, or had a newer one of."""
    for life in evidence.lives:
        newest: dict[str, int] = {}
        for record in life.records():
            if record.kind == "recv" and record.subject != "-":
                newest[record.subject] = max(receipt_order(record.detail), newest.get(record.subject, -1))
            elif record.kind in {"del", "vis"}:
                used = receipt_order(record.detail)
                if newest.get(record.subject, -1) != used:
                    yield f"{life.name}: {record.kind} of {record.subject} by receipt {used}, not the newest it had"


class Hidden(NamedTuple):
    """A message that was handed out and is neither gone nor back."""

    receipt: str
    until_ns: int


def hidden_after_the_end(evidence: Evidence) -> Iterator[str]:
    """What a process held when it ended must be visible again: at once after SIGTERM, with its lease after a crash."""
    looks = sorted((look_ns(life, evidence.limits), number) for number, life in enumerate(evidence.lives))
    hidden: dict[str, Hidden] = {}
    at = 0
    for change in evidence.changes():
        while at < len(looks) and looks[at][0] < change.ns:
            yield from _still_hidden(evidence.lives[looks[at][1]], hidden, looks[at][0])
            at += 1
        _follow(hidden, change)
    for look, number in looks[at:]:
        yield from _still_hidden(evidence.lives[number], hidden, look)


def look_ns(life: Life, limits: Limits) -> int:
    """When nothing of *life* may be hidden any more."""
    grace = limits.term_seconds
    if life.ending in {"kill", "crash"}:
        grace = limits.visibility_seconds + limits.kill_seconds
    return life.ended_ns + round(grace * SECOND)


def _follow(hidden: dict[str, Hidden], change: Change) -> None:
    if change.op in {"receive", "visibility"}:
        hidden[change.message_id] = Hidden(change.receipt, change.ns + int(change.result) * 1_000_000)
    elif change.op in {"delete", "move", "expire"}:
        hidden.pop(change.message_id, None)


def _still_hidden(life: Life, hidden: Mapping[str, Hidden], look: int) -> Iterator[str]:
    held = {r.subject: r.detail for r in life.records() if r.kind == "recv" and r.subject != "-"}
    for message_id, receipt in held.items():
        state = hidden.get(message_id)
        if state is not None and state.receipt == receipt and state.until_ns > look:
            yield f"{life.name} ({life.ending}): {message_id} hidden {(state.until_ns - look) / SECOND:.1f} s too long"


def accounts(evidence: Evidence) -> Iterator[str]:
    """Received = all ways out + in flight, in every account; and what a worker says it received, it received."""
    for life in evidence.lives:
        for account in [*life.scrapes, *life.accounts.values()]:
            if account["received"] != sum(account[name] for name in OUTCOMES):
                yield f"{life.name}: {dict(account)}"
        for place, account in life.accounts.items():
            booked = sum(1 for r in life.records() if r.kind == "recv" and r.place == place and r.subject != "-")
            if account["received"] != booked:
                yield f"{life.name} {place}: says it received {account['received']}, and received {booked}"
    for queue, counts in evidence.queues.items():
        came = counts["sent"] + counts["moved_in"]
        went = sum(counts[name] for name in ("deleted", "moved_out", "expired", "purged"))
        if came != went + counts["visible"] + counts["not_visible"] + counts["delayed"]:
            yield f"loopback {queue}: {dict(counts)}"


def exits(evidence: Evidence) -> Iterator[str]:
    """After SIGTERM: exit code 0, in time, with nothing in flight. Nobody ends on his own accord."""
    for life in evidence.lives:
        if life.ending == "own":
            yield f"{life.name}: ended by itself with {life.exit_code}"
        if life.ending != "term":
            continue
        took = (life.ended_ns - life.signalled_ns) / SECOND
        if life.exit_code != 0:
            yield f"{life.name}: exit code {life.exit_code} after SIGTERM"
        if took > evidence.limits.drain_seconds + END_SECONDS:
            yield f"{life.name}: took {took:.1f} s to stop"
        for place, account in life.accounts.items():
            if account["in_flight"]:
                yield f"{life.name} {place}: left with {account['in_flight']} in flight"


def resources(evidence: Evidence) -> Iterator[str]:
    """Memory inside its budget; open files at the end as they were in the first third of the life."""
    limits = evidence.limits
    for life in evidence.lives:
        largest = max((rss for _, rss, _ in life.samples), default=0)
        if largest > limits.rss_bytes:
            yield f"{life.name}: {largest / 2**20:.0f} MiB"
        most = max((fds for _, _, fds in life.samples), default=0)
        if most > limits.fds:
            yield f"{life.name}: {most} open files"
        early = [fds for _, _, fds in life.samples[: len(life.samples) // 3]]
        if len(early) >= SAMPLES and life.samples[-1][2] > max(early) + limits.fd_slack:
            yield f"{life.name}: {life.samples[-1][2]} open files at the end, {max(early)} at the beginning"
