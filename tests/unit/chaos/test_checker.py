"""The checker of chaos runs, checked: each of its checks is shown red once, by evidence with one thing wrong."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.system.chaos.check_pace import recoveries
from tests.system.chaos.checker import CHECKS, judge
from tests.system.chaos.evidence import Fault, Letter, Row
from tests.unit.chaos.made_up import (
    ACCOUNT,
    CHANGES,
    COUNTS,
    FAULT,
    LETTERS,
    MS,
    OUTAGE,
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

    from tests.system.chaos.books import Change, Record
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


def kept_after_the_end(seconds: float, *asked: str, by: str) -> Evidence:
    """A message that the life held when it ended, and that stays hidden; what the life *asked* of it."""
    message = change(4400, "receive", "m9", receipt="9/9", result=str(round(1000 * seconds)))
    own = [record(4401 + at, kind, "m9", "9/9") for at, kind in enumerate(("recv", *asked))]
    holder = told((*TOLD, *own), accounts={}) if by == "term" else life("w2.2", "kill", own, ended=4500)
    return good(changes=lambda: (*CHANGES, message), lives=[told(accounts={}), killed(), holder])


def lapsed(*asked: str) -> Evidence:
    """A lease of m3 that ran out while the worker did other things, unless it *asked* for something."""
    lease = [
        change(100, "send", "m3", count=0, receipt="7/0"),
        change(200, "receive", "m3", receipt="7/5", result="3000"),
        change(3200, "receive", "m3", count=2, receipt="7/6", result="3000"),
        change(3210, "delete", "m3", count=2, receipt="7/6"),
    ]
    mine = [record(201, "recv", "m3", "7/5"), *(record(1500, kind, "m3", "7/5") for kind in asked)]
    other = [record(3201, "recv", "m3", "7/6"), record(3202, "commit", "m3", "o-3")]
    holder = life("w4.4", "kill", [*mine, record(2900, "recv", "-")], ended=3300)
    taker = life("w5.5", "kill", other, ended=3300)
    return good(changes=lambda: sorted((*CHANGES, *lease)), lives=[told(), killed(), holder, taker])


def taken(*asked_ms: float, hidden_ms: float = 3000) -> Evidence:
    """A message that another has received at 3200 ms; the first holder asks for its visibility at *asked_ms*."""
    lease = [
        change(100, "send", "m3", count=0, receipt="7/0"),
        change(200, "receive", "m3", receipt="7/5", result=str(round(hidden_ms))),
        change(3200, "receive", "m3", count=2, receipt="7/6", result="3000"),
        change(3400, "delete", "m3", count=2, receipt="7/6"),
    ]
    mine = [record(201, "recv", "m3", "7/5"), *(record(ms, "vis", "m3", "7/5") for ms in asked_ms)]
    other = [record(3201, "recv", "m3", "7/6"), record(3202, "commit", "m3", "o-3")]
    holder, taker = life("w4.4", "kill", mine, ended=3500), life("w5.5", "kill", other, ended=3500)
    return good(changes=lambda: sorted((*CHANGES, *lease)), lives=[told(), killed(), holder, taker])


def stalled(*, taken: bool, waiting: bool) -> Evidence:
    """w4 sleeps from 1 to 4 s, with m3 in its hands: others may have it at 3.2 s, and m4 may be sent to it."""
    given = [change(100, "send", one, count=0, receipt=f"{n}/0") for n, one in ((7, "m3"), (8, "m4"))]
    given += [change(200, "receive", "m3", receipt="7/5", result="3000")]
    given += [change(1500, "receive", "m4", receipt="8/7", result="3000")]
    given += [change(3200, "receive", "m3", count=2, receipt="7/6", result="3000")]
    given += [change(5000, "delete", "m3", receipt="7/6"), change(5000, "delete", "m4", receipt="8/7")]
    sleeper = [record(201, "recv", "m3", "7/5"), record(202, "vis", "m3", "7/5")]
    sleeper += [record(4001, "recv", "m4", "8/7")] if waiting else []
    taker = [record(3201, "recv", "m3", "7/6")] if taken else []
    both = [record(4500, "commit", "m3", "o-3"), record(4500, "commit", "m4", "o-4")]
    lives = [life("w4.4", "kill", sleeper, ended=4600), life("w5.5", "kill", [*taker, *both], ended=4600)]
    stall = Fault("stall", "-", "4", 1000 * MS, 4000 * MS, 1, 4100 * MS)
    faults = [FAULT, OUTAGE, stall]
    limits = replace(good().limits, answers_wait=True)
    changes = sorted((*CHANGES, *given))
    return good(changes=lambda: changes, lives=[told(), killed(), *lives], faults=faults, limits=limits)


def renewed_late() -> Evidence:
    """Each of sixty leases is renewed when it is over."""
    more = [change(100, "receive", "x5", receipt="1/1", result="3000")]
    more += [change(100 + 3100 * n, "visibility", "x5", receipt="1/1", result="3000") for n in range(1, 61)]
    return good(changes=lambda: sorted((*CHANGES, *more)))


def beside(*records: object, ended: float = 60_000, **more: object) -> Evidence:
    """One more process, and what it did."""
    return good(lives=[told(), killed(), life("w2.2", "kill", records, ended=ended)], **more)  # type: ignore[arg-type] # records


def leased() -> list[Change]:
    """What the loopback has of a message that three processes may know of."""
    own = [change(49, "receive", "x9", receipt="9/9", result="3000")]
    return sorted((*CHANGES, *own))


def tried(kind: str, ms: float = 51) -> list[Record]:
    """Asked for once, and not answered."""
    return [record(50, "recv", "x9", "9/9"), record(ms, kind, "x9", "9/9"), record(ms + 1, f"un{kind}", "x9", "9/9")]


def deleted_in_vain(*, again_ms: float) -> list[Record]:
    """The message comes again, and is deleted then."""
    later = [record(again_ms + n, kind, "x9", "9/a") for n, kind in enumerate(("recv", "del", "done"))]
    return [*tried("del"), *later]


def sized(*mib: int, each_ms: float = 1000, **more: object) -> Evidence:
    """One more process, and its memory over time."""
    samples = [(round(number * each_ms * MS), size * 2**20, 20) for number, size in enumerate(mib)]
    process = life("w2.2", "kill", [], ended=9_000_000, samples=samples)
    return good(lives=[told(), killed(), process], **more)


def flowing(rates: list[int], *faults: Fault) -> Evidence:
    """So many messages sent, written and deleted in each second; a sink that takes none has them all wait."""
    sent = [at for second in range(len(rates)) for at in range(second * 1000, second * 1000 + 1000, 10)]
    took = [
        at
        for second, rate in enumerate(rates)
        if rate
        for at in range(second * 1000, second * 1000 + 1000, 1000 // rate)
    ]
    queue = [change(4_000_000 + at, "send", "m8", count=0, receipt="9/0") for at in sent]
    queue += [change(4_000_000 + at + 1, "delete", "m8", receipt="9/9") for at in took[: len(sent)]]
    rows = [record(4_000_000 + at, "commit", "m8", "o-8") for at in took]
    process = life("w2.2", "kill", rows, ended=9_000_000)
    after = [replace(f, begin_ns=f.begin_ns + 4_000_000 * MS, heal_ns=f.heal_ns + 4_000_000 * MS) for f in faults]
    changes = sorted((*CHANGES, *queue), key=lambda one: one.ns)
    return good(changes=lambda: changes, lives=[told(), killed(), process], faults=[FAULT, OUTAGE, *after])


AWAY = Fault("lock", "orders", "0", 10_000 * MS, 12_000 * MS, 1, 12_000 * MS)

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
    "two rows of one message id": (
        "C3 doubled",
        lambda: good(rows=rows("orders", Row("o-0", "a", "m0"), Row("o-0", "a", "m0"))),
    ),
    "more rows than sends": (
        "C3 doubled",
        lambda: good(rows=rows("orders", *(Row("o-0", "a", f"m{n}") for n in range(3)))),
    ),
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
    "a message taken from its holder": ("C6 taken from its holder", lambda: taken(1500, 3300)),
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
    "a lease ran out and nobody asked": ("C6 lease let lapse", lapsed),
    "renewals in the last moment": ("C6 late renewals", renewed_late),
    "a renewal of what is deleted": ("C6 used after its delete", lambda: also(record(4300, "vis", "m0", "1/2"))),
    "eleven in one call": (
        "C7 batches",
        lambda: beside(*(record(50, "recv", f"m{n}", f"{n:x}/{n:x}") for n in range(20, 31)), ended=51),
    ),
    "one message twice in a call": (
        "C7 batches",
        lambda: beside(*(record(ns, kind, "m9", "9/9") for ns, kind in ((50, "recv"), (51, "del"), (51, "del")))),
    ),
    "a failed delete that was left at that": (
        "C7 not asked again",
        lambda: beside(*tried("del"), changes=leased),
    ),
    "a failed delete that only its redelivery followed": (
        "C7 not asked again",
        lambda: beside(*deleted_in_vain(again_ms=2950.0), changes=leased),
    ),
    "a failed renewal that was left at that": (
        "C7 not asked again",
        lambda: beside(*tried("vis"), changes=leased),
    ),
    "memory that does not come back": (
        "C9 back to the baseline",
        lambda: sized(*[200] * 200),
    ),
    "memory that grows while a sink is away": (
        "C9 flat without a sink",
        lambda: sized(
            *[100] * 60, *[130] * 5, faults=[FAULT, OUTAGE, replace(AWAY, begin_ns=55_500 * MS, heal_ns=62_000 * MS)]
        ),
    ),
    "memory that grows all the time": ("C9 slope", lambda: sized(*(60 + n // 6 for n in range(300)))),
    "half of the rate for a minute after a lock": (
        "C10 recovery",
        lambda: flowing([100] * 10 + [1] * 2 + [50] * 60, AWAY),
    ),
    "nothing for 40 seconds": (
        "C10 silence",
        lambda: flowing([100] * 5 + [0] * 40 + [100] * 5),
    ),
    "a secret in a log": ("C13 secrets", lambda: also(texts=lambda: ["all is well", "password=canary"])),
    "a secret in a dead letter": (
        "C13 secrets",
        lambda: good(letters=[replace(LETTERS[0], told="canary"), LETTERS[1]]),
    ),
    "ten receives a second that all fail": (
        "C14 asked in vain",
        lambda: good(faults=[FAULT, replace(OUTAGE, pace={"ReceiveMessage": 10.0})]),
    ),
    "eleven seconds to stop with nothing in hand": ("C11 exits", lambda: also(ended=15_000.0)),
    "too much memory": ("C9 memory and files", lambda: also(samples=[(0, 300 * 2**20, 20)])),
    "more and more open files": (
        "C9 back to the baseline",
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


def test_a_lease_that_was_asked_for_and_refused_is_no_lapse() -> None:
    """SQS may refuse a renewal; the worker has done what it could."""
    assert red(lapsed("vis")) == set()


def test_what_was_asked_for_before_another_had_it_took_it_from_nobody() -> None:
    """The request was under way, or the lease was none: SQS had handed the message out without hiding it."""
    assert red(taken(1500, 3199)) == set()
    assert red(taken(1500, 3300, hidden_ms=0)) == set()


def test_a_message_sent_twice_may_be_two_rows_where_its_id_is_the_key() -> None:
    """The producer had no answer to its first send, so SQS has two messages with one body."""
    assert red(good(rows=rows("orders", Row("o-0", "a", "m0"), Row("o-0", "a", "m7")))) == set()


def test_a_stall_in_which_others_took_over_and_answers_waited_is_complete() -> None:
    """Then it was survived."""
    verdict = judge(stalled(taken=True, waiting=True))
    assert (verdict.word, verdict.missing) == ("green", ())


def test_a_message_that_comes_again_before_the_next_try_is_not_forgotten() -> None:
    """There was no time to ask again, and the newer handle is used."""
    assert red(beside(*deleted_in_vain(again_ms=300.0), changes=leased)) == set()


def test_an_entry_whose_lease_is_over_may_be_given_up() -> None:
    """SQS refused for longer than the lease lived: the message will come again."""
    assert red(beside(*tried("del", ms=4000), changes=leased)) == set()


def test_an_entry_whose_lease_ends_before_the_next_try_may_be_given_up() -> None:
    """Pauses grow to five seconds, and leases may be shorter: what nobody holds any more is not asked for."""
    failed = [one for ms in range(1000, 2800, 100) for one in tried("del", ms=ms)[1:]]
    assert red(beside(record(50, "recv", "x9", "9/9"), *failed, changes=leased)) == set()


def test_a_parent_may_end_three_seconds_after_its_processes() -> None:
    """It has nothing to write, and waits for those who have."""
    process = life("w2.2-0.77", "term", [], ended=12_900)
    for ended, found in ((15_900, set()), (16_100, {"C11 exits"})):
        parent = life("w2.2", "term", [], ended=ended)
        assert red(good(lives=[told(), killed(), parent, process])) == found


def test_a_rate_that_is_back_at_once_is_no_violation() -> None:
    """The lock of two seconds is made up for in the seconds after it."""
    evidence = flowing([100] * 10 + [1] * 2 + [200] * 2 + [100] * 30, AWAY)
    assert red(evidence) == set()
    assert [(one.rate_before, one.seconds, one.calm_seconds) for one in recoveries(evidence)] == [(100.0, 0.0, 0.0)]


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


def test_what_was_given_back_without_an_answer_may_stay_hidden_for_one_lease() -> None:
    """It is not asked for again, since it may be another worker's; what was asked again and answered may not."""
    assert red(kept_after_the_end(3, "vis", "unback", by="term")) == set()
    assert red(kept_after_the_end(3, "vis", "unback", "vis", by="term")) == {"C11 hidden after the end"}


def test_two_letters_on_a_standard_queue_are_explained_by_two_receipts() -> None:
    """The letter was accepted, its answer was lost, and the message came again."""
    again = change(3035, "receive", "m1", count=2, receipt="2/9", result="3000")
    twice = [*LETTERS, replace(LETTERS[0], message_id="x1")]
    assert red(good(letters=twice, changes=lambda: sorted((*CHANGES, again)))) == set()


INCOMPLETE: dict[str, Callable[[], Evidence]] = {
    "a fault that never fired": lambda: good(faults=[replace(FAULT, fired=0), OUTAGE]),
    "nobody took what a sleeper held": lambda: stalled(taken=False, waiting=True),
    "no answer waited for a sleeper": lambda: stalled(taken=True, waiting=False),
    "nobody recovered": lambda: good(faults=[replace(FAULT, recovered_ns=0), OUTAGE]),
    "SQS never refused everything": lambda: good(faults=[FAULT]),
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
