"""Explain: what SQS or the SDK refused, in words for the person who starts the worker.

Takes an error met while opening a queue and the queue's address; gives the same error with the queue, the account, the
region and what to do. Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from worker.errors import CredentialsRefused, QueueError, QueueMissing, QueueRefused

if TYPE_CHECKING:
    from worker.sqs.address import QueueAddress

RECEIVING: Final = (
    "sqs:ReceiveMessage, sqs:DeleteMessage, sqs:ChangeMessageVisibility, sqs:GetQueueAttributes and sqs:GetQueueUrl"
)
SENDING: Final = "sqs:SendMessage, sqs:GetQueueAttributes and sqs:GetQueueUrl"
SIGN_IN: Final = "SignInEnded"
PROFILE: Final = "ProfileNotFound"
CREDENTIALS_FILE: Final = "CredentialsUnreadable"
VARIABLE: Final = "InvalidVariable"
ENDPOINT: Final = "PlainEndpoint"
POINTED: Final = frozenset({SIGN_IN, PROFILE, CREDENTIALS_FILE, VARIABLE, ENDPOINT})
"""Codes of ours whose words name already what to change: general advice would only hide it."""


def explained(error: QueueError, address: QueueAddress, *, dead_letters: bool = False) -> QueueError:
    """*error* in words for the person who starts the worker; passing trouble stays as it is.

    *dead_letters* says that the queue is sent to and never received from.
    """
    setting = "SQS_DLQ_URL" if dead_letters else "SQS_QUEUE_URL"
    said = f" (SQS or the SDK: {error.detail})" if error.detail else ""
    match error:
        case QueueRefused(code=code) if code in POINTED:
            words, said = f"{address} cannot be opened: {error.detail}", ""
        case QueueMissing():
            words = f"there is no {address}: create it, or correct {setting}, AWS_REGION or the credentials"
        case CredentialsRefused():
            words = (
                f"no accepted credentials for {address}: give the worker a role, or set AWS_PROFILE, or "
                "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; if they are right, check this machine's clock"
            )
        case QueueRefused(code="NoRegionError"):
            words = f"no region for {address}: set AWS_REGION, or give the queue as a URL or ARN"
        case QueueRefused():
            words = (
                f"refused for {address}: check the endpoint, and that the credentials may call "
                f"{SENDING if dead_letters else RECEIVING} (`worker iam` prints the policy)"
            )
        case _:
            return error
    return type(error)(error.operation, error.code, words + said)
