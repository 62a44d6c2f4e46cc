"""Signature Version 4 for the native path: the head of a signed request, in a few microseconds.

`Signer` takes an endpoint and a region once; `head` takes an operation, a body, keys and a Unix time and gives every
byte of the request before its body. Pure but for what it remembers: the day's key, what the current second's requests
have in common, and the heads of small requests that were asked for in this second already.

All requests of a worker differ only in the operation, the second and the body, so almost all that is hashed and
written is prepared once a second. The headers, their order and what is signed are those of the SDK; the tests compare
signatures with botocore's own.
"""

from __future__ import annotations

import hmac
import time
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from worker import __version__
from worker.sqs.endpoint import printable

if TYPE_CHECKING:
    from worker.sqs.endpoint import Endpoint

USER_AGENT: Final = f"sqs-worker-daemon/{__version__}"
ALGORITHM: Final = "AWS4-HMAC-SHA256"
CONTENT_TYPE: Final = "application/x-amz-json-1.0"

BLOCK_BYTES: Final = 64
"""Of SHA-256, to which HMAC fills up its key (RFC 2104)."""
_INNER: Final = bytes(byte ^ 0x36 for byte in range(256))
_OUTER: Final = bytes(byte ^ 0x5C for byte in range(256))
"""RFC 2104's two paddings, as maps of a byte of the key."""

REMEMBERED_BYTES: Final = 1024
"""Bodies over this are deletes and sends, of which no two are equal: to look for them would cost their hash."""
REMEMBERED_HEADS: Final = 64
"""In one second. A queue's receives differ by how many messages they ask for; the rest is asked for once."""


@dataclass(frozen=True, slots=True)
class Keys:
    """Credentials as they are at one moment. What could not stand in a header is refused here."""

    access_key: str
    secret_key: str = field(repr=False)
    token: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        printable(self.access_key, "the access key id of the credentials")
        if self.token:
            printable(self.token, "the session token of the credentials")
        if not self.secret_key or not self.secret_key.isascii():
            raise ValueError("the secret access key of the credentials is empty or has characters beyond ASCII in it")


class Signer:
    """Writes the heads of requests to one endpoint. One a queue: it remembers one set of keys at a time."""

    def __init__(self, endpoint: Endpoint, *, region: str, service: str = "sqs", user_agent: str = USER_AGENT) -> None:
        self._region = printable(region, "the region to sign for")
        self._service = printable(service, "the service to sign for")
        self._common = (
            f"POST {endpoint.target} HTTP/1.1\r\nHost: {endpoint.authority}\r\n"
            f"User-Agent: {printable(user_agent, 'the User-Agent')}\r\nAccept-Encoding: identity\r\n"
            f"Content-Type: {CONTENT_TYPE}\r\nx-amzn-query-mode: true\r\n"
        )
        self._canonical = (
            f"POST\n{endpoint.canonical_path}\n{endpoint.canonical_query}\n"
            f"content-type:{CONTENT_TYPE}\nhost:{endpoint.authority}\n"
        )
        # All below is written by `_begin` (the second), `_derive` (the day) and `head` (what was asked for in it).
        self._second: int | None = None
        self._keys: Keys | None = None
        self._stamp = ""
        self._day = ""
        self._inner = self._outer = self._this_second = sha256()
        self._targets: dict[str, tuple[bytes, bytes]] = {}
        self._heads: dict[tuple[str, bytes], bytes] = {}

    def head(self, target: str, body: bytes, keys: Keys, unix: float) -> bytes:
        """The signed head of one request, its empty line included; *target* is for example AmazonSQS.ReceiveMessage.

        Raises:
            ValueError: *target* is nothing that can stand in a header.
        """
        second = int(unix)
        if second != self._second or keys is not self._keys:
            self._begin(second, keys)
        small = len(body) <= REMEMBERED_BYTES
        if small and (known := self._heads.get((target, body))) is not None:
            return known
        prepared = self._targets.get(target)
        canonical, written = self._prepared(target, keys) if prepared is None else prepared
        digest = sha256(canonical + sha256(body).hexdigest().encode()).hexdigest().encode()
        signature = self._signature(digest)
        head = b"%b%b\r\nContent-Length: %d\r\n\r\n" % (written, signature, len(body))
        if small and len(self._heads) < REMEMBERED_HEADS:
            self._heads[target, body] = head
        return head

    def _signature(self, digest: bytes) -> bytes:
        """HMAC-SHA256 of this second's text and *digest*, from where the key and that text had been taken in already.

        `hmac.digest` takes them in for each request, and spends as much again on looking up the algorithm.
        """
        inner, outer = self._this_second.copy(), self._outer.copy()
        inner.update(digest)
        outer.update(inner.digest())
        return outer.hexdigest().encode()

    def _begin(self, second: int, keys: Keys) -> None:
        """Forget the last second's requests; those of another second or other keys share nothing with them."""
        self._stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(second))
        day = self._stamp[:8]
        if day != self._day or keys != self._keys:
            self._derive(day, keys)
        self._this_second = self._inner.copy()
        self._this_second.update(f"{ALGORITHM}\n{self._stamp}\n{self._scope()}\n".encode())
        self._targets.clear()
        self._heads.clear()
        self._second, self._keys = second, keys

    def _derive(self, day: str, keys: Keys) -> None:
        derived = f"AWS4{keys.secret_key}".encode()
        for word in (day, self._region, self._service, "aws4_request"):
            derived = hmac.digest(derived, word.encode(), "sha256")
        padded = derived.ljust(BLOCK_BYTES, b"\0")
        self._inner, self._outer = sha256(padded.translate(_INNER)), sha256(padded.translate(_OUTER))
        self._day = day

    def _scope(self) -> str:
        return f"{self._day}/{self._region}/{self._service}/aws4_request"

    def _prepared(self, target: str, keys: Keys) -> tuple[bytes, bytes]:
        """What this second's requests of *target* begin with: in the canonical request, and on the wire."""
        printable(target, "the operation")
        token_signed = f"x-amz-security-token:{keys.token}\n" if keys.token else ""
        token_written = f"X-Amz-Security-Token: {keys.token}\r\n" if keys.token else ""
        token_named = "x-amz-security-token;" if keys.token else ""
        signed = f"content-type;host;x-amz-date;{token_named}x-amz-target;x-amzn-query-mode"
        canonical = (
            f"{self._canonical}x-amz-date:{self._stamp}\n{token_signed}"
            f"x-amz-target:{target}\nx-amzn-query-mode:true\n\n{signed}\n"
        )
        written = (
            f"{self._common}X-Amz-Target: {target}\r\nX-Amz-Date: {self._stamp}\r\n{token_written}"
            f"Authorization: {ALGORITHM} Credential={keys.access_key}/{self._scope()}, "
            f"SignedHeaders={signed}, Signature="
        )
        self._targets[target] = canonical.encode(), written.encode()
        return self._targets[target]
