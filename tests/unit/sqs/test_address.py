"""From what a person configures to the place of a queue."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.errors import QueueRefused
from worker.sqs.address import QueueAddress, check_endpoint, locate, parse_address

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
    expected = QueueAddress("orders.fifo", ACCOUNT, region, origin if own else None, url)
    assert locate(url, region="given", endpoint_url=None) == expected


def test_given_endpoint_wins_over_the_host_of_the_url() -> None:
    """An endpoint that was configured is the one to talk to."""
    url = f"http://elsewhere:1/{ACCOUNT}/orders"
    assert locate(url, region=None, endpoint_url="http://127.0.0.1:2").endpoint_url == "http://127.0.0.1:2"


def test_arn_tells_everything_but_the_url() -> None:
    """The region of an ARN wins over the configured one: the queue is in no other."""
    arn = f"arn:aws-cn:sqs:cn-north-1:{ACCOUNT}:orders"
    assert locate(arn, region="us-east-1", endpoint_url=None) == QueueAddress("orders", ACCOUNT, "cn-north-1")


def test_name_takes_region_and_endpoint_from_the_settings() -> None:
    """A bare name says nothing of account or region."""
    place = locate("orders.fifo", region="eu-west-1", endpoint_url="http://127.0.0.1:2")
    assert place == QueueAddress("orders.fifo", None, "eu-west-1", "http://127.0.0.1:2")


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


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("orders", QueueAddress("orders")),
        ("arn:aws:sqs:eu-west-1:123:orders.fifo", QueueAddress("orders.fifo", "123", "eu-west-1")),
        ("arn:aws-cn:sqs:cn-north-1:123:orders", QueueAddress("orders", "123", "cn-north-1")),
        ("https://sqs.eu-west-1.amazonaws.com/123/orders", QueueAddress("orders", "123", "eu-west-1")),
        (
            "https://sqs-fips.us-gov-west-1.amazonaws.com/123/q",
            QueueAddress("q", "123", "us-gov-west-1", "https://sqs-fips.us-gov-west-1.amazonaws.com"),
        ),
        ("https://sqs.cn-north-1.amazonaws.com.cn/123/q", QueueAddress("q", "123", "cn-north-1")),
        ("https://sqs.eu-west-1.api.aws/123/q", QueueAddress("q", "123", "eu-west-1", "https://sqs.eu-west-1.api.aws")),
        ("https://eu-west-1.queue.amazonaws.com/123/q", QueueAddress("q", "123", "eu-west-1")),
        ("https://queue.amazonaws.com/123/q", QueueAddress("q", "123", "us-east-1")),
        (
            "https://vpce-1-a.sqs.eu-west-1.vpce.amazonaws.com/123/q",
            QueueAddress("q", "123", "eu-west-1", "https://vpce-1-a.sqs.eu-west-1.vpce.amazonaws.com"),
        ),
        ("http://loopback:9324/000/q", QueueAddress("q", "000", None, "http://loopback:9324")),
        ("http://elasticmq:9324/queue/q", QueueAddress("q", None, None, "http://elasticmq:9324")),
        ("http://[::1]:9324/q", QueueAddress("q", None, None, "http://[::1]:9324")),
    ],
)
def test_an_address_is_taken_apart(text: str, expected: QueueAddress) -> None:
    """URL, ARN and name in all the forms that AWS has used; a URL is kept as it was given."""
    assert parse_address(text) == replace(expected, url=text if "://" in text else None)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "or ders",
        "x" * 81,
        "arn:aws:sns:eu-west-1:123:orders",
        "arn:aws:sqs:eu-west-1:123",
        "https://sqs.eu-west-1.amazonaws.com/",
        "ftp://host/1/q",
        "https://me:pass@host/1/q",
        "https://host:port/1/q",
        "https:///1/q",
        "https://host/1/q?x=1/../",
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    """With a sentence, before AWS is asked."""
    with pytest.raises(ValueError, match=r"\w+ \w+"):
        parse_address(text)


@pytest.mark.parametrize(
    "text",
    [
        "https://sqs.eu-west-1.amazonaws.com",
        "https://10.0.0.1:8443/",
        "http://localhost:9324",
        "http://sqs.localhost",
        "http://127.0.0.53",
        "http://[::1]:1",
        "http://loopback:9324",
        "http://my_service:80",
    ],
)
def test_an_endpoint_over_tls_or_on_this_machine_is_taken(text: str) -> None:
    """Plain http is for what cannot be anybody else's machine."""
    assert check_endpoint(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "http://sqs.eu-west-1.amazonaws.com",
        "http://10.0.0.1",
        "http://134744072/",
        "http://0x08080808/",
        "http://localhost.example.com",
        "http://127.0.0.1.example.com",
        "http://a:b@localhost",
        "https://host/?x=1",
        "localhost:9324",
        "",
    ],
)
def test_any_other_endpoint_is_refused(text: str) -> None:
    """Also where a number or a name only looks like this machine."""
    with pytest.raises(ValueError, match=r"\w+ \w+"):
        check_endpoint(text)


@given(st.text(max_size=60))
def test_any_text_is_an_address_or_refused(text: str) -> None:
    """Nothing that can be put into a variable ends in another error than ValueError."""
    for parse in (parse_address, check_endpoint):
        try:
            parse(text)
        except ValueError as error:
            assert str(error)  # noqa: PT017 - the sentence is what the user sees


def test_what_one_address_does_not_say_agrees_with_the_other() -> None:
    """A bare name may be any queue of that name; two accounts or regions are two queues."""
    full = parse_address("arn:aws:sqs:eu-west-1:123:orders")
    assert full.same_queue(parse_address("orders"))
    assert not full.same_queue(parse_address("arn:aws:sqs:eu-west-2:123:orders"))
    assert not full.same_queue(parse_address("arn:aws:sqs:eu-west-1:124:orders"))
    assert not full.same_queue(parse_address("payments"))
