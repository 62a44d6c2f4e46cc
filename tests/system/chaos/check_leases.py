"""Checks of leases and batch calls: renewed while in hand, left alone after the end, asked again until answered.

Each takes the evidence and gives one sentence for each violation; only the books of the workers' witnesses and of the
loopback are read.
"""

from __future__ import annotations

from itertools import groupby
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from tests.system.chaos.books import receipt_order
from tests.system.chaos.evidence import paused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.system.chaos.books import Record
    from tests.system.chaos.evidence import Evidence, Life

SECOND = 1_000_000_000
BATCH = 10
PAUSE_BASE_SECONDS = 0.1
PAUSE_MAX_SECONDS = 5.0
"""Of the worker between two tries of one entry: it doubles from the one to the other."""
SLACK = 0.8
"""Of a lease, that a busy machine may add to a pause; a lease that nobody renews is over soon after it."""
MARGIN = 0.0
"""A renewal is due with half of the lease left. On a machine that has too few cores for the rig it comes late; that
most of them come when the lease is over is a defect."""
MOMENT_SECONDS = 1.0
"""One turn of a loop that has too little of a core: what it had decided before the answer is carried out after it."""
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
    """It lived through the whole lease, was not stopped, and did something else in the lease's second half.

    While SQS fails, only the renewals that are due first are tried again and again: the others wait behind them.
    """
    since, until = lapse.since_ns, lapse.until_ns
    half = until - round(evidence.limits.visibility_seconds / 2 * SECOND)
    troubles = [one for one in evidence.faults if one.kind == "sqs"]
    if any(one.begin_ns < until and since < one.heal_ns for one in troubles) or paused(evidence, life, since, until):
        return False
    if life.ended_ns < until or half < since:
        return False
    return any(half + SECOND // 2 < ns < lapse.until_ns for ns in records)


def usurped(evidence: Evidence) -> Iterator[str]:
    """A change of visibility by one who no longer held the message when it asked: somebody had a newer receipt.

    SQS obeys the older handle, so whoever holds the message loses it, and a third one gets it. A receipt that was given
    without hiding the message is no lease, and nobody can know that; what follows it is not judged.
    """
    newer, unknowable = _given(evidence)
    for life in evidence.lives:
        for record in life.records():
            if record.kind == "vis" and record.subject not in unknowable:
                used = receipt_order(record.detail)
                taken = [ns for order, ns in newer.get(record.subject, ()) if order > used and ns < record.ns]
                if taken:
                    ago = (record.ns - taken[0]) / 1e6
                    yield f"{life.name}: visibility of {record.subject} by {record.detail}, taken {ago:.1f} ms before"


def _given(evidence: Evidence) -> tuple[dict[str, list[tuple[int, int]]], set[str]]:
    """Receipts of messages that had several, with when they were given; and messages handed out without hiding."""
    given: dict[str, list[tuple[int, int]]] = {}
    unhidden: set[str] = set()
    for change in evidence.changes():
        if change.op == "receive":
            if change.receives > 1:
                given.setdefault(change.message_id, []).append((receipt_order(change.receipt), change.ns))
            if change.result == "0":
                unhidden.add(change.message_id)
    return given, unhidden


def late_renewals(evidence: Evidence) -> Iterator[str]:
    """Most renewals come before the lease is over."""
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
    """A renewal, a release or another delete of what SQS had said is deleted, and not in that same moment."""
    for life in evidence.lives:
        done: dict[tuple[str, str], int] = {}
        for record in life.records():
            handle = (record.subject, record.detail)
            if record.kind == "done":
                done[handle] = record.ns + round(MOMENT_SECONDS * SECOND)
            elif record.kind == "recv":
                done.pop(handle, None)
            elif record.kind in {"vis", "del"} and record.ns > done.get(handle, record.ns):
                yield f"{life.name}: {record.kind} of {record.subject} by {record.detail}, which was deleted"


def batches(evidence: Evidence) -> Iterator[str]:
    """One call holds at most ten entries and no message twice."""
    for life in evidence.lives:
        for (kind, ns), rows in groupby(life.records(), key=lambda record: (record.kind, record.ns)):
            if kind in {"recv", "del", "vis"}:
                subjects = [row.subject for row in rows]
                twice = kind != "recv" and len(set(subjects)) < len(subjects)  # SQS may answer with one message twice
                if twice or len(subjects) > BATCH:
                    yield f"{life.name}: {kind} of {len(subjects)} entries, {len(set(subjects))} different, at {ns}"


class Unanswered(NamedTuple):
    """An entry that nothing was known of, and how long it was left at that."""

    record: Record
    again_ns: int
    """When it was to be asked again."""
    due_ns: int
    """As `again_ns`, with what a busy machine may add."""
    until_ns: int
    """When its message came again, or the process ended."""


def forgotten(evidence: Evidence) -> Iterator[str]:
    """What was not answered, or failed in a way that may pass, is asked again, and not left until it comes again."""
    lease = round(evidence.limits.visibility_seconds * SECOND)
    left = [(life, one) for life in evidence.lives for one in _unanswered(life, lease) if one.until_ns > one.due_ns]
    ends = _lease_ends(evidence, {(one.record.subject, one.record.detail) for _, one in left})
    for life, (record, again, _, until) in left:
        over = ends.get((record.subject, record.detail), 0) < again  # before the next try: then it is given up
        if not over and not paused(evidence, life, record.ns, until):
            waited = (until - record.ns) / SECOND
            yield f"{life.name}: {record.kind[2:]} of {record.subject} was not asked again in {waited:.1f} s"


def _lease_ends(evidence: Evidence, handles: set[tuple[str, str]]) -> dict[tuple[str, str], int]:
    """When the lease of each of *handles* was over at last."""
    ends: dict[tuple[str, str], int] = {}
    for change in evidence.changes():
        if change.op in {"receive", "visibility"} and (change.message_id, change.receipt) in handles:
            ends[change.message_id, change.receipt] = change.ns + int(change.result) * 1_000_000
    return ends


def _unanswered(life: Life, lease_ns: int) -> Iterator[Unanswered]:
    """Entries without an answer that no other try followed, until the message came again or the life ended."""
    waiting: dict[str, Record] = {}
    tries: dict[str, int] = {}
    done: set[str] = set()  # a renewal may be refused because the delete overtook it
    for record in life.records():
        match record.kind:
            case "undel" | "unvis" if record.subject not in done:
                waiting[record.subject] = record
                tries[record.subject] = tries.get(record.subject, 0) + 1
            case "del" | "vis" | "unback":  # which may be done, and then is not ours to ask for again
                waiting.pop(record.subject, None)
            case "void" | "done":
                waiting.pop(record.subject, None)
                tries.pop(record.subject, None)
                done.add(record.subject)
            case "recv":
                left, count = waiting.pop(record.subject, None), tries.pop(record.subject, 0)
                done.discard(record.subject)
                if left is not None and left.kind == "undel":  # giving back may have worked: then it is here again
                    yield _left_at(left, count, lease_ns, record.ns)
    for subject, record in waiting.items():
        yield _left_at(record, tries[subject], lease_ns, life.ended_ns)


def _left_at(record: Record, tries: int, lease_ns: int, until_ns: int) -> Unanswered:
    pause = min(PAUSE_MAX_SECONDS, PAUSE_BASE_SECONDS * 2.0 ** min(tries, 10))
    again_ns = record.ns + round(pause * SECOND)
    return Unanswered(record, again_ns, again_ns + round(SLACK * lease_ns), until_ns)
