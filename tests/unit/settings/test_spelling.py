"""Slips on the way into a variable: each is told once, by the variable's name, with what to do."""

from __future__ import annotations

import pytest

from worker.errors import SettingsError
from worker.settings import load

URL = "https://sqs.eu-central-1.amazonaws.com/123456789012/orders"


def problems_of(**environ: str) -> list[str]:
    """The sentences, none of them if the settings can work."""
    try:
        load({"SQS_QUEUE_URL": URL, **environ})
    except SettingsError as error:
        return error.problems
    return []


@pytest.mark.parametrize("quote", ['"', "'"])
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SQS_QUEUE_URL", URL),
        ("SQS_DLQ_URL", f"{URL}-dead"),
        ("SQS_ENDPOINT_URL", "http://localhost:9324"),
        ("AWS_REGION", "eu-central-1"),
        ("SQLITE_PATH", "/data/messages.sqlite"),
        ("DEDUPLICATION_KEY", "order.id"),
        ("METRICS_PORT", "0"),
        ("LOG_LEVEL", "debug"),
        ("WORKER_ID", "w-1"),
        ("HANDLER", "shop:handle"),
        ("ENABLE_SQS_CONSUMER", "false"),
    ],
)
def test_quotes_around_a_value_are_named(name: str, value: str, quote: str) -> None:
    """`--env-file` keeps them; a path or a key would be taken with them, and the rest fails for another reason."""
    [problem] = problems_of(**{name: f"{quote}{value}{quote}"})
    assert problem.startswith(f"{name} has quotes around its value")


@pytest.mark.parametrize("name", ["SQS_QUEUE_URL", "SQS_ENDPOINT_URL", "SQLITE_PATH", "DEDUPLICATION_KEY"])
def test_a_line_break_inside_a_value_is_named_and_one_around_it_is_nothing(name: str) -> None:
    """What a file ends with is cut off; one in the middle would go unseen into a path, or out of a URL."""
    value = {"SQS_QUEUE_URL": URL, "SQS_ENDPOINT_URL": "http://localhost:9324"}.get(name, "order.id")
    assert problems_of(**{name: f" {value}\r\n"}) == []
    [problem] = problems_of(**{name: f"{value[:5]}\n{value[5:]}"})
    assert problem == f"{name} has a line break or a tab in its value: write it on one line"


@pytest.mark.parametrize(
    ("name", "value", "write"),
    [
        ("SQS_QUEUE_URL", "sqs.eu-central-1.amazonaws.com/123456789012/orders", "https://sqs.eu-central-1."),
        ("SQS_QUEUE_URL", "localhost:9324/000000000000/orders", "http://localhost:9324/000000000000/orders"),
        ("SQS_DLQ_URL", "sqs.eu-central-1.amazonaws.com/123456789012/dead", "https://sqs.eu-central-1."),
        ("SQS_ENDPOINT_URL", "localhost:9324", "http://localhost:9324"),
        ("SQS_ENDPOINT_URL", "vpce-1.sqs.eu-central-1.vpce.amazonaws.com", "https://vpce-1.sqs."),
    ],
)
def test_a_url_without_its_scheme_says_what_to_write(name: str, value: str, write: str) -> None:
    """The whole value with it, so that it can be copied."""
    [problem] = problems_of(**{name: value})
    assert problem.startswith(f"{name} is '{value}': a URL begins with https://; write {write}")


@pytest.mark.parametrize("blank", [" ", "\u200b", "\u00a0"])
def test_blanks_and_invisible_characters_inside_a_url_are_named(blank: str) -> None:
    """They come with copied text, and the queue would be said not to exist."""
    [problem] = problems_of(SQS_QUEUE_URL=URL.replace("/orders", f"/{blank}orders"))
    assert "no blanks, line breaks or invisible characters" in problem


@pytest.mark.parametrize(("given", "taken"), [("[::1]", "::1"), ("::1", "::1"), ("[::]", "::"), ("here", "here")])
def test_an_address_of_ipv6_may_stand_in_brackets(given: str, taken: str) -> None:
    """As it stands in a URL."""
    assert load({"SQS_QUEUE_URL": URL, "METRICS_HOST": given}).worker.metrics_host == taken


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("127.0.0.1:9100", "METRICS_HOST=127.0.0.1 METRICS_PORT=9100"),
        ("[::1]:9100", "METRICS_HOST=[::1] METRICS_PORT=9100"),
        ("http://127.0.0.1", "give the host alone"),
        ("*", "for all addresses give"),
        ("a b", "an address or host name"),
        ("[::1", "an address or host name"),
    ],
)
def test_what_is_no_host_says_what_to_write(given: str, said: str) -> None:
    """Before anything is opened."""
    [problem] = problems_of(METRICS_HOST=given)
    assert problem.startswith(f"METRICS_HOST is '{given}': ")
    assert said in problem
