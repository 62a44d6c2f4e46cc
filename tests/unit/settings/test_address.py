"""Addresses of queues and endpoints."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.settings.address import QueueAddress, check_endpoint, parse_address


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("orders", QueueAddress("orders")),
        ("arn:aws:sqs:eu-west-1:123:orders.fifo", QueueAddress("orders.fifo", "123", "eu-west-1")),
        ("arn:aws-cn:sqs:cn-north-1:123:orders", QueueAddress("orders", "123", "cn-north-1")),
        ("https://sqs.eu-west-1.amazonaws.com/123/orders", QueueAddress("orders", "123", "eu-west-1")),
        ("https://sqs-fips.us-gov-west-1.amazonaws.com/123/q", QueueAddress("q", "123", "us-gov-west-1")),
        ("https://sqs.cn-north-1.amazonaws.com.cn/123/q", QueueAddress("q", "123", "cn-north-1")),
        ("https://sqs.eu-west-1.api.aws/123/q", QueueAddress("q", "123", "eu-west-1")),
        ("https://eu-west-1.queue.amazonaws.com/123/q", QueueAddress("q", "123", "eu-west-1")),
        ("https://queue.amazonaws.com/123/q", QueueAddress("q", "123", "us-east-1")),
        (
            "https://vpce-1-a.sqs.eu-west-1.vpce.amazonaws.com/123/q",
            QueueAddress("q", "123", "eu-west-1", "https://vpce-1-a.sqs.eu-west-1.vpce.amazonaws.com"),
        ),
        ("http://loopback:9324/000/q", QueueAddress("q", "000", None, "http://loopback:9324")),
        ("http://[::1]:9324/q", QueueAddress("q", None, None, "http://[::1]:9324")),
    ],
)
def test_an_address_is_taken_apart(text: str, expected: QueueAddress) -> None:
    """URL, ARN and name in all the forms that AWS has used."""
    assert parse_address(text) == expected


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
