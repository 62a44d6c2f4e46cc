"""The books of a chaos run: what is written is read again, whatever a killed process left half written."""

from __future__ import annotations

import asyncio
import random
from itertools import islice
from typing import TYPE_CHECKING

from tests.model.simloop import simulated
from tests.system.chaos.books import Book, Change, business_id, changes, fingerprint, produced, records
from tests.system.chaos.producer import item, tens
from tests.system.chaos.watch import accounts
from worker.loopback.journal import JournalFile, short_handle
from worker.loopback.long_poll import ReceiveRequest
from worker.loopback.messages import StateChange
from worker.loopback.service import LoopbackSqs
from worker.message import Outgoing

if TYPE_CHECKING:
    from pathlib import Path

    from worker.loopback.messages import Stored


def test_a_record_survives_and_a_half_line_is_passed_over(tmp_path: Path) -> None:
    """A process that is killed in the middle of a write leaves at most half a line."""
    book = Book(tmp_path / "book")
    book.write("commit", [("orders", "m-1", "o-1"), ("orders", "m-2", "o-2")])
    book.write("crash", [("-", "deleted")])
    book.close()
    with (tmp_path / "book").open("a") as file:
        file.write("commit 123 orders m-")
    read = list(records(tmp_path / "book"))
    assert [one[1:] for one in read] == [
        ("commit", "orders", "m-1", "o-1"),
        ("commit", "orders", "m-2", "o-2"),
        ("crash", "-", "deleted", "-"),
    ]


def test_a_message_sent_twice_is_one_attempt_and_two_sends(tmp_path: Path) -> None:
    """A lost answer is no second message: the business id stays."""
    book = Book(tmp_path / "book")
    for _ in range(2):
        book.write("attempt", [("orders", "o-1", "-", 1, "aa", 0)])
    book.write("ack", [("orders", "o-1", "m-9")])
    book.close()
    read = produced([tmp_path / "book", tmp_path / "no such book"])
    assert (list(read.attempts), read.acks, read.sends) == (["o-1"], {"o-1": "m-9"}, 2)


async def test_the_loopback_books_every_change_with_the_receipt_that_its_handle_ends_in(tmp_path: Path) -> None:
    """What a worker used can be found again in what the loopback gave out; everything is out when it is closed."""
    ledger = JournalFile(tmp_path / "ledger", monotonic_ns=lambda: 5)
    sqs = LoopbackSqs(rng=random.Random(1), clock=lambda: 100.0, observe=ledger.observe)
    sqs.create_queue("orders")
    sent = sqs.send_message("orders", Outgoing("{}"))
    got: list[Stored] = []
    sqs.receive_message("orders", ReceiveRequest(10, 0, 7, None), got.extend)
    handle = got[0].handle
    sqs.change_message_visibility("orders", handle, 9)
    sqs.delete_message("orders", handle)
    ledger.close()
    receipt = short_handle(handle)
    assert list(changes(tmp_path / "ledger")) == [
        Change(5, "send", "orders", sent.id, 0, "1/0", "-", "-"),
        Change(5, "receive", "orders", sent.id, 1, receipt, "7000", "-"),
        Change(5, "visibility", "orders", sent.id, 1, receipt, "9000", receipt),
        Change(5, "delete", "orders", sent.id, 1, receipt, "-", receipt),
    ]


@simulated
async def test_the_loopback_writes_its_book_within_a_moment(tmp_path: Path) -> None:
    """A rig that reads along sees what happened a tenth of a second ago."""
    path = tmp_path / "ledger"
    ledger = JournalFile(path)
    ledger.observe(StateChange("move", "orders", "m-1", 0.0, destination="dead", new_id="m-2"))
    assert path.read_text() == ""
    await asyncio.sleep(0.1)
    assert path.read_text().endswith(" move orders m-1 0 - dead:m-2 -\n")
    ledger.close()


def test_the_same_seed_makes_the_same_messages_and_some_of_them_poison() -> None:
    """Bodies can be compared by fingerprint; the id is readable even in what is no JSON."""
    made = [item("o", number, 0, 1) for number in range(1000)]
    assert made == [item("o", number, 0, 1) for number in range(1000)]
    assert {business_id(one.body) for one in made} == {f"o-{number}" for number in range(1000)}
    assert 1 <= sum(one.poison for one in made) <= 40
    assert len({fingerprint(one.body) for one in made}) == 1000


def test_no_ten_of_a_fifo_queue_holds_two_of_one_group() -> None:
    """A batch that fails in part can then not put a group out of order."""
    made = list(islice(tens("f", 12, 1), 6))
    assert [len(ten) for ten in made] == [10, 2] * 3
    assert all(len({one.group for one in ten}) == len(ten) for ten in made)
    assert [one.seq for ten in made for one in ten if one.group == "g3"] == [0, 1, 2]


def test_the_account_is_read_from_what_metrics_says() -> None:
    """In flight comes in stages; their sum is compared. A parent tells the account of each of its processes."""
    names = {"received": 9, "deleted": 5, "retried": 0, "rejected": 1, "released": 0, "expired": 0}
    lines = [f'sqs_worker_messages_{name}_total{{pipeline="orders"}} {count}.0' for name, count in names.items()]
    stages = {"buffered": 1, "handling": 1, "settling": 0, "moving": 1}
    lines += [f'sqs_worker_messages_in_flight{{pipeline="orders",stage="{s}"}} {n}.0' for s, n in stages.items()]
    assert accounts("\n".join(lines)) == [names | {"in_flight": 3}]
    several = [line.replace("}", f',process="{n}"}}') for n in range(2) for line in lines]
    assert accounts("\n".join(several)) == [names | {"in_flight": 3}] * 2
