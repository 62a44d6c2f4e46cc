"""SQS's codes, sorted by what the worker does about them: one function for a whole call, one for a batch's entry."""

from __future__ import annotations

from typing import Final

from worker.errors import (
    CredentialsRefused,
    QueueError,
    QueueMissing,
    QueueOverLimit,
    QueueRefused,
    QueueThrottled,
    QueueUnavailable,
)
from worker.sqs.queue import Failed

_THROTTLED: Final = ("RequestThrottled", "Throttling", "TooManyRequests", "SlowDown", "KmsThrottled", "KMS.Throttling")
_CREDENTIALS: Final = ("ExpiredToken", "UnrecognizedClient", "InvalidClientTokenId", "RequestExpired", "SignatureDoes")
_MISSING: Final = ("QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue")
_SERVER: Final = 500
_TOO_MANY: Final = 429


def to_error(operation: str, code: str, status: int, detail: str) -> QueueError:
    """The error of ours for a call that failed as a whole; by code first, since SQS's statuses vary."""
    kind: type[QueueError] = QueueRefused
    if code.startswith(_THROTTLED) or status == _TOO_MANY:
        kind = QueueThrottled
    elif code == "OverLimit":
        kind = QueueOverLimit
    elif code in _MISSING:
        kind = QueueMissing
    elif code.startswith(_CREDENTIALS):
        kind = CredentialsRefused
    elif status >= _SERVER:
        kind = QueueUnavailable
    return kind(operation, code, detail)


def entry_failed(code: str, sender_fault: bool, detail: str) -> Failed:  # noqa: FBT001 - SQS's own flag, passed on
    """One entry of a batch's failed half; what is not the sender's fault may be asked again."""
    return Failed(code, retry=not sender_fault, detail=detail)
