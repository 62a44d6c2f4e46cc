"""The checker: evidence in, verdict out. Pure; knows nothing of processes, files or time.

`green`: every check is empty. `red`: a check found something. `invalid`: nothing was found, but something planned did
not happen or was not seen to be survived, so the run proves less than it says.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from tests.system.chaos import check_leases, check_memory, check_messages, check_pace, check_secrets, check_workers
from tests.system.chaos.check_pace import RECEIVE
from tests.system.chaos.evidence import finding

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.system.chaos.evidence import Evidence, Finding

CHECKS: dict[str, Callable[[Evidence], Iterator[str]]] = {
    "C1 lost": check_messages.lost,
    "C1 left in the queue": check_messages.left,
    "C2 unexpected": check_messages.unexpected,
    "C3 doubled": check_messages.doubled,
    "C3 row and dead letter": check_messages.both,
    "C4 deleted before accepted": check_messages.premature,
    "C5 order": check_messages.disordered,
    "C6 stale handle": check_workers.stale_handles,
    "C6 taken from its holder": check_leases.usurped,
    "C6 lease let lapse": check_leases.let_lapse,
    "C6 late renewals": check_leases.late_renewals,
    "C6 used after its delete": check_leases.ghosts,
    "C7 batches": check_leases.batches,
    "C7 not asked again": check_leases.forgotten,
    "C8 dead letters": check_messages.wrongly_dead,
    "C9 memory and files": check_memory.budget,
    "C9 back to the baseline": check_memory.baseline,
    "C9 flat without a sink": check_memory.flat,
    "C9 slope": check_memory.slopes,
    "C10 recovery": check_pace.slow_recovery,
    "C10 silence": check_pace.silence,
    "C11 exits": check_workers.exits,
    "C11 hidden after the end": check_workers.hidden_after_the_end,
    "C12 accounts": check_workers.accounts,
    "C13 secrets": check_secrets.leaks,
    "C14 asked in vain": check_pace.hammering,
}
EXIT = {"green": 0, "red": 1, "invalid": 2}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a run proves."""

    word: Literal["green", "red", "invalid"]
    findings: tuple[Finding, ...]
    """One for each check, empty ones included."""
    missing: tuple[str, ...]
    """What was planned and not seen."""


def judge(evidence: Evidence) -> Verdict:
    """Run every check."""
    findings = tuple(finding(name, check(evidence)) for name, check in CHECKS.items())
    missing = tuple(unseen(evidence))
    if any(one.count for one in findings):
        return Verdict("red", findings, missing)
    return Verdict("invalid" if missing else "green", findings, missing)


def unseen(evidence: Evidence) -> Iterator[str]:
    """Planned faults without effect or recovery, and checks that had nothing to look at."""
    yield from _unseen_faults(evidence)
    for place, rows in evidence.rows.items():
        if not rows:
            yield f"{place}: no rows"
    if not evidence.letters:
        yield "no dead letters"
    if not any(life.scrapes for life in evidence.lives):
        yield "no accounts were read"
    if not any(change.op == "receive" and change.receives > 1 for change in evidence.changes()):
        yield "no redelivery"
    if not any(RECEIVE in fault.pace for fault in evidence.faults):
        yield "never refused everything"
    yield from check_workers.stalls_without_effect(evidence)
    if not any(True for _ in check_secrets.said(evidence)):
        yield "nothing was said"


def _unseen_faults(evidence: Evidence) -> Iterator[str]:
    for fault in evidence.faults:
        name = f"{fault.kind} {fault.detail} {fault.target}"
        if not fault.fired:
            yield f"{name}: never fired"
        elif not fault.recovered_ns:
            yield f"{name}: nobody was seen to recover"
