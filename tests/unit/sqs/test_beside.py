"""Where a dead-letter queue is spoken to."""

from __future__ import annotations

import pytest

from worker.sqs.beside import beside, neighbour

PUBLIC = "https://sqs.eu-central-1.amazonaws.com/1/orders"
PRIVATE = "https://vpce-1.sqs.eu-central-1.vpce.amazonaws.com"
LOCAL = "http://localhost:9324"


@pytest.mark.parametrize(
    ("source", "endpoint", "dlq", "reached"),
    [
        # The endpoint was taken from the queue's own URL: what has a URL is reached there.
        (f"{PRIVATE}/1/orders", PRIVATE, "https://sqs.eu-central-1.amazonaws.com/2/dead", (None, "eu-central-1")),
        (f"{PRIVATE}/1/orders", PRIVATE, "https://sqs.us-west-2.amazonaws.com/1/dead", (None, "us-west-2")),
        (f"{PRIVATE}/1/orders", PRIVATE, f"{PRIVATE}/2/dead", (PRIVATE, "eu-central-1")),
        (f"{PRIVATE}/1/orders", PRIVATE, "arn:aws:sqs:eu-central-1:2:dead", (PRIVATE, "eu-central-1")),
        (f"{PRIVATE}/1/orders", PRIVATE, "arn:aws:sqs:us-west-2:1:dead", (None, "us-west-2")),
        (f"{PRIVATE}/1/orders", PRIVATE, "dead", (PRIVATE, "eu-central-1")),
        (f"{LOCAL}/0/orders", LOCAL, "http://localhost:9325/0/dead", ("http://localhost:9325", "eu-central-1")),
        (f"{LOCAL}/0/orders", LOCAL, "dead", (LOCAL, "eu-central-1")),
        # Somebody chose it: it serves its region, but no other one and no other host.
        (PUBLIC, PRIVATE, "https://sqs.eu-central-1.amazonaws.com/2/dead", (PRIVATE, "eu-central-1")),
        (PUBLIC, PRIVATE, "https://sqs.us-west-2.amazonaws.com/1/dead", (None, "us-west-2")),
        (PUBLIC, PRIVATE, "arn:aws:sqs:us-west-2:1:dead", (None, "us-west-2")),
        (PUBLIC, PRIVATE, "dead", (PRIVATE, "eu-central-1")),
        (
            PUBLIC,
            PRIVATE,
            "https://vpce-2.sqs.us-west-2.vpce.amazonaws.com/1/dead",
            ("https://vpce-2.sqs.us-west-2.vpce.amazonaws.com", "us-west-2"),
        ),
        # An emulator is everything that there is.
        (PUBLIC, LOCAL, "https://sqs.us-west-2.amazonaws.com/1/dead", (LOCAL, "us-west-2")),
        (PUBLIC, LOCAL, "http://localhost:9325/0/dead", (LOCAL, "eu-central-1")),
        (PUBLIC, "https://sqs.test.example", "arn:aws:sqs:us-west-2:1:dead", ("https://sqs.test.example", "us-west-2")),
        # Nothing is set.
        (PUBLIC, None, "https://sqs.us-west-2.amazonaws.com/1/dead", (None, "us-west-2")),
        (PUBLIC, None, f"{PRIVATE}/1/dead", (PRIVATE, "eu-central-1")),
        (PUBLIC, None, "dead", (None, "eu-central-1")),
    ],
)
def test_a_queue_is_reached_where_its_own_address_says(
    source: str, endpoint: str | None, dlq: str, reached: tuple[str | None, str]
) -> None:
    """Endpoint and region for each way to name it, beside each kind of endpoint."""
    place = beside(dlq, source, region="eu-central-1", endpoint_url=endpoint)
    assert (place.endpoint_url, place.region) == reached


@pytest.mark.parametrize("endpoint", [None, PRIVATE, LOCAL])
def test_the_queue_itself_is_where_it_was(endpoint: str | None) -> None:
    """Its endpoint is the one that is set."""
    assert beside(PUBLIC, PUBLIC, region=None, endpoint_url=endpoint).endpoint_url == endpoint


@pytest.mark.parametrize(
    ("queue", "address"),
    [
        ("https://sqs.eu-central-1.amazonaws.com/1234/orders", "https://sqs.eu-central-1.amazonaws.com/1234/dead"),
        ("http://localhost:9324/000000000000/orders", "http://localhost:9324/000000000000/dead"),
        ("orders", "arn:aws:sqs:eu-central-1:1234:dead"),
        ("arn:aws:sqs:eu-central-1:1234:orders", "arn:aws:sqs:eu-central-1:1234:dead"),
    ],
)
def test_what_a_policy_names_is_a_url_where_the_queue_is_one(queue: str, address: str) -> None:
    """SQS keeps both in one account and region: no right to ask for the URL is needed."""
    assert neighbour(queue, "arn:aws:sqs:eu-central-1:1234:dead") == address
