"""The table of SQS's error codes: one row for each code, under every spelling."""

from __future__ import annotations

import pytest

from worker.errors import (
    CredentialsRefused,
    QueueError,
    QueueMissing,
    QueueOverLimit,
    QueueRefused,
    QueueThrottled,
    QueueUnavailable,
)
from worker.sqs.errors import CREDENTIALS, LEASE_LOST, PASSING, REFUSALS, SPELLINGS, THROTTLES, entry_failed, to_error

ROWS: list[tuple[str, int, type[QueueError], str]] = [
    # throttles, by whatever status they come
    ("RequestThrottled", 400, QueueThrottled, "RequestThrottled"),
    ("RequestThrottled", 403, QueueThrottled, "RequestThrottled"),
    ("RequestThrottledException", 400, QueueThrottled, "RequestThrottled"),
    ("AWS.SimpleQueueService.RequestThrottled", 403, QueueThrottled, "RequestThrottled"),
    ("Throttling", 400, QueueThrottled, "Throttling"),
    ("ThrottlingException", 400, QueueThrottled, "Throttling"),
    ("Throttled", 400, QueueThrottled, "Throttled"),
    ("ThrottledException", 400, QueueThrottled, "Throttled"),
    ("ThrottlingOfSomethingNew", 400, QueueThrottled, "ThrottlingOfSomethingNew"),
    ("TooManyRequests", 400, QueueThrottled, "TooManyRequests"),
    ("TooManyRequestsException", 429, QueueThrottled, "TooManyRequests"),
    ("RequestLimitExceeded", 503, QueueThrottled, "RequestLimitExceeded"),
    ("SlowDown", 503, QueueThrottled, "SlowDown"),
    ("KmsThrottled", 400, QueueThrottled, "KmsThrottled"),
    ("KMS.ThrottlingException", 400, QueueThrottled, "KmsThrottled"),
    ("429", 429, QueueThrottled, "Http429"),
    ("SomethingNew", 429, QueueThrottled, "SomethingNew"),
    # passing
    ("InternalError", 500, QueueUnavailable, "InternalError"),
    ("InternalFailure", 500, QueueUnavailable, "InternalFailure"),
    ("InternalServerError", 500, QueueUnavailable, "InternalServerError"),
    ("ServiceUnavailable", 503, QueueUnavailable, "ServiceUnavailable"),
    ("ServiceUnavailableException", 503, QueueUnavailable, "ServiceUnavailable"),
    ("RequestTimeout", 400, QueueUnavailable, "RequestTimeout"),
    ("RequestTimeoutException", 400, QueueUnavailable, "RequestTimeout"),
    ("PriorRequestNotComplete", 400, QueueUnavailable, "PriorRequestNotComplete"),
    ("PurgeQueueInProgress", 403, QueueUnavailable, "PurgeQueueInProgress"),
    ("AWS.SimpleQueueService.PurgeQueueInProgress", 403, QueueUnavailable, "PurgeQueueInProgress"),
    ("QueueDeletedRecently", 400, QueueUnavailable, "QueueDeletedRecently"),
    ("SomethingNew", 500, QueueUnavailable, "SomethingNew"),
    ("SomethingNew", 0, QueueUnavailable, "SomethingNew"),
    ("500", 500, QueueUnavailable, "Http500"),
    ("502", 502, QueueUnavailable, "Http502"),
    ("403", 403, QueueUnavailable, "Http403"),
    ("", 404, QueueUnavailable, "Http404"),
    ("", 0, QueueUnavailable, "NoAnswer"),
    # capacity
    ("OverLimit", 403, QueueOverLimit, "OverLimit"),
    ("AWS.SimpleQueueService.OverLimit", 403, QueueOverLimit, "OverLimit"),
    # credentials
    ("ExpiredToken", 403, CredentialsRefused, "ExpiredToken"),
    ("ExpiredTokenException", 400, CredentialsRefused, "ExpiredToken"),
    ("UnrecognizedClient", 403, CredentialsRefused, "UnrecognizedClient"),
    ("UnrecognizedClientException", 400, CredentialsRefused, "UnrecognizedClient"),
    ("InvalidClientTokenId", 403, CredentialsRefused, "InvalidClientTokenId"),
    ("InvalidAccessKeyId", 403, CredentialsRefused, "InvalidAccessKeyId"),
    ("RequestExpired", 400, CredentialsRefused, "RequestExpired"),
    ("RequestTimeTooSkewed", 403, CredentialsRefused, "RequestTimeTooSkewed"),
    ("SignatureDoesNotMatch", 403, CredentialsRefused, "SignatureDoesNotMatch"),
    ("InvalidSignatureException", 403, CredentialsRefused, "InvalidSignature"),
    ("IncompleteSignature", 400, CredentialsRefused, "IncompleteSignature"),
    ("MissingAuthenticationToken", 403, CredentialsRefused, "MissingAuthenticationToken"),
    ("MissingAuthenticationTokenException", 400, CredentialsRefused, "MissingAuthenticationToken"),
    # permission and configuration
    ("AccessDenied", 403, QueueRefused, "AccessDenied"),
    ("AccessDeniedException", 400, QueueRefused, "AccessDenied"),
    ("AccessDeniedBySomethingNew", 500, QueueRefused, "AccessDeniedBySomethingNew"),
    ("AuthFailure", 401, CredentialsRefused, "AuthFailure"),
    ("InvalidToken", 400, CredentialsRefused, "InvalidToken"),
    ("TokenRefreshRequired", 400, CredentialsRefused, "TokenRefreshRequired"),
    ("InvalidSecurity", 403, QueueRefused, "InvalidSecurity"),
    ("InvalidAddress", 404, QueueRefused, "InvalidAddress"),
    ("KmsAccessDenied", 400, QueueRefused, "KmsAccessDenied"),
    ("KMS.AccessDeniedException", 400, QueueRefused, "KmsAccessDenied"),
    ("KmsDisabled", 400, QueueRefused, "KmsDisabled"),
    ("KMS.DisabledException", 400, QueueRefused, "KmsDisabled"),
    ("KmsInvalidState", 400, QueueRefused, "KmsInvalidState"),
    ("KMS.InvalidStateException", 400, QueueRefused, "KmsInvalidState"),
    ("KmsNotFound", 400, QueueRefused, "KmsNotFound"),
    ("KMS.NotFoundException", 400, QueueRefused, "KmsNotFound"),
    ("KmsOptInRequired", 403, QueueRefused, "KmsOptInRequired"),
    ("KMS.OptInRequired", 403, QueueRefused, "KmsOptInRequired"),
    ("KmsInvalidKeyUsage", 400, QueueRefused, "KmsInvalidKeyUsage"),
    ("KMS.InvalidKeyUsageException", 400, QueueRefused, "KmsInvalidKeyUsage"),
    ("OptInRequired", 403, QueueRefused, "OptInRequired"),
    ("UnsupportedOperation", 400, QueueRefused, "UnsupportedOperation"),
    ("AWS.SimpleQueueService.UnsupportedOperation", 400, QueueRefused, "UnsupportedOperation"),
    ("ResourceNotFoundException", 404, QueueRefused, "ResourceNotFound"),
    ("QueueNameExists", 400, QueueRefused, "QueueNameExists"),
    ("QueueAlreadyExists", 400, QueueRefused, "QueueNameExists"),
    ("InvalidAttributeName", 400, QueueRefused, "InvalidAttributeName"),
    ("InvalidAttributeValue", 400, QueueRefused, "InvalidAttributeValue"),
    ("InvalidParameterValue", 400, QueueRefused, "InvalidParameterValue"),
    ("MissingParameter", 400, QueueRefused, "MissingParameter"),
    ("SomethingNew", 400, QueueRefused, "SomethingNew"),
    ("QueueDoesNotExist", 400, QueueMissing, "QueueDoesNotExist"),
    ("AWS.SimpleQueueService.NonExistentQueue", 400, QueueMissing, "QueueDoesNotExist"),
    ("com.amazonaws.sqs#QueueDoesNotExist", 400, QueueMissing, "QueueDoesNotExist"),
    # a handle is void, said of a whole call
    ("ReceiptHandleIsInvalid", 404, QueueRefused, "ReceiptHandleIsInvalid"),
    ("MessageNotInflight", 400, QueueRefused, "MessageNotInflight"),
    ("AWS.SimpleQueueService.MessageNotInflight", 400, QueueRefused, "MessageNotInflight"),
    ("InvalidIdFormat", 400, QueueRefused, "InvalidIdFormat"),
    # bugs of ours
    ("TooManyEntriesInBatchRequest", 400, QueueRefused, "TooManyEntriesInBatchRequest"),
    ("AWS.SimpleQueueService.TooManyEntriesInBatchRequest", 400, QueueRefused, "TooManyEntriesInBatchRequest"),
    ("EmptyBatchRequest", 400, QueueRefused, "EmptyBatchRequest"),
    ("BatchEntryIdsNotDistinct", 400, QueueRefused, "BatchEntryIdsNotDistinct"),
    ("InvalidBatchEntryId", 400, QueueRefused, "InvalidBatchEntryId"),
    ("BatchRequestTooLong", 400, QueueRefused, "BatchRequestTooLong"),
    ("InvalidMessageContents", 400, QueueRefused, "InvalidMessageContents"),
]


@pytest.mark.parametrize(("code", "status", "expected", "reported"), ROWS)
def test_code_decides_the_error(code: str, status: int, expected: type[QueueError], reported: str) -> None:
    """Each code, in each spelling, becomes exactly one class of ours and reports one name."""
    error = to_error("receive", code, status, "SQS's words")
    assert type(error) is expected
    assert (error.operation, error.code, error.detail) == ("receive", reported, "SQS's words")


def test_every_code_of_the_table_has_its_row() -> None:
    """A code added to the table without a row here is noticed."""
    told = {reported for _, _, _, reported in ROWS}
    assert THROTTLES | PASSING | CREDENTIALS | REFUSALS | set(SPELLINGS.values()) <= told


def test_no_code_stands_in_two_families() -> None:
    """The families do not overlap, so the order of the table decides nothing."""
    families = [THROTTLES, PASSING, CREDENTIALS, REFUSALS, frozenset({"OverLimit", "QueueDoesNotExist"})]
    assert sum(len(family) for family in families) == len(frozenset().union(*families))


def test_long_text_is_cut_to_one_short_line() -> None:
    """A proxy's page does not flood the log."""
    error = to_error("receive", "503", 503, "<html>\n" + "x" * 10_000)
    assert len(error.detail) == 300
    assert "\n" not in error.detail


@pytest.mark.parametrize("code", sorted(LEASE_LOST))
@pytest.mark.parametrize("sender_fault", [True, False])
def test_void_handle_is_never_asked_again(code: str, *, sender_fault: bool) -> None:
    """A handle that SQS calls void stays void, whoever SQS blames."""
    failed = entry_failed(code, sender_fault, "The handle expired.")
    assert (failed.code, failed.retry, failed.detail) == (code, False, "The handle expired.")


@pytest.mark.parametrize("code", sorted(THROTTLES | PASSING))
@pytest.mark.parametrize("sender_fault", [True, False])
def test_passing_code_is_asked_again(code: str, *, sender_fault: bool) -> None:
    """An entry that failed by throttling or by SQS's own trouble is tried again, even if SQS blames us."""
    assert entry_failed(code, sender_fault, "").retry


@pytest.mark.parametrize("code", ["AccessDenied", "InvalidMessageContents", "SomethingNew", ""])
def test_blame_decides_for_every_other_entry(code: str) -> None:
    """Any other code is tried again exactly when SQS says that it is not our fault."""
    assert entry_failed(code, False, "").retry  # noqa: FBT003  # the wire's own order
    assert not entry_failed(code, True, "").retry  # noqa: FBT003  # as above


def test_old_spelling_of_an_entry_is_reported_by_its_one_name() -> None:
    """An entry's code is normalised as a call's code is."""
    assert entry_failed("AWS.SimpleQueueService.MessageNotInflight", True, "").code == "MessageNotInflight"  # noqa: FBT003  # as above
