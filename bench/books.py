"""The loopback's own books, read over its control address: what it handed out, what was deleted, what it was asked.

Takes its URL, gives a `Page` for each look. It knows nothing of who is measured, so it is the judge of all.
"""

from __future__ import annotations

import http.client
import json
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

from bench.place import QUEUE

if TYPE_CHECKING:
    from pathlib import Path

TIMEOUT_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Page:
    """One look."""

    received: int
    deleted: int
    receives: int
    """Requests to receive, the empty ones too."""
    others: int
    """All other requests: deletes, renewals, questions about the queue."""


class Books:
    """A connection to the control address; ends with `close`, or with the context."""

    def __init__(self, url: str, certificate: Path | None = None) -> None:
        address = urlsplit(url)
        host, port = address.hostname or "", address.port
        if certificate is None:
            self._connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT_SECONDS)
        else:
            context = ssl.create_default_context(cafile=str(certificate))
            self._connection = http.client.HTTPSConnection(host, port, timeout=TIMEOUT_SECONDS, context=context)

    def look(self) -> Page:
        """What is in them now."""
        self._connection.request("GET", "/_loopback/account")
        account = json.loads(self._connection.getresponse().read())
        queue = account["queues"][QUEUE]
        receives = account["requests"].pop("ReceiveMessage", 0)
        return Page(queue["received"], queue["deleted"], receives, sum(account["requests"].values()))

    def close(self) -> None:
        """Hang up."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
