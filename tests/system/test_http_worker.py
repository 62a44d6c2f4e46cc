"""Real workers, a real queue and a real service in trouble: every message is there, and the queue empty."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

import orjson
import pytest

from tests.system.orders import QUEUE_OF_ORDERS, keys_of, send
from tests.system.receiver import Asked, Receiver, Told, receiver
from tests.system.rig import Child, Rig
from tests.system.rig import rig as new_rig
from worker.demo.orders import bodies

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def service() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with new_rig(tmp_path, queue=QUEUE_OF_ORDERS) as made:
        yield made


def worker(rig: Rig, service: Receiver, *arguments: str, **settings: str) -> Child:
    """`worker run` into the service, by the field that tells orders apart."""
    chosen = {"SINK": "http", "HTTP_URL": service.url, "SQS_DLQ_URL": "dead", "DEDUPLICATION_KEY": "order_id"}
    chosen["SQS_WAIT_TIME_SECONDS"] = "1"
    return rig.worker(*arguments, **chosen | settings)


def test_what_is_delivered_twice_is_there_twice_and_told_by_its_key(rig: Rig, service: Receiver) -> None:
    """The account is exact: every delivery is one message at the service, every order has one key, nothing is left."""
    orders = list(bodies(300, seed=0))
    send(rig, orders)
    send(rig, orders)
    child = worker(rig, service, "--drain", HTTP_COMPRESSION="zstd", HTTP_SECRET="whsec_c2VjcmV0")
    assert child.end() == 0
    assert Counter(service.keys) == Counter(keys_of(orders) * 2)
    assert rig.books()["deleted"] == 600
    posted = [asked for asked in service.asked if asked.method == "POST"]
    assert all("webhook-signature" in asked.headers for asked in posted)
    assert all(one["attributes"]["kind"]["value"] == "order" for asked in posted for one in orjson.loads(asked.content))


def test_a_service_that_asks_for_a_pause_is_left_alone_and_gets_everything(rig: Rig, service: Receiver) -> None:
    """429 with Retry-After: nothing comes before it is over; no receive is spent on it, and no letter is sent."""
    orders = list(bodies(200, seed=0))
    send(rig, orders)
    refused: list[int] = []

    def busy_once(_: Asked) -> Told:
        service.answer = service.take
        refused.append(len(service.asked))
        return Told(429, headers={"Retry-After": "1"})

    service.answer = busy_once
    child = worker(rig, service, "--drain", WORKER_CONCURRENCY="1")
    assert child.end() == 0
    assert refused == [1]
    assert Counter(service.keys) == Counter(keys_of(orders))
    assert child.account()["rejected"] == 0
    assert rig.dead_letters() == []
    assert any("asked for a pause" in line for line in child.lines)


def test_a_token_that_expires_empties_no_queue_into_the_dead_letters(rig: Rig, service: Receiver) -> None:
    """401 is waited out, though it lasts; the log says what to correct."""
    orders = list(bodies(200, seed=0))
    send(rig, orders)
    service.answer = lambda _: Told(401)
    child = worker(rig, service)
    assert "correct HTTP_HEADERS" in child.event("sink_lost")["detail"]
    child.event("sink_probed")
    service.answer = service.take
    child.event("sink_restored")
    rig.until_books("deleted", 200)
    assert Counter(service.keys) == Counter(keys_of(orders))
    assert rig.dead_letters() == []


def test_a_207_sends_one_message_to_the_dead_letters_and_brings_another_again(rig: Rig, service: Receiver) -> None:
    """Of each answer: accepted ones are deleted, refused ones dead-lettered, busy ones come again."""
    orders = list(bodies(100, seed=0))
    send(rig, orders)
    bad, busy = keys_of(orders)[7], keys_of(orders)[9]

    def each(asked: Asked) -> Told:
        said: dict[str, object] = dict.fromkeys(asked.keys, 201)
        if busy in said and busy not in met:
            said[busy] = 503
        met.update(asked.keys)
        if bad in said:
            said[bad] = {"status": 422, "code": "no_stock"}
        service.keys += [key for key, status in said.items() if status == 201]
        return Told(207, orjson.dumps(said))

    met: set[str] = set()
    service.answer = each
    worker(rig, service, RETRY_BASE_SECONDS="1")
    rig.until_books("deleted", 100)
    assert Counter(service.keys) == Counter(key for key in keys_of(orders) if key != bad)
    (letter,) = rig.dead_letters()
    assert orjson.loads(letter["Body"])["order_id"] == orjson.loads(orders[7])["order_id"]
    assert "422 no_stock" in letter["MessageAttributes"]["DeadLetter"]["StringValue"]


def test_a_worker_that_is_killed_loses_nothing(rig: Rig, service: Receiver) -> None:
    """What it had sent and not deleted comes again from the next one, in other batches, told by its key."""
    orders = list(bodies(400, seed=0))
    send(rig, orders)
    first = worker(rig, service, BATCH_MAX_ROWS="20")
    rig.until(lambda: len(service.keys) >= 100, "100 messages at the service")
    first.kill()
    worker(rig, service)
    rig.until(lambda: len({*service.keys}) == 400, "every order at the service")
    rig.until_books("deleted", 400)
    assert {*service.keys} == {*keys_of(orders)}


def test_groups_keep_their_order_one_message_to_a_request(tmp_path: Path, service: Receiver) -> None:
    """Though the service fails now and then: in a group, the next message comes after the one before was accepted."""
    with new_rig(tmp_path, queue="orders.fifo:visibility=30") as rig:
        url = rig.url("orders.fifo")
        for number in range(40):
            group = f"g{number % 4}"
            rig.sqs.send_message(
                QueueUrl=url,
                MessageBody=orjson.dumps({"order_id": f"{group}-{number:03}"}).decode(),
                MessageGroupId=group,
                MessageDeduplicationId=str(number),
            )

        def now_and_then(asked: Asked) -> Told:
            return Told(503) if len(service.asked) % 17 == 5 else service.take(asked)

        service.answer = now_and_then
        child = worker(rig, service, "--drain", SQS_QUEUE_URL=url, SQS_DLQ_URL="", HTTP_FORMAT="single")
        assert child.end() == 0
    found = defaultdict[str, list[str]](list)
    for key in service.keys:
        found[key[:2]].append(key)
    assert sum(map(len, found.values())) == 40
    assert all(keys == sorted(keys) for keys in found.values())
