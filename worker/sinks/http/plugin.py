"""SINK=http, described."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from worker.plugins.setting import Rule
from worker.sinks.http.headers import read_headers
from worker.sinks.http.settings import HttpSettings
from worker.sinks.http.signature import read_secrets
from worker.sinks.plugin import Chosen, Guarantee, SinkPlugin

if TYPE_CHECKING:
    from collections.abc import Iterable

    from worker.plugins.setting import Called
    from worker.sinks.plugin import SinkContext
    from worker.sinks.sink import Sink

_LOCAL: Final = ("localhost", "127.0.0.1", "::1")


def _make(settings: HttpSettings, context: SinkContext) -> Sink:
    from worker.sinks.http.sink import HttpSink  # noqa: PLC0415 - needs aiohttp, which is an extra

    if settings.compression == "zstd":
        import zstandard  # noqa: F401, PLC0415 - missing, it is told at the start

    return HttpSink(settings, connections=context.concurrency)


def _urls(chosen: Chosen[HttpSettings], called: Called) -> str | None:
    for field, url in (("url", chosen.settings.url), ("check_url", chosen.settings.check_url)):
        if url is not None and (wrong := _wrong_with(url)):
            return f"{called(field)} {wrong}; give https://host/path"
    return None


def _wrong_with(url: str) -> str:
    """Without the URL, which may hold a secret."""
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - raises where it is no number
    except ValueError:
        return "cannot be read as a URL"
    if parts.scheme not in {"http", "https"} or not parts.hostname or not url.isprintable() or " " in url:
        return "is no URL of http or https"
    if parts.username is not None:
        return 'holds a user, which belongs into HTTP_HEADERS ({"Authorization": "Basic …"})'
    return "has a fragment (#…), which is never sent" if parts.fragment else ""


def _headers(chosen: Chosen[HttpSettings], called: Called) -> str | None:
    given = chosen.settings.headers
    try:
        read_headers(given.get_secret_value() if given else "{}")
    except ValueError as error:
        return f"{called('headers')}: {error}"
    return None


def _secret(chosen: Chosen[HttpSettings], called: Called) -> str | None:
    given = chosen.settings.secret
    try:
        read_secrets(given.get_secret_value() if given else "none")
    except ValueError as error:
        return f"{called('secret')}: {error}; give whsec_ and base64, or a text without spaces"
    return None


def _certificate(chosen: Chosen[HttpSettings], called: Called) -> str | None:
    settings = chosen.settings
    if settings.client_key is not None and settings.client_cert is None:
        return f"{called('client_key')} is set without {called('client_cert')}, its certificate; set both"
    files = settings.client_cert is not None or settings.ca_bundle is not None
    if files and not any(url.lower().startswith("https:") for url in (settings.url, settings.check_url or "")):
        which = "client_cert" if settings.client_cert is not None else "ca_bundle"
        return f"{called(which)} is set, but {called('url')} is http: set it to https"
    return None


def _notices(settings: HttpSettings) -> Iterable[str]:
    """What is sent so that anybody on the way can read it."""
    parts = urlsplit(settings.url)
    if parts.scheme == "http" and parts.hostname not in _LOCAL and settings.headers is not None:
        yield "HTTP_HEADERS go to HTTP_URL by plain http: whoever is on the way can read them"


PLUGIN: Final = SinkPlugin(
    name="http",
    summary="A POST to a service for each batch, or for each message.",
    settings=HttpSettings,
    make=_make,
    guarantee=Guarantee(
        "at least once", "a redelivery is POSTed again", key="`message_id` of the message, for the service"
    ),
    rules=(
        Rule(frozenset({"url", "check_url"}), _urls),
        Rule(frozenset({"headers"}), _headers),
        Rule(frozenset({"secret"}), _secret),
        Rule(frozenset({"url", "check_url", "client_cert", "client_key", "ca_bundle"}), _certificate),
    ),
    notices=_notices,
    extra="http",
    page="sinks/http.md",
)
