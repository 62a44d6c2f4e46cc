"""Orders of the demonstration, sent into a rig's queue and told apart by their ids."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from tests.system.rig import QUEUE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.system.rig import Rig

QUEUE_OF_ORDERS = f"{QUEUE}:visibility=5,dlq=dead,max=100"
"""What is in the hands of a worker that is killed is there again soon, and nothing is dead-lettered for that."""
AS_TEXT: Mapping[str, object] = {"kind": {"DataType": "String", "StringValue": "order"}}
AS_BYTES: Mapping[str, object] = {"kind": {"DataType": "Binary", "BinaryValue": b"order"}}


def send(rig: Rig, orders: Sequence[str], attributes: Mapping[str, object] = AS_TEXT) -> None:
    """Put *orders* into the queue, each with *attributes*."""
    for at in range(0, len(orders), 10):
        entries = [
            {"Id": str(number), "MessageBody": body, "MessageAttributes": attributes}
            for number, body in enumerate(orders[at : at + 10])
        ]
        assert not rig.sqs.send_message_batch(QueueUrl=rig.queue_url, Entries=entries).get("Failed")


def keys_of(orders: Sequence[str]) -> list[str]:
    """By which a worker with `DEDUPLICATION_KEY=order_id` knows them."""
    return [str(orjson.loads(order)["order_id"]) for order in orders]
