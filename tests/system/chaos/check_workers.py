"""Checks of the workers: handles, leases after their end, accounts, exit codes.

Each takes the evidence and gives one sentence for each violation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tests.system.chaos.books import receipt_order

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.system.chaos.books import Change
    from tests.system.chaos.evidence import Evidence, Fault, Life, Limits

OUTCOMES = ("deleted", "retried", "rejected", "released", "expired", "in_flight")
SECOND = 1_000_000_000
END_SECONDS = 3.0
"""What starting to stop and leaving may add to the drain deadline or, as is aimed at, to the longest write."""
CLEARLY = 3
"""Times that, before it is called a violation: several workers end at once, on cores that the whole rig shares."""


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


def stalls_without_effect(evidence: Evidence) -> Iterator[str]:
    """Stalls, and of none was seen what they are for: others took what the sleeper held, and it woke up with answers in
    its sockets whose leases were over.
    """
    stalls = [fault for fault in evidence.faults if fault.kind == "stall" and fault.fired]
    if not stalls:
        return
    if not any(_taken(evidence, fault) for fault in stalls):
        yield "stall: nobody took what a sleeper held"
    if evidence.limits.answers_wait and not any(_woken_with(evidence, fault) for fault in stalls):
        yield "stall: no answer waited for a sleeper"


def _sleepers(evidence: Evidence, fault: Fault) -> list[Life]:
    return [life for life in evidence.lives if life.name.partition(".")[0] == f"w{fault.target}"]


def _taken(evidence: Evidence, fault: Fault) -> bool:
    """Whether another process received, while it slept, what the sleeper had received before."""
    sleepers = _sleepers(evidence, fault)
    held = {r.subject for life in sleepers for r in life.records() if r.kind == "recv" and r.ns < fault.begin_ns}
    others = (life for life in evidence.lives if life not in sleepers)
    return any(
        r.kind == "recv" and fault.begin_ns < r.ns < fault.heal_ns and r.subject in held
        for life in others
        for r in life.records()
    )


def _woken_with(evidence: Evidence, fault: Fault) -> bool:
    """Whether it had, after it woke, a receipt that was given while it slept."""
    given = {
        (change.message_id, change.receipt)
        for change in evidence.changes()
        if change.op == "receive" and fault.begin_ns < change.ns < fault.heal_ns
    }
    return any(
        r.kind == "recv" and r.ns > fault.heal_ns and (r.subject, r.detail) in given
        for life in _sleepers(evidence, fault)
        for r in life.records()
    )


class Hidden(NamedTuple):
    """A message that was handed out and is neither gone nor back."""

    receipt: str
    until_ns: int


class Return(NamedTuple):
    """A message that a process still held when it ended."""

    life: Life
    message_id: str
    seconds: float
    """How long after the end of the process it is hidden."""
    unanswered: bool
    """The process gave it back, and SQS did not say that it did."""


def hidden_after_the_end(evidence: Evidence) -> Iterator[str]:
    """What a process held when it ended must be visible again: at once after SIGTERM, with its lease after a crash.

    With its lease too where SQS did not answer the giving back: it may be another worker's, and is not asked for again.
    """
    for one in returns(evidence):
        allowed = _grace(one.life, evidence.limits) + (evidence.limits.visibility_seconds if one.unanswered else 0)
        if one.seconds > allowed:
            name, ending = one.life.name, one.life.ending
            yield f"{name} ({ending}): {one.message_id} hidden {one.seconds - allowed:.1f} s too long"


def returns(evidence: Evidence) -> Iterator[Return]:
    """What each process held by its newest receipt when nothing of it may be hidden any more."""
    looks = sorted((look_ns(life, evidence.limits), number) for number, life in enumerate(evidence.lives))
    hidden: dict[str, Hidden] = {}
    at = 0
    for change in evidence.changes():
        while at < len(looks) and looks[at][0] < change.ns:
            yield from _returned(evidence.lives[looks[at][1]], hidden)
            at += 1
        _follow(hidden, change)
    for _, number in looks[at:]:
        yield from _returned(evidence.lives[number], hidden)


def look_ns(life: Life, limits: Limits) -> int:
    """When nothing of *life* may be hidden any more."""
    return life.ended_ns + round(_grace(life, limits) * SECOND)


def _grace(life: Life, limits: Limits) -> float:
    if life.ending in {"kill", "crash"}:
        return limits.visibility_seconds + limits.kill_seconds
    return limits.term_seconds


def _follow(hidden: dict[str, Hidden], change: Change) -> None:
    if change.op in {"receive", "visibility"}:
        hidden[change.message_id] = Hidden(change.receipt, change.ns + int(change.result) * 1_000_000)
    elif change.op in {"delete", "move", "expire"}:
        hidden.pop(change.message_id, None)


def _returned(life: Life, hidden: Mapping[str, Hidden]) -> Iterator[Return]:
    held: dict[str, str] = {}
    unanswered: set[tuple[str, str]] = set()
    for record in life.records():
        if record.kind == "recv" and record.subject != "-":
            held[record.subject] = record.detail
        elif record.kind == "vis":
            unanswered.discard((record.subject, record.detail))
        elif record.kind == "unback":
            unanswered.add((record.subject, record.detail))
    for message_id, receipt in held.items():
        state = hidden.get(message_id)
        if state is not None and state.receipt == receipt:
            seconds = max(0.0, (state.until_ns - life.ended_ns) / SECOND)
            yield Return(life, message_id, seconds, (message_id, receipt) in unanswered)


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
        took, allowed = stop_seconds(life), allowed_seconds(evidence, life)
        if life.exit_code != 0:
            yield f"{life.name}: exit code {life.exit_code} after SIGTERM"
        if took > allowed:
            yield f"{life.name}: took {took:.1f} s to stop, {allowed:.1f} s were allowed"
        for place, account in life.accounts.items():
            if account["in_flight"]:
                yield f"{life.name} {place}: left with {account['in_flight']} in flight"


def stop_seconds(life: Life) -> float:
    """From SIGTERM to the end."""
    return (life.ended_ns - life.signalled_ns) / SECOND


def allowed_seconds(evidence: Evidence, life: Life) -> float:
    """The longest write of its last minute and three times three seconds; in trouble the deadline and three.

    A parent ends after its processes, and has three seconds more than the last of them.
    """
    processes = [one for one in evidence.lives if one.name.startswith(f"{life.name}-") and one.ending == "term"]
    if processes:
        return END_SECONDS + max(allowed_seconds(evidence, one) for one in processes)
    if any(_disturbs(fault, life) for fault in evidence.faults):
        return evidence.limits.drain_seconds + END_SECONDS
    return min(evidence.limits.drain_seconds + END_SECONDS, longest_write(life) + CLEARLY * END_SECONDS)


def _disturbs(fault: Fault, life: Life) -> bool:
    """SQS or a sink was in trouble while it stopped; what it was refused shortly before is still tried again."""
    around = fault.kind in {"sqs", "lock", "database"}
    return around and fault.begin_ns < life.ended_ns and life.signalled_ns < fault.heal_ns + round(END_SECONDS * SECOND)


def longest_write(life: Life) -> float:
    """Seconds of the longest write that ended in the last minute before the end, or did not."""
    begun: dict[tuple[str, str], int] = {}
    longest = 0
    for record in life.records():
        if record.kind == "write":
            begun[record.place, record.subject] = record.ns
        elif record.kind == "wrote":
            since = begun.pop((record.place, record.subject), record.ns)
            if record.ns > life.ended_ns - 60 * SECOND:
                longest = max(longest, record.ns - since)
    return max([longest, *(life.ended_ns - since for since in begun.values())]) / SECOND
