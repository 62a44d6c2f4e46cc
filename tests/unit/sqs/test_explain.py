"""The words for a person when the queue is not there or not ours."""

from __future__ import annotations

import pytest

from worker.errors import CredentialsRefused, QueueError, QueueMissing, QueueRefused, QueueUnavailable
from worker.sqs.address import QueueAddress
from worker.sqs.explain import POINTED, explained

ACCOUNT = "123456789012"
PLACE = QueueAddress("orders", ACCOUNT, "eu-west-1")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (QueueMissing("open", "QueueDoesNotExist", "gone"), "there is no queue 'orders'"),
        (CredentialsRefused("open", "ExpiredToken", "old"), "AWS_PROFILE"),
        (QueueRefused("open", "NoRegionError", "none"), "set AWS_REGION"),
        (QueueRefused("open", "AccessDenied", "no"), "sqs:ChangeMessageVisibility"),
    ],
)
def test_refusal_names_the_queue_and_what_to_do(error: QueueError, words: str) -> None:
    """Class, code and SQS's words are kept; queue, account, region and advice are added."""
    told = explained(error, PLACE)
    assert (type(told), told.operation, told.code) == (type(error), error.operation, error.code)
    assert words in told.detail
    assert f"queue 'orders' in account {ACCOUNT}, region eu-west-1" in told.detail
    assert error.detail in told.detail


def test_a_dead_letter_queue_is_explained_by_its_own_setting() -> None:
    """Whoever only sends there needs other rights, and corrects another variable."""
    missing = explained(QueueMissing("open", "QueueDoesNotExist", "gone"), PLACE, dead_letters=True)
    assert "correct SQS_DLQ_URL" in missing.detail
    refused = explained(QueueRefused("open", "AccessDenied", "no"), PLACE, dead_letters=True)
    assert "sqs:SendMessage" in refused.detail
    assert "sqs:ReceiveMessage" not in refused.detail


@pytest.mark.parametrize("code", sorted(POINTED))
def test_words_that_name_what_to_change_are_not_buried_under_advice(code: str) -> None:
    """The queue is added, and nothing else."""
    told = explained(CredentialsRefused("sign", code, "set X to Y"), PLACE)
    assert told.detail == f"queue 'orders' in account {ACCOUNT}, region eu-west-1 cannot be opened: set X to Y"


def test_passing_trouble_is_left_as_it_is() -> None:
    """An outage needs no advice about settings."""
    error = QueueUnavailable("open", "Timeout")
    assert explained(error, PLACE) is error


def test_unknown_parts_are_said_to_follow_from_the_configuration() -> None:
    """Where account and region are not known the words say where they come from."""
    said = str(QueueAddress("orders", endpoint_url="http://127.0.0.1:2"))
    assert said == (
        "queue 'orders' in the account of the credentials, the region of the AWS configuration at http://127.0.0.1:2"
    )
