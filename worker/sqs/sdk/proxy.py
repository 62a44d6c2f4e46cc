"""The proxy that the SDK goes through, by the name of the variable that says so.

`variable_of` takes a client and gives the variable, or None. `named` adds it to an error of the way there: who reads
that SQS cannot be reached has to know that somebody else was asked to reach it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from botocore.httpsession import ProxyConfiguration
from botocore.utils import get_environ_proxies

from worker.errors import QueueError, QueueUnavailable

if TYPE_CHECKING:
    from types_aiobotocore_sqs import SQSClient

OF_THE_WAY: Final = frozenset(
    {
        "ClientOSError",
        "ConnectTimeoutError",
        "ConnectionClosedError",
        "EndpointConnectionError",
        "HTTPClientError",
        "NotAws",
        "NotSqs",
        "ProxyConnectionError",
        "ReadTimeoutError",
        "SSLError",
        "Timeout",
    }
)
"""Codes of trouble that may be the proxy's."""


def variable_of(client: SQSClient) -> str | None:
    """The variable that sends the requests of *client* to a proxy."""
    return None if _proxy(client) is None else f"{urlsplit(client.meta.endpoint_url).scheme.upper()}_PROXY"


def named(error: QueueError, client: SQSClient) -> QueueError:
    """*error*, and by which proxy the request went, if it went by one and that may be why."""
    if error.code not in OF_THE_WAY or not isinstance(error, QueueUnavailable):
        return error
    if (proxy := _proxy(client)) is None:
        return error
    host = urlsplit(proxy).netloc.rpartition("@")[2]
    way = f"by way of the proxy {host} ({variable_of(client)}; NO_PROXY names hosts to reach without)"
    return type(error)(error.operation, error.code, f"{error.detail}; {way}" if error.detail else way)


def _proxy(client: SQSClient) -> str | None:
    meta = client.meta
    proxies = meta.config.proxies
    if proxies is None:
        proxies = get_environ_proxies(meta.endpoint_url)
    found = ProxyConfiguration(proxies).proxy_url_for(meta.endpoint_url)
    return None if found is None else str(found)
