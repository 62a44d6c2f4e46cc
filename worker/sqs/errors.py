"""What SQS's error codes mean to the worker: one table, read by code and never by HTTP status alone.

`to_error` takes the code of a call that failed as a whole and gives one of our errors; `entry_failed` takes the code
of one entry in a batch answer and gives a `EntryFailed` that says whether asking again can help. Pure; every way to SQS
uses it.

The same error arrives under several spellings: the shape's name in JSON (`QueueDoesNotExist`), the older one in
`x-amzn-query-error` (`AWS.SimpleQueueService.NonExistentQueue`), with or without `Exception`. All of them lead to the
same row, and the shape's name is what we report, so that a label has one value for one trouble.
"""

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
from worker.sqs.queue import EntryFailed

DETAIL_CHARACTERS: Final = 300
"""A proxy's HTML page arrives as an error's text; nobody wants more of it in a log line than this."""

THROTTLES: Final = frozenset(
    {
        "KmsThrottled",
        "RequestLimitExceeded",
        "RequestThrottled",
        "SlowDown",
        "Throttled",
        "Throttling",
        "TooManyRequests",
    }
)
PASSING: Final = frozenset(
    {
        "InternalError",
        "InternalFailure",
        "InternalServerError",
        "PriorRequestNotComplete",
        "PurgeQueueInProgress",
        "QueueDeletedRecently",
        "RequestTimeout",
        "ServiceUnavailable",
    }
)
CREDENTIALS: Final = frozenset(
    {
        "AuthFailure",
        "ExpiredToken",
        "IncompleteSignature",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidSignature",
        "InvalidToken",
        "MissingAuthenticationToken",
        "RequestExpired",
        "RequestTimeTooSkewed",
        "SignatureDoesNotMatch",
        "TokenRefreshRequired",
        "UnrecognizedClient",
    }
)
REFUSALS: Final = frozenset(
    {
        "AccessDenied",
        "BatchEntryIdsNotDistinct",
        "BatchRequestTooLong",
        "EmptyBatchRequest",
        "InvalidAddress",
        "InvalidAttributeName",
        "InvalidAttributeValue",
        "InvalidBatchEntryId",
        "InvalidIdFormat",
        "InvalidMessageContents",
        "InvalidParameterValue",
        "InvalidSecurity",
        "KmsAccessDenied",
        "KmsDisabled",
        "KmsInvalidKeyUsage",
        "KmsInvalidState",
        "KmsNotFound",
        "KmsOptInRequired",
        "MessageNotInflight",
        "MissingParameter",
        "OptInRequired",
        "QueueNameExists",
        "ReceiptHandleIsInvalid",
        "ResourceNotFound",
        "TooManyEntriesInBatchRequest",
        "UnsupportedOperation",
    }
)
LEASE_LOST: Final = frozenset(
    {"InvalidIdFormat", "InvalidParameterValue", "MessageNotInflight", "ReceiptHandleIsInvalid"}
)
"""Codes by which SQS says that a receipt handle is void. InvalidParameterValue is how it says "expired"."""

_OF_THE_QUEUE: Final = CREDENTIALS | {
    "AccessDenied",
    "AuthFailure",
    "InvalidAddress",
    "InvalidSecurity",
    "OptInRequired",
    "QueueDoesNotExist",
    "ResourceNotFound",
    "UnsupportedOperation",
}

SPELLINGS: Final = {
    "AccessDeniedException": "AccessDenied",
    "ExpiredTokenException": "ExpiredToken",
    "InvalidSignatureException": "InvalidSignature",
    "KMS.AccessDeniedException": "KmsAccessDenied",
    "KMS.DisabledException": "KmsDisabled",
    "KMS.InvalidKeyUsageException": "KmsInvalidKeyUsage",
    "KMS.InvalidStateException": "KmsInvalidState",
    "KMS.NotFoundException": "KmsNotFound",
    "KMS.OptInRequired": "KmsOptInRequired",
    "KMS.ThrottlingException": "KmsThrottled",
    "MissingAuthenticationTokenException": "MissingAuthenticationToken",
    "NonExistentQueue": "QueueDoesNotExist",
    "QueueAlreadyExists": "QueueNameExists",
    "RequestThrottledException": "RequestThrottled",
    "ThrottledException": "Throttled",
    "ThrottlingException": "Throttling",
    "TooManyRequestsException": "TooManyRequests",
    "UnrecognizedClientException": "UnrecognizedClient",
}
"""Older spellings to the names above; what is not here loses `AWS.SimpleQueueService.` and `Exception`."""

_CLASSES: Final[dict[str, type[QueueError]]] = {
    **dict.fromkeys(THROTTLES, QueueThrottled),
    **dict.fromkeys(PASSING, QueueUnavailable),
    **dict.fromkeys(CREDENTIALS, CredentialsRefused),
    **dict.fromkeys(REFUSALS, QueueRefused),
    "OverLimit": QueueOverLimit,
    "QueueDoesNotExist": QueueMissing,
}

_TOO_MANY_REQUESTS: Final = 429
_CLIENT_ERRORS: Final = range(400, 500)


def canonical(code: str) -> str:
    """The one name of *code*, whichever spelling SQS used."""
    bare = code.strip().rpartition("#")[2].removeprefix("AWS.SimpleQueueService.")
    if bare in _CLASSES:
        return bare
    return SPELLINGS.get(bare) or bare.removesuffix("Exception")


def to_error(operation: str, code: str, status: int, detail: str) -> QueueError:
    """Our error for a call that failed as a whole; *status* 0 says that there was no HTTP answer.

    A code that is missing or is only the status in digits was not said by SQS but by something in between (a proxy, a
    load balancer), so it is passing whatever the status: only SQS can refuse.
    """
    name = canonical(code)
    if not name or name.isdigit():
        name = f"Http{status}" if status else "NoAnswer"
        return _unnamed(status)(operation, name, shortened(detail))
    return _CLASSES.get(name, _unknown(name, status))(operation, name, shortened(detail))


def entry_failed(code: str, sender_fault: bool, detail: str) -> EntryFailed:  # noqa: FBT001  # the wire's own order
    """Our answer for one entry that SQS named as failed.

    Asking again helps when SQS blames itself or the code is a passing one. A void handle stays void whoever is blamed.
    """
    name = canonical(code) or "Unnamed"
    passing = not sender_fault or issubclass(_CLASSES.get(name, QueueRefused), QueueUnavailable)
    return EntryFailed(name, retry=passing and name not in LEASE_LOST, detail=shortened(detail))


def is_about_the_queue(code: str) -> bool:
    """Whether a refusal with this code says something of the queue, its key or the credentials, not of one message."""
    return code in _OF_THE_QUEUE or code.startswith(("Kms", "AccessDenied"))


def shortened(detail: str) -> str:
    """The first words of *detail*, on one line."""
    return " ".join(detail[: 2 * DETAIL_CHARACTERS].split())[:DETAIL_CHARACTERS]


def _unnamed(status: int) -> type[QueueError]:
    return QueueThrottled if status == _TOO_MANY_REQUESTS else QueueUnavailable


def _unknown(name: str, status: int) -> type[QueueError]:
    """A code that SQS may add one day: its family by name if it shows one, else by whom the status blames."""
    if name.startswith(("Throttl", "TooManyRequests")) or status == _TOO_MANY_REQUESTS:
        return QueueThrottled
    if name.startswith("AccessDenied"):
        return QueueRefused
    return QueueRefused if status in _CLIENT_ERRORS else QueueUnavailable
