"""How the loopback says no: one exception for all of SQS's errors, with the three names each of them has.

SQS grew up on the query protocol, so every error has a shape name (`QueueDoesNotExist`), an older query code
(`AWS.SimpleQueueService.NonExistentQueue`) and an HTTP status. The table below is the only place that pairs them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
R = TypeVar("R")

_OLD: Final = "AWS.SimpleQueueService."


@dataclass(frozen=True, slots=True)
class Code:
    """The names of one error."""

    shape: str
    query: str
    status: int = 400


_TABLE: Final = (
    Code("AccessDeniedException", "AccessDenied", 403),
    Code("BatchEntryIdsNotDistinct", _OLD + "BatchEntryIdsNotDistinct"),
    Code("BatchRequestTooLong", _OLD + "BatchRequestTooLong"),
    Code("EmptyBatchRequest", _OLD + "EmptyBatchRequest"),
    Code("ExpiredTokenException", "ExpiredToken", 403),
    Code("InternalError", "InternalError", 500),
    Code("InvalidAddress", "InvalidAddress", 404),
    Code("InvalidAttributeName", "InvalidAttributeName"),
    Code("InvalidAttributeValue", "InvalidAttributeValue"),
    Code("InvalidBatchEntryId", _OLD + "InvalidBatchEntryId"),
    Code("InvalidIdFormat", "InvalidIdFormat"),
    Code("InvalidMessageContents", "InvalidMessageContents"),
    Code("InvalidParameterValueException", "InvalidParameterValue"),
    Code("InvalidSecurity", "InvalidSecurity", 403),
    Code("KmsAccessDenied", "KMS.AccessDeniedException"),
    Code("KmsDisabled", "KMS.DisabledException"),
    Code("KmsInvalidKeyUsage", "KMS.InvalidKeyUsageException"),
    Code("KmsInvalidState", "KMS.InvalidStateException"),
    Code("KmsNotFound", "KMS.NotFoundException"),
    Code("KmsOptInRequired", "KMS.OptInRequired", 403),
    Code("KmsThrottled", "KMS.ThrottlingException"),
    Code("MessageNotInflight", _OLD + "MessageNotInflight"),
    Code("MissingRequiredParameterException", "MissingParameter"),
    Code("OverLimit", "OverLimit", 403),
    Code("PurgeQueueInProgress", _OLD + "PurgeQueueInProgress", 403),
    Code("QueueDeletedRecently", _OLD + "QueueDeletedRecently"),
    Code("QueueDoesNotExist", _OLD + "NonExistentQueue"),
    Code("QueueNameExists", "QueueAlreadyExists"),
    Code("ReceiptHandleIsInvalid", "ReceiptHandleIsInvalid", 404),
    Code("RequestThrottled", "RequestThrottled", 403),
    Code("ResourceNotFoundException", "ResourceNotFoundException", 404),
    Code("SerializationException", "MalformedInput"),
    Code("TooManyEntriesInBatchRequest", _OLD + "TooManyEntriesInBatchRequest"),
    Code("UnknownOperationException", "InvalidAction", 404),
    Code("UnsupportedOperation", _OLD + "UnsupportedOperation"),
)
CODES: Final = {name: code for code in _TABLE for name in (code.shape, code.query)}
"""By either spelling, so that a fault rule may use whichever its author read in a log."""


class SqsFault(Exception):
    """An operation, or one entry of a batch, is refused."""

    def __init__(self, code: str, detail: str = "", *, status: int | None = None, sender: bool | None = None) -> None:
        super().__init__(f"{code}: {detail}" if detail else code)
        known = CODES.get(code) or Code(code, code)
        self.code = known.shape
        self.query_code = known.query
        self.status = known.status if status is None else status
        self.detail = detail
        self.sender = self.status < 500 if sender is None else sender  # noqa: PLR2004 - HTTP's own border
        """Whose fault: True the caller's, False the server's."""


def invalid_parameter(name: str, value: object, reason: str) -> SqsFault:
    """SQS's sentence for a parameter outside its range."""
    detail = f"Value {value} for parameter {name} is invalid. Reason: {reason}"
    return SqsFault("InvalidParameterValueException", detail)


def missing_parameter(name: str) -> SqsFault:
    """SQS's sentence for a parameter that is not there."""
    return SqsFault("MissingRequiredParameterException", f"The request must contain the parameter {name}.")


def tried(act: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R | SqsFault:
    """One entry of a batch: its refusal is its answer and not the batch's."""
    try:
        return act(*args, **kwargs)
    except SqsFault as fault:
        return fault
