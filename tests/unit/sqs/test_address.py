"""From what a person configures to the place of a queue, and the words when it is not there."""

from __future__ import annotations

import pytest

from worker.errors import CredentialsRefused, QueueError, QueueMissing, QueueRefused, QueueUnavailable
from worker.sqs.address import Address, explained, locate

ACCOUNT = "123456789012"

URLS = [
    # host, region, whether the host itself has to be the endpoint
    ("https://sqs.eu-west-1.amazonaws.com", "eu-west-1", False),
    ("https://sqs.cn-north-1.amazonaws.com.cn", "cn-north-1", False),
    ("https://eu-west-1.queue.amazonaws.com", "eu-west-1", False),
    ("https://queue.amazonaws.com", "us-east-1", False),
    ("https://sqs-fips.us-gov-west-1.amazonaws.com", "us-gov-west-1", True),
    ("https://sqs.us-east-2.api.aws", "us-east-2", True),
    ("https://vpce-0a1b-2c3d.sqs.us-east-1.vpce.amazonaws.com", "us-east-1", True),
    ("http://127.0.0.1:9324", "given", True),
    ("http://loopback:9324", "given", True),
]


@pytest.mark.parametrize(("origin", "region", "own"), URLS)
def test_url_tells_name_account_region_and_endpoint(origin: str, region: str, *, own: bool) -> None:
    """A public host stands for its region; any other host was chosen on purpose and is kept."""
    url = f"{origin}/{ACCOUNT}/orders.fifo"
    expected = Address("orders.fifo", url, ACCOUNT, region, origin if own else None)
    assert locate(url, region="given", endpoint_url=None) == expected


def test_given_endpoint_wins_over_the_host_of_the_url() -> None:
    """An endpoint that was configured is the one to talk to."""
    url = f"http://elsewhere:1/{ACCOUNT}/orders"
    assert locate(url, region=None, endpoint_url="http://127.0.0.1:2").endpoint_url == "http://127.0.0.1:2"


def test_arn_tells_everything_but_the_url() -> None:
    """The region of an ARN wins over the configured one: the queue is in no other."""
    arn = f"arn:aws-cn:sqs:cn-north-1:{ACCOUNT}:orders"
    assert locate(arn, region="us-east-1", endpoint_url=None) == Address("orders", None, ACCOUNT, "cn-north-1", None)


def test_name_takes_region_and_endpoint_from_the_settings() -> None:
    """A bare name says nothing of account or region."""
    place = locate("orders.fifo", region="eu-west-1", endpoint_url="http://127.0.0.1:2")
    assert place == Address("orders.fifo", None, None, "eu-west-1", "http://127.0.0.1:2")


@pytest.mark.parametrize(
    "queue",
    [
        "",
        "has space",
        "orders.fifo.fifo",
        "x" * 81,
        "x" * 76 + ".fifo",
        "arn:aws:sns:eu-west-1:1:x",
        "https://sqs.eu-west-1.amazonaws.com",
        "https://sqs.eu-west-1.amazonaws.com/1/has%20space",
        "ftp://host/1/orders",
        "https:///1/orders",
    ],
)
def test_what_is_none_of_the_three_is_refused_with_examples(queue: str) -> None:
    """The refusal shows what was given and what each of the three looks like."""
    with pytest.raises(QueueRefused, match=r"neither a queue's URL .* nor an ARN .* SQS_QUEUE_URL") as raised:
        locate(queue, region=None, endpoint_url=None)
    assert repr(queue) in raised.value.detail


PLACE = Address("orders", None, ACCOUNT, "eu-west-1", None)


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


def test_passing_trouble_is_left_as_it_is() -> None:
    """An outage needs no advice about settings."""
    error = QueueUnavailable("open", "Timeout")
    assert explained(error, PLACE) is error


def test_unknown_parts_are_said_to_follow_from_the_configuration() -> None:
    """Where account and region are not known the words say where they come from."""
    said = str(Address("orders", None, None, None, "http://127.0.0.1:2"))
    assert said == (
        "queue 'orders' in the account of the credentials, the region of the AWS configuration at http://127.0.0.1:2"
    )
