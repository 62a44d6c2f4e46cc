"""A small made-up run in which nothing is wrong, for tests that make one thing wrong.

Two messages on a standard queue (the second is poison), three in one FIFO group (the second is poison); one worker was
killed, one was told to end. Times are milliseconds.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from tests.system.chaos.books import Attempt, Change, Produced, Record
from tests.system.chaos.evidence import Evidence, Fault, Letter, Life, Limits, Row

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.system.chaos.evidence import Ending

MS = 1_000_000
SHAS = {"o-0": "a", "o-1": "b", "f-0": "c", "f-1": "d", "f-2": "e"}
ACCOUNT = {"received": 3, "deleted": 2, "retried": 0, "rejected": 1, "released": 0, "expired": 0, "in_flight": 0}
COUNTS = {"sent": 3, "moved_in": 0, "deleted": 3, "moved_out": 0, "expired": 0, "purged": 0} | {
    "visible": 0,
    "not_visible": 0,
    "delayed": 0,
}


def change(
    ms: float, op: str, message: str, *, count: int = 1, receipt: str = "-", result: str = "-", by: str = ""
) -> Change:
    """One line of the loopback; the first letter of the message names its queue."""
    queue = {"m": "orders", "n": "ledger.fifo", "x": "orders-dead", "y": "ledger-dead.fifo"}[message[0]]
    asked = by or (receipt if op in {"visibility", "delete"} else "-")
    return Change(round(ms * MS), op, queue, message, count, receipt, result, asked)


def record(ms: float, kind: str, subject: str, detail: str = "-") -> Record:
    """One line of a worker."""
    return Record(round(ms * MS), kind, "orders" if subject.startswith("m") else "ledger", subject, detail)


CHANGES = (
    change(1, "send", "m0", count=0, receipt="1/0"),
    change(2, "send", "m1", count=0, receipt="2/0"),
    change(3, "send", "n0", count=0, receipt="1/0"),
    change(4, "send", "n1", count=0, receipt="2/0"),
    change(5, "send", "n2", count=0, receipt="3/0"),
    change(10, "receive", "m0", receipt="1/1", result="3000"),
    change(3020, "receive", "m0", count=2, receipt="1/2", result="3000"),
    change(3021, "receive", "m1", receipt="2/3", result="3000"),
    change(3030, "delete", "m0", count=2, receipt="1/2"),
    change(3040, "send", "x0", count=0, receipt="1/0"),
    change(3050, "delete", "m1", receipt="2/3"),
    change(3060, "receive", "n0", receipt="1/1", result="3000"),
    change(3060, "receive", "n1", receipt="2/2", result="3000"),
    change(3060, "receive", "n2", receipt="3/3", result="3000"),
    change(3070, "delete", "n0", receipt="1/1"),
    change(3080, "send", "y0", count=0, receipt="1/0"),
    change(3090, "delete", "n1", receipt="2/2"),
    change(3110, "delete", "n2", receipt="3/3"),
)
KILLED = (record(11, "recv", "m0", "1/1"),)
TOLD = (
    record(3020.1, "recv", "m0", "1/2"),
    record(3021.1, "recv", "m1", "2/3"),
    record(3025, "commit", "m0", "o-0"),
    record(3026, "del", "m0", "1/2"),
    record(3031, "done", "m0", "1/2"),
    record(3041, "letter", "m1"),
    record(3042, "del", "m1", "2/3"),
    record(3061, "recv", "n0", "1/1"),
    record(3061, "recv", "n1", "2/2"),
    record(3061, "recv", "n2", "3/3"),
    record(3065, "commit", "n0", "f-0"),
    record(3066, "del", "n0", "1/1"),
    record(3081, "letter", "n1"),
    record(3082, "del", "n1", "2/2"),
    record(3100, "commit", "n2", "f-2"),
    record(3105, "del", "n2", "3/3"),
)
LETTERS = (
    Letter("orders-dead", "o-1", "b", "x0", "m1", "not JSON"),
    Letter("ledger-dead.fifo", "f-1", "d", "y0", "n1"),
)
ROWS = {"orders": [Row("o-0", "a")], "ledger": [Row("f-0", "c"), Row("f-2", "e")]}
FAULT = Fault("kill", "-", "1", 15 * MS, 400 * MS, 1, 3020 * MS)
OUTAGE = Fault("sqs", "outage", "0", 16 * MS, 18 * MS, 9, 3020 * MS, {"ReceiveMessage": 0.3})


def attempts() -> dict[str, Attempt]:
    """What the producers meant to send."""
    return {
        "o-0": Attempt("orders", "-", 0, "a", poison=False),
        "o-1": Attempt("orders", "-", 1, "b", poison=True),
        "f-0": Attempt("ledger.fifo", "g0", 0, "c", poison=False),
        "f-1": Attempt("ledger.fifo", "g0", 1, "d", poison=True),
        "f-2": Attempt("ledger.fifo", "g0", 2, "e", poison=False),
    }


def life(name: str, ending: Ending, records: Sequence[Record], *, ended: float, **more: object) -> Life:
    """One process."""
    told = {"signalled_ns": 4000 * MS} if ending == "term" else {}
    fields = {"exit_code": 0 if ending == "term" else -9, **told, **more}
    return Life(name, ending, round(ended * MS), records=lambda: records, **fields)  # type: ignore[arg-type] # by name


def killed() -> Life:
    """Killed 10 ms after its first receive."""
    return life("w1.1", "kill", KILLED, ended=20)


def told(records: Sequence[Record] = TOLD, **more: object) -> Life:
    """Ended in order within half a second."""
    account = ACCOUNT | {"received": 2, "deleted": 1}
    both = {"orders": account, "ledger": ACCOUNT}
    samples = [(number * 1000 * MS, 50 * 2**20, 20) for number in range(20)]
    fields: dict[str, object] = {"ended": 4500.0, "accounts": both, "scrapes": [ACCOUNT], "samples": samples}
    fields |= {"texts": lambda: ["worker_started"], **more}
    return life("w0.0", "term", records, **fields)  # type: ignore[arg-type] # by name


def good(**changed: object) -> Evidence:
    """The run in which nothing is wrong, but for what is *changed*."""
    fields: dict[str, object] = {
        "produced": Produced(
            attempts(), dict(zip(SHAS, ("m0", "m1", "n0", "n1", "n2"), strict=True)), Counter([*SHAS, "o-0"])
        ),
        "rows": ROWS,
        "letters": LETTERS,
        "remainder": [],
        "changes": lambda: CHANGES,
        "lives": [told(), killed()],
        "queues": {"orders": COUNTS},
        "faults": [FAULT, OUTAGE],
        "limits": Limits(visibility_seconds=3, drain_seconds=15, rss_bytes=256 * 2**20, fd_slack=16, fds=160),
        "dead_letter_queues": frozenset({"orders-dead", "ledger-dead.fifo"}),
        "fifo": frozenset({"ledger"}),
        "sources": {"orders": "orders", "ledger": "ledger.fifo"},
        "canaries": {"a password": "canary"},
    }
    return Evidence(**(fields | changed))  # type: ignore[arg-type] # by name
