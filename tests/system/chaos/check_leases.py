"""Checks of leases and batch calls: renewed while in hand, left alone after the end, asked again until answered.

Each takes the evidence and gives one sentence for each violation; only the books of the workers' witnesses and of the
loopback are read.
"""

from __future__ import annotations

from itertools import groupby
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from tests.system.chaos.evidence import paused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.system.chaos.books import Record
    from tests.system.chaos.evidence import Evidence, Life

SECOND = 1_000_000_000
BATCH = 10
AGAIN_SECONDS = 15.0
"""Three times the longest pause of the worker between two tries of one entry."""
MARGIN = 1 / 3
RENEWALS = 50
"""With fewer the median says little."""


class Lapse(NamedTuple):
    """A lease that ran out: the message was handed out again."""

    message: str
    receipt: str
    since_ns: int
    until_ns: int


def let_lapse(evidence: Evidence) -> Iterator[str]:
    """A lease ran out in the hands of a process that was awake and never asked for more time, nor gave it back."""
    lapses = {(one.message, one.receipt): one for one in _lapses(evidence)}
    for life in evidence.lives:
        got: set[tuple[str, str]] = set()
        asked: set[tuple[str, str]] = set()
        awake: list[int] = []
        for record in life.records():
            awake.append(record.ns)
            lapse = lapses.get((record.subject, record.detail))
            if lapse is not None and record.kind == "recv":
                got.add((record.subject, record.detail))
            elif lapse is not None and record.kind in {"vis", "del"} and record.ns < lapse.until_ns:
                asked.add((record.subject, record.detail))
        for one in sorted(got - asked):
            if _was_awake(evidence, life, lapses[one], awake):
                yield f"{life.name}: the lease of {one[0]} by {one[1]} ran out, and nothing was asked for it"


def _lapses(evidence: Evidence) -> Iterator[Lapse]:
    """Redeliveries, with the lease that ended before; one handed out without hiding it was no lease."""
    leases: dict[str, Lapse] = {}
    for change in evidence.changes():
        if change.op in {"receive", "visibility"}:
            old = leases.get(change.message_id)
            if change.op == "receive" and old is not None and old.until_ns <= change.ns:
                yield old
            since = old.since_ns if old is not None and change.op == "visibility" else change.ns
            until = change.ns + int(change.result) * 1_000_000
            leases[change.message_id] = Lapse(change.message_id, change.receipt, since, until)
        elif change.op in {"delete", "move", "expire"}:
            leases.pop(change.message_id, None)


def _was_awake(evidence: Evidence, life: Life, lapse: Lapse, records: list[int]) -> bool:
    """It lived through the whole lease, was not stopped, and did something else in the lease's second half."""
    half = lapse.until_ns - round(evidence.limits.visibility_seconds / 2 * SECOND)
    if (
        life.ended_ns < lapse.until_ns
        or half < lapse.since_ns
        or paused(evidence, life, lapse.since_ns, lapse.until_ns)
    ):
        return False
    return any(half + SECOND // 2 < ns < lapse.until_ns for ns in records)


def late_renewals(evidence: Evidence) -> Iterator[str]:
    """The usual renewal comes with a third of the lease left."""
    found = margins(evidence)
    if len(found) >= RENEWALS and median(found) < MARGIN:
        yield f"half of {len(found)} renewals came with less than {median(found):.2f} of the lease left"


def margins(evidence: Evidence) -> list[float]:
    """For each renewal the share of the lease that was left, in order."""
    lease = round(evidence.limits.visibility_seconds * 1000)
    until: dict[str, int] = {}
    found: list[float] = []
    for change in evidence.changes():
        if change.op in {"receive", "visibility"}:
            if change.op == "visibility" and change.result == str(lease) and change.message_id in until:
                found.append((until[change.message_id] - change.ns) / 1e6 / lease)
            until[change.message_id] = change.ns + int(change.result) * 1_000_000
        elif change.op in {"delete", "move", "expire"}:
            until.pop(change.message_id, None)
    return sorted(found)


def ghosts(evidence: Evidence) -> Iterator[str]:
    """A renewal, a release or another delete of what SQS had already said is deleted."""
    for life in evidence.lives:
        done: dict[str, str] = {}
        for record in life.records():
            if record.kind == "done":
                done[record.subject] = record.detail
            elif record.kind in {"vis", "del"} and done.get(record.subject) == record.detail:
                yield f"{life.name}: {record.kind} of {record.subject} by {record.detail}, which was deleted"


def batches(evidence: Evidence) -> Iterator[str]:
    """One call holds at most ten entries and no message twice."""
    for life in evidence.lives:
        for (kind, ns), rows in groupby(life.records(), key=lambda record: (record.kind, record.ns)):
            if kind in {"recv", "del", "vis"}:
                subjects = [row.subject for row in rows]
                if len(subjects) > BATCH or len(set(subjects)) < len(subjects):
                    yield f"{life.name}: {kind} of {len(subjects)} entries, {len(set(subjects))} different, at {ns}"


def forgotten(evidence: Evidence) -> Iterator[str]:
    """What was not answered, or failed in a way that may pass, is asked again, unless the message came again."""
    for life in evidence.lives:
        for record in _unanswered(life):
            due = record.ns + round(AGAIN_SECONDS * SECOND)
            if due < life.ended_ns and not paused(evidence, life, record.ns, due):
                yield f"{life.name}: {record.kind[2:]} of {record.subject} was not answered, and not asked again"


def _unanswered(life: Life) -> list[Record]:
    """Entries without an answer that nothing followed, the last of each message."""
    waiting: dict[str, Record] = {}
    done: set[str] = set()  # a renewal may be refused because the delete overtook it
    for record in life.records():
        match record.kind:
            case "undel" | "unvis" if record.subject not in done:
                waiting[record.subject] = record
            case "del" | "vis" | "void":
                waiting.pop(record.subject, None)
            case "done":
                waiting.pop(record.subject, None)
                done.add(record.subject)
            case "recv":
                waiting.pop(record.subject, None)
                done.discard(record.subject)
    return list(waiting.values())
