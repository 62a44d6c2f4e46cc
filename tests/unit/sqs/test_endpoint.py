"""An endpoint's URL, taken apart."""

from __future__ import annotations

import pytest
from botocore.auth import _host_from_url

from worker.sqs.endpoint import Endpoint

URLS = [
    ("https://sqs.eu-west-1.amazonaws.com", "sqs.eu-west-1.amazonaws.com", 443, "/", "sqs.eu-west-1.amazonaws.com"),
    (
        "https://SQS.eu-west-1.amazonaws.com:443/",
        "sqs.eu-west-1.amazonaws.com",
        443,
        "/",
        "sqs.eu-west-1.amazonaws.com",
    ),
    ("http://localhost:4566", "localhost", 4566, "/", "localhost:4566"),
    ("http://localhost:80/a?b=c", "localhost", 80, "/a?b=c", "localhost"),
    ("https://localhost:80?b", "localhost", 80, "/?b", "localhost:80"),
    ("http://[::1]:4566/a/../b", "::1", 4566, "/a/../b", "[::1]:4566"),
    ("https://[2001:DB8::1]", "2001:db8::1", 443, "/", "[2001:db8::1]"),
]


@pytest.mark.parametrize(("url", "host", "port", "target", "authority"), URLS, ids=[url for url, *_ in URLS])
def test_url_is_taken_apart(url: str, host: str, port: int, target: str, authority: str) -> None:
    """Where to connect, what to ask for, and a Host header as botocore writes it."""
    endpoint = Endpoint.of(url)
    assert (endpoint.host, endpoint.port, endpoint.target, endpoint.authority) == (host, port, target, authority)
    assert endpoint.authority == _host_from_url(url)
    assert endpoint.tls == url.startswith("https")


WRONG = [
    "",
    "localhost:4566",
    "ftp://localhost",
    "https:///path",
    "https://user@localhost",
    "https://user:secret@localhost",
    "https://localhost/#part",
    "https://localhost/a b",
    "https://localhost/\r\nX-Other: 1",
    "https://bücher.example",
    "https://localhost:99999",
]


@pytest.mark.parametrize("url", WRONG)
def test_url_that_the_native_path_cannot_serve_is_refused(url: str) -> None:
    """Nothing that could break a header passes, and no secret of the URL is repeated."""
    with pytest.raises(ValueError, match=r"endpoint|[Pp]ort") as caught:
        Endpoint.of(url)
    assert "secret" not in str(caught.value)
