"""Where the native path connects to and what it writes on a request's first lines: an endpoint's URL, taken apart.

`Endpoint.of` takes the URL that the SDK resolved and gives scheme, host, port, path and query, or ValueError with what
cannot be put on the wire as it stands. Pure; what is not printable ASCII never comes past here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urlsplit

DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_PRINTABLE: Final = re.compile(r"[!-~]+")


def printable(text: str, what: str) -> str:
    """Give *text* back if it can stand in a header: printable ASCII without spaces.

    A line break in a header would let its author write further headers, or a second request.

    Raises:
        ValueError: it cannot; *what* says of which value the sentence speaks, which is itself not shown.
    """
    if _PRINTABLE.fullmatch(text) is None:
        raise ValueError(f"{what} is empty or has spaces, line breaks or characters beyond ASCII in it")
    return text


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One server of SQS. Made by `of`."""

    scheme: str
    host: str
    """Lower case; an IPv6 address without its brackets."""
    port: int
    path: str = "/"
    """As it goes on the wire: percent signs and dots are the URL's own."""
    query: str = ""

    @classmethod
    def of(cls, url: str) -> Endpoint:
        """Take *url* apart.

        Raises:
            ValueError: it is no URL of a server, or the native path cannot send to it as the SDK would.
        """
        parts = urlsplit(printable(url, "the endpoint's URL"))
        if parts.scheme not in DEFAULT_PORTS or not parts.hostname:
            raise ValueError("the endpoint's URL begins with neither http:// nor https:// and a host")
        if parts.username is not None or parts.password is not None or parts.fragment:
            raise ValueError("the endpoint's URL has a user name, a password or a #fragment in it")
        port = DEFAULT_PORTS[parts.scheme] if parts.port is None else parts.port
        return cls(parts.scheme, parts.hostname, port, parts.path or "/", parts.query)

    @property
    def tls(self) -> bool:
        """Whether the connection is encrypted."""
        return self.scheme == "https"

    @property
    def authority(self) -> str:
        """The Host header: the port only where it is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def target(self) -> str:
        """What a request line asks for."""
        return f"{self.path}?{self.query}" if self.query else self.path

    @property
    def canonical_path(self) -> str:
        """The path as a signature means it: no dots, no empty segments, quoted once more."""
        kept: list[str] = []
        for segment in self.path.split("/"):
            if segment == "..":
                del kept[-1:]
            elif segment not in {"", "."}:
                kept.append(segment)
        last = "/" if kept and self.path.endswith("/") else ""
        return quote("/" + "/".join(kept) + last, safe="/~")

    @property
    def canonical_query(self) -> str:
        """The query as a signature means it: sorted, and every name with its equals sign."""
        pairs = (pair.partition("=") for pair in self.query.split("&")) if self.query else ()
        return "&".join(f"{name}={value}" for name, value in sorted((name, value) for name, _, value in pairs))
