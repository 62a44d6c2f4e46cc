"""The checker of chaos runs, checked: each of its checks is shown red once, by evidence with one thing wrong."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.system.chaos.checker import CHECKS, judge
from tests.system.chaos.evidence import Letter, Row
from tests.unit.chaos.made_up import (
    ACCOUNT,
    CHANGES,
    COUNTS,
    FAULT,
    LETTERS,
    MS,
    ROWS,
    TOLD,
    attempts,
    change,
    good,
    killed,
    life,
    record,
    told,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.system.chaos.evidence import Evidence


def rows(place: str, *made: Row) -> dict[str, list[Row]]:
    return {**ROWS, place: list(made)}


def without_commit_of(message: str) -> Evidence:
    kept = [one for one in TOLD if (one.kind, one.subject) != ("commit", message)]
    return good(lives=[told(kept), killed()])


def with_late_commit() -> Evidence:
    late = [one if one.kind != "commit" or one.subject != "m0" else one._replace(ns=3031 * MS) for one in TOLD]
    return good(lives=[told(late), killed()])


def written_before_the_letter() -> Evidence:
    early = [one if one.subject != "n2" or one.kind != "commit" else one._replace(ns=3067 * MS) for one in TOLD]
    return good(lives=[told(early), killed()])


def also(*more: object, **by_name: object) -> Evidence:
    return good(lives=[told((*TOLD, *more), **by_name), killed()])  # type: ignore[arg-type] # records


def kept_after_the_end(seconds: float, *, by: str) -> Evidence:
    """A message that the life held when it ended, and that stays hidden."""
    message = change(4400, "receive", "m9", receipt="9/9", result=str(round(1000 * seconds)))
    own = record(4401, "recv", "m9", "9/9")
    holder = told((*TOLD, own), accounts={}) if by == "term" else life("w2.2", "kill", [own], ended=4500)
    return good(changes=lambda: (*CHANGES, message), lives=[told(accounts={}), killed(), holder])


SICK: dict[str, tuple[str, Callable[[], Evidence]]] = {
    "an acknowledged message is nowhere": ("C1 lost", lambda: good(rows=rows("orders"))),
    "a message is still in the queue": ("C1 left in the queue", lambda: good(remainder=["o-0"])),
    "a row nobody sent": ("C2 unexpected", lambda: good(rows=rows("orders", Row("o-0", "a"), Row("o-7", "a")))),
    "a row with another body": ("C2 unexpected", lambda: good(rows=rows("orders", Row("o-0", "z")))),
    "a letter with another body": (
        "C2 unexpected",
        lambda: good(letters=[replace(LETTERS[0], sha="z"), LETTERS[1]]),
    ),
    "poison as a row": (
        "C2 unexpected",
        lambda: good(rows=rows("orders", Row("o-0", "a"), Row("o-1", "b")), letters=LETTERS[1:]),
    ),
    "two rows of one message": ("C3 doubled", lambda: good(rows=rows("orders", Row("o-0", "a"), Row("o-0", "a")))),
    "a row and a letter": (
        "C3 row and dead letter, C8 dead letters",
        lambda: good(letters=[*LETTERS, Letter("orders-dead", "o-0", "a", "x1", "m0")]),
    ),
    "deleted and never written": ("C4 deleted before accepted", lambda: without_commit_of("m0")),
    "deleted a millisecond too early": ("C4 deleted before accepted", with_late_commit),
    "two rows of a group in the wrong order": (
        "C5 order",
        lambda: good(rows=rows("ledger", Row("f-2", "e"), Row("f-0", "c"))),
    ),
    "written before the one in front was dead": ("C5 order", written_before_the_letter),
    "a delete by an older handle": (
        "C6 stale handle",
        lambda: also(record(3200, "recv", "m0", "1/4"), record(3201, "del", "m0", "1/2"), accounts={}),
    ),
    "a renewal of what it never received": ("C6 stale handle", lambda: also(record(3200, "vis", "m5", "5/1"))),
    "a good message among the dead": (
        "C8 dead letters",
        lambda: good(rows=rows("orders"), letters=[*LETTERS, Letter("orders-dead", "o-0", "a", "x1", "m0")]),
    ),
    "two letters after one receipt": (
        "C8 dead letters",
        lambda: good(letters=[*LETTERS, replace(LETTERS[0], message_id="x1")]),
    ),
    "two letters on a FIFO queue": (
        "C8 dead letters",
        lambda: good(letters=[*LETTERS, replace(LETTERS[1], message_id="y1")]),
    ),
    "too much memory": ("C9 memory and files", lambda: also(samples=[(0, 300 * 2**20, 20)])),
    "more and more open files": (
        "C9 memory and files",
        lambda: also(samples=[(n * MS, 2**20, 20 + n // 5) for n in range(200)]),
    ),
    "too many open files": ("C9 memory and files", lambda: also(samples=[(0, 2**20, 161)])),
    "SIGTERM and exit code 1": ("C11 exits", lambda: also(exit_code=1)),
    "an hour to stop": ("C11 exits", lambda: also(ended=3_600_000.0)),
    "something in flight at the end": (
        "C11 exits",
        lambda: also(accounts={"orders": ACCOUNT | {"received": 2, "deleted": 0, "in_flight": 1}}),
    ),
    "an end nobody asked for": ("C11 exits", lambda: good(lives=[told(), life("w3.3", "own", [], ended=9)])),
    "hidden after SIGTERM": ("C11 hidden after the end", lambda: kept_after_the_end(3, by="term")),
    "hidden after a kill for more than a lease": ("C11 hidden after the end", lambda: kept_after_the_end(9, by="kill")),
    "a scrape that does not add up": ("C12 accounts", lambda: also(scrapes=[ACCOUNT | {"received": 4}])),
    "more received than it says": (
        "C12 accounts",
        lambda: also(record(3200, "recv", "m7", "7/7")),
    ),
    "a queue that does not add up": ("C12 accounts", lambda: good(queues={"orders": COUNTS | {"deleted": 2}})),
}


def red(evidence: Evidence) -> set[str]:
    return {finding.check for finding in judge(evidence).findings if finding.count}


def test_a_run_in_which_nothing_is_wrong_is_green() -> None:
    """Without this the others prove nothing: they differ from it by one thing."""
    verdict = judge(good())
    assert red(good()) == set()
    assert (verdict.word, verdict.missing) == ("green", ())


@pytest.mark.parametrize(("checks", "evidence"), SICK.values(), ids=SICK)
def test_one_thing_wrong_turns_its_check_red_and_no_other(checks: str, evidence: Callable[[], Evidence]) -> None:
    """The check that is meant to see it sees it, and the verdict is red."""
    assert red(evidence()) == set(checks.split(", "))
    assert judge(evidence()).word == "red"


def test_every_check_was_shown_red() -> None:
    """A check that was never seen to fail may not be able to."""
    assert {check for checks, _ in SICK.values() for check in checks.split(", ")} == set(CHECKS)


def test_what_a_killed_process_held_may_stay_hidden_for_one_lease() -> None:
    """Nobody can give it back; only beyond the lease and five seconds it is a violation."""
    assert red(kept_after_the_end(7, by="kill")) == set()


def test_two_letters_on_a_standard_queue_are_explained_by_two_receipts() -> None:
    """The letter was accepted, its answer was lost, and the message came again."""
    again = change(3035, "receive", "m1", count=2, receipt="2/9", result="3000")
    twice = [*LETTERS, replace(LETTERS[0], message_id="x1")]
    assert red(good(letters=twice, changes=lambda: sorted((*CHANGES, again)))) == set()


INCOMPLETE: dict[str, Callable[[], Evidence]] = {
    "a fault that never fired": lambda: good(faults=[replace(FAULT, fired=0)]),
    "nobody recovered": lambda: good(faults=[replace(FAULT, recovered_ns=0)]),
    "no account was read": lambda: also(scrapes=[]),
    "nothing was redelivered": lambda: good(changes=lambda: [one._replace(receives=1) for one in CHANGES]),
    "no dead letters": lambda: good(
        letters=[],
        produced=good().produced._replace(acks={"o-0": "m0"}, attempts=attempts()),
    ),
}


@pytest.mark.parametrize("evidence", INCOMPLETE.values(), ids=INCOMPLETE)
def test_a_run_that_proves_less_than_planned_is_invalid_and_not_green(evidence: Callable[[], Evidence]) -> None:
    """A fault that did not happen was not survived."""
    verdict = judge(evidence())
    assert red(evidence()) == set()
    assert verdict.word == "invalid"
    assert len(verdict.missing) == 1
