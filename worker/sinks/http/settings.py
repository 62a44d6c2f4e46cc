"""The settings of SINK=http.

Other programs read variables that begin with HTTP_, too: what stands in them matters only where this sink is chosen.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, SecretStr

from worker.plugins.setting import Seconds, Section, Variable

Format = Literal["json", "ndjson", "single"]
Compression = Literal["none", "gzip", "zstd"]


class HttpSettings(Section):
    """A service that takes POST requests."""

    url: Annotated[str, Variable("HTTP_URL", "`https://host/path`, or `http://…`", shared=True)]
    """Where `SINK=http` POSTs to, which needs the extra `http` of the package. Redirects are not followed, and
    HTTP_PROXY is not read."""

    format: Annotated[Format, Variable("HTTP_FORMAT", shared=True)] = "json"
    """What a request holds: a JSON array of messages, a line of JSON for each, or a single message."""

    check_url: Annotated[
        str | None, Variable("HTTP_CHECK_URL", "a URL that a GET reads", shared=True, otherwise="only connect")
    ] = None
    """Asked at the start and by `worker check`, with the same headers: only 2xx lets it start."""

    headers: Annotated[
        SecretStr | None,
        Variable("HTTP_HEADERS", 'a JSON object, such as `{"Authorization": "Bearer …"}`', secret=True, shared=True),
    ] = None
    """Headers of every request. A secret: never shown."""

    secret: Annotated[
        SecretStr | None,
        Variable(
            "HTTP_SECRET",
            "`whsec_` and base64, or a text; two of them, with a space, while it changes",
            secret=True,
            shared=True,
        ),
    ] = None
    """Signs every request as Standard Webhooks says: HMAC-SHA256 over id, time and body. A secret: never shown."""

    compression: Annotated[Compression, Variable("HTTP_COMPRESSION", shared=True)] = "none"
    """Of request bodies, with `Content-Encoding`."""

    timeout_seconds: Annotated[Seconds, Variable("HTTP_TIMEOUT_SECONDS", shared=True), Field(ge=0.1, le=900)] = 30.0
    """How long one request may take, from the connection to the last byte of its answer."""

    client_cert: Annotated[str | None, Variable("HTTP_CLIENT_CERT", "a PEM file", shared=True)] = None
    """The certificate that the worker shows to the service (mTLS), with those between it and its authority."""

    client_key: Annotated[
        str | None,
        Variable(
            "HTTP_CLIENT_KEY", "a PEM file without a passphrase", shared=True, otherwise="the file of HTTP_CLIENT_CERT"
        ),
    ] = None
    """Its private key."""

    ca_bundle: Annotated[
        str | None, Variable("HTTP_CA_BUNDLE", "a PEM file", shared=True, otherwise="the system's authorities")
    ] = None
    """The authorities that may have signed the service's certificate, instead of the system's."""
