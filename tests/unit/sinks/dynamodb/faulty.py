"""What DynamoDB does to a call that is not carried out, or in part: faults for `Faulty.spoil`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.unit.sinks.aws.faulty import Answer, Asked, Faulty, error

if TYPE_CHECKING:
    from collections.abc import Callable


def throttled(_faulty: Faulty, _operation: str, _asked: Asked) -> Answer:
    """More than is provisioned, with the reasons of newer answers."""
    reasons = [{"reason": "TableWriteProvisionedThroughputExceeded", "resource": "arn:aws:dynamodb:::table/orders"}]
    return error("com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException", ThrottlingReasons=reasons)


def nothing_taken(_faulty: Faulty, _operation: str, asked: Asked) -> Answer:
    """Accepted, and every item left over."""
    return 200, json.dumps({"UnprocessedItems": asked["RequestItems"]}).encode()


def every_other_taken(faulty: Faulty, operation: str, asked: Asked) -> Answer:
    """One half is put, the other left over."""
    [(table, items)] = asked["RequestItems"].items()
    faulty.passed_on(operation, {"RequestItems": {table: items[::2]}})
    return 200, json.dumps({"UnprocessedItems": {table: items[1::2]} if items[1:] else {}}).encode()


def says(shape: str, words: str = "its words", status: int = 400) -> Callable[[Faulty, str, Asked], Answer]:
    """Refuses."""
    body = json.dumps({"__type": f"com.amazonaws.dynamodb.v20120810#{shape}", "message": words}).encode()
    return lambda *_: (status, body)
