"""What Kinesis does to a call that is carried out in part or not at all: faults for `Faulty.spoil`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from tests.unit.sinks.aws.faulty import Answer, Asked, Faulty, error

if TYPE_CHECKING:
    from collections.abc import Callable

THROTTLED: Final = "ProvisionedThroughputExceededException"
Fault = "Callable[[Faulty, str, Asked], Answer]"


def stored_if(stored: Callable[[int, dict[str, Any]], bool], code: str = THROTTLED) -> Callable[..., Answer]:
    """Stores the records for which *stored* says so, by place and content; of the others it tells *code*."""

    def fault(faulty: Faulty, operation: str, asked: Asked) -> Answer:
        kept = [stored(place, record) for place, record in enumerate(asked["Records"])]
        taken = [record for record, good in zip(asked["Records"], kept, strict=True) if good]
        faulty.passed_on(operation, {**asked, "Records": taken})
        answers = [
            {"SequenceNumber": "1", "ShardId": "shardId-000000000000"}
            if good
            else {"ErrorCode": code, "ErrorMessage": "its words"}
            for good in kept
        ]
        return 200, json.dumps({"FailedRecordCount": kept.count(False), "Records": answers}).encode()

    return fault


every_other_stored = stored_if(lambda place, _: place % 2 == 0)
nothing_stored = stored_if(lambda *_: False)


def says(shape: str, status: int = 400) -> Callable[..., Answer]:
    """Refuses the call."""
    return lambda *_: error(shape, status)
