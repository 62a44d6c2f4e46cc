"""The settings: what is wrong is told without its secrets, and variables of other programs trouble nobody."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from worker.errors import SettingsError
from worker.settings import Loaded, load
from worker.sinks.http.plugin import PLUGIN
from worker.sinks.http.settings import HttpSettings
from worker.testing.sinks import make_context

if TYPE_CHECKING:
    from pathlib import Path

QUEUE = {"SQS_QUEUE_URL": "https://sqs.eu-central-1.amazonaws.com/123456789012/orders"}
CHOSEN = {**QUEUE, "SINK": "http", "HTTP_URL": "https://shop.test/orders"}


@pytest.fixture(autouse=True)
def _empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def read(environ: dict[str, str]) -> Loaded:
    return load(environ, host_name=lambda: "host-1")


def problems(**environ: str) -> list[str]:
    with pytest.raises(SettingsError) as raised:
        read(CHOSEN | environ)
    return raised.value.problems


@pytest.mark.parametrize(
    "url",
    [
        "shop.test/orders",
        "ftp://shop.test",
        "https://",
        "https://me:geheim@shop.test/",
        "https://shop.test:port/",
        "https://shop.test/a b",
        "https://shop.test/#geheim",
        "https://[::1/",
    ],
)
def test_a_url_that_is_none_is_a_problem(url: str) -> None:
    """Told without the URL, which may hold a password."""
    for name in ("HTTP_URL", "HTTP_CHECK_URL"):
        (said,) = problems(**{name: url})
        assert said.startswith(name)
        assert "geheim" not in said


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"HTTP_HEADERS": "Authorization: geheim"}, "HTTP_HEADERS: it is no JSON"),
        ({"HTTP_SECRET": "whsec_geheim!"}, "HTTP_SECRET: what follows whsec_ is no base64"),
        ({"HTTP_CLIENT_KEY": "a.key"}, "HTTP_CLIENT_KEY is set without HTTP_CLIENT_CERT"),
        (
            {"HTTP_URL": "http://shop.test", "HTTP_CLIENT_CERT": "a.pem"},
            "HTTP_CLIENT_CERT is set, but HTTP_URL is http",
        ),
        ({"HTTP_URL": "http://shop.test", "HTTP_CA_BUNDLE": "a.pem"}, "HTTP_CA_BUNDLE is set, but HTTP_URL is http"),
        ({"HTTP_FORMAT": "xml"}, "HTTP_FORMAT is 'xml'"),
        ({"HTTP_TIMEOUT_SECONDS": "0"}, "HTTP_TIMEOUT_SECONDS is"),
    ],
)
def test_what_is_wrong_is_told_with_the_fix(wrong: dict[str, str], words: str) -> None:
    """One sentence, without secrets."""
    (said,) = problems(**wrong)
    assert said.startswith(words)
    assert "geheim" not in said


def test_secrets_by_plain_http_are_a_notice() -> None:
    """But not to this machine itself."""
    headers = {"HTTP_HEADERS": '{"X-Key": "geheim"}'}
    notices = read(CHOSEN | headers | {"HTTP_URL": "http://shop.test/"}).notices
    assert any("plain http" in notice for notice in notices)
    assert not any(
        "plain http" in notice for notice in read(CHOSEN | headers | {"HTTP_URL": "http://localhost/"}).notices
    )


def test_variables_of_other_programs_are_nobodys_slip() -> None:
    """HTTP_PORT is no HTTP_FORMAT, and HTTP_FORMAT of another program is not read where this sink is not chosen."""
    others = {
        "HTTP_PROXY": "http://proxy:3128",
        "HTTP_PORT": "8080",
        "HTTP_HOST": "0.0.0.0",  # noqa: S104 - nothing listens
        "HTTP_USER": "me",
        "HTTP_TIMEOUT": "5",
        "HTTP_SERVICE_HOST": "10.0.0.1",
    }
    assert not [notice for notice in read(CHOSEN | others).notices if "HTTP_" in notice]
    theirs = {"HTTP_URL": '"http://api"', "HTTP_FORMAT": "pretty", "HTTP_COMPRESSION": "true", "HTTP_HEADERS": "X: 1"}
    loaded = read(QUEUE | others | theirs)
    assert not [notice for notice in loaded.notices if "HTTP_" in notice]


def test_a_near_miss_is_a_notice_all_the_same() -> None:
    """A secret that is misspelt signs nothing, and somebody should hear of it."""
    assert "HTTP_SECERT is not read; HTTP_SECRET is" in read(CHOSEN | {"HTTP_SECERT": "x"}).notices


def test_it_is_made_with_a_connection_for_each_batch_at_once() -> None:
    """And feeds on one message at a time where each has a request of its own."""
    context = make_context()
    batches = PLUGIN.make(HttpSettings(url="https://shop.test/", compression="zstd"), context)
    assert (batches.demand.max_rows, batches.demand.max_writers) == (None, context.concurrency)
    singles = PLUGIN.make(HttpSettings(url="https://shop.test/", format="single"), context)
    assert singles.demand.max_rows == 1
