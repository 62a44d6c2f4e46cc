"""AddPermission and RemovePermission: statements in a queue's Policy. Stored and shown, never enforced.

Takes the policy's text, gives the new one; pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson

from worker.loopback.errors import SqsFault, invalid_parameter, missing_parameter

if TYPE_CHECKING:
    from collections.abc import Sequence

_ACTIONS: Final = {
    "*",
    "ChangeMessageVisibility",
    "DeleteMessage",
    "GetQueueAttributes",
    "GetQueueUrl",
    "ListDeadLetterSourceQueues",
    "PurgeQueue",
    "ReceiveMessage",
    "SendMessage",
}
_ACTIONS_MAX: Final = 7


def permission_added(policy: str, arn: str, label: str, accounts: Sequence[str], actions: Sequence[str]) -> str:
    """*policy* with one more statement."""
    if not actions:
        raise missing_parameter("Actions")
    if not accounts:
        raise invalid_parameter("PrincipalId", "[]", "Unable to verify.")
    document = _document(policy, arn)
    if any(one.get("Sid") == label for one in document["Statement"]):
        raise invalid_parameter("Label", label, "Already exists.")
    if len(actions) > _ACTIONS_MAX:
        raise SqsFault("OverLimit", f"{len(actions)} Actions were found, maximum allowed is {_ACTIONS_MAX}.")
    for action in actions:
        if action not in _ACTIONS:
            detail = f"Value SQS:{action} for parameter ActionName is invalid. Reason: Only the queue owner may do it."
            raise SqsFault("InvalidParameterValueException", detail)
    principals = [f"arn:aws:iam::{account}:root" for account in accounts]
    statement = {
        "Sid": label,
        "Effect": "Allow",
        "Principal": {"AWS": principals[0] if len(principals) == 1 else principals},
        "Action": [f"SQS:{action}" for action in actions],
        "Resource": arn,
    }
    document["Statement"].append(statement)
    return orjson.dumps(document).decode()


def permission_removed(policy: str, arn: str, label: str) -> str:
    """*policy* without the statement *label*; empty text when that was the last."""
    document = _document(policy, arn)
    left = [one for one in document["Statement"] if one.get("Sid") != label]
    if len(left) == len(document["Statement"]):
        raise invalid_parameter("Label", label, "can't find label on existing policy.")
    return orjson.dumps(document | {"Statement": left}).decode() if left else ""


def _document(policy: str, arn: str) -> dict[str, Any]:
    empty = {"Version": "2012-10-17", "Id": f"{arn}/SQSDefaultPolicy", "Statement": []}
    document: dict[str, Any] = orjson.loads(policy) if policy else empty
    document.setdefault("Statement", [])
    return document
