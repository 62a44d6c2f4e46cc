"""A connection to a host of several addresses: to the first that answers, not to the first in a list.

`Dialer` takes an endpoint and gives connected connections, TLS included. The addresses of a name are raced: the next is
tried when one has failed or has been silent for a moment (RFC 8305, "happy eyeballs"), so that IPv6 without a route, a
lost zone of a VPC endpoint, or a machine that accepts and then says nothing costs that moment, and not each time: what
was silent is tried last for a while. Names are resolved for each connection; when nobody resolves them, the addresses
of before hold. It holds nothing open and has no end.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from contextlib import suppress
from itertools import chain, zip_longest
from typing import TYPE_CHECKING, Any, Final

from worker.sqs.errors import shortened
from worker.sqs.native.answer import WireTrouble
from worker.sqs.native.connection import Connection

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from worker.sqs.endpoint import Endpoint

CONNECT_SECONDS: Final = 5.0
STAGGER_SECONDS: Final = 0.25
"""How long an address may be silent before the next is tried beside it (RFC 8305, Connection Attempt Delay)."""
STAGGER_SECONDS_MAX: Final = 2.0
"""The RFC's upper bound. Between both: twice what the last handshake took, since TLS is part of the race here."""
DOUBT_SECONDS: Final = 60.0
"""How long an address that failed or was silent is tried last."""
RESOLVE_SECONDS: Final = 2.0
"""How long a resolver may take when the addresses of before are known."""


class Dialer:
    """Makes the connections to one endpoint."""

    def __init__(
        self, endpoint: Endpoint, *, tls: ssl.SSLContext | None, connect_seconds: float = CONNECT_SECONDS
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._endpoint = endpoint
        self._tls = tls
        self._connect_seconds = connect_seconds
        self._literal = _is_address(endpoint.host)
        self._known: list[str] = []
        """The addresses of the name, the last time it was resolved. Written by `_addresses`."""
        self._doubted: dict[str, float] = {}
        """Addresses that failed, with the loop time until which they are tried last. Written by `doubt`."""
        self._stagger = STAGGER_SECONDS
        """Written by `dial`."""

    async def dial(self) -> Connection:
        """A new connection, ready for its first request.

        Raises:
            WireTrouble: no address answered, by the names that the SDK's way has for that.
        """
        began = self._loop.time()
        errors: dict[str, Exception] = {}
        try:
            async with asyncio.timeout(self._connect_seconds):
                connection = await self._raced(await self._addresses(), errors)
        except (OSError, UnicodeError) as error:  # TimeoutError and socket.gaierror among them
            raise self._trouble(error, errors) from error
        if connection is None:
            raise self._trouble(_most_telling(errors.values()), errors)
        self._stagger = min(max(STAGGER_SECONDS, 2 * (self._loop.time() - began)), STAGGER_SECONDS_MAX)
        return connection

    def doubt(self, address: str) -> None:
        """Try *address* last for a while: it did not answer."""
        self._doubted[address] = self._loop.time() + DOUBT_SECONDS

    async def _addresses(self) -> list[str]:
        """Where to try, in order."""
        if self._literal:
            return [self._endpoint.host]
        try:
            async with asyncio.timeout(RESOLVE_SECONDS if self._known else None):
                found = await self._loop.getaddrinfo(self._endpoint.host, self._endpoint.port, type=socket.SOCK_STREAM)
        except OSError:  # of the resolver, or that it took too long
            if not self._known:
                raise
        else:
            self._known = _interleaved(found)
        now = self._loop.time()
        self._doubted = {address: until for address, until in self._doubted.items() if now < until}
        return sorted(self._known, key=lambda address: self._doubted.get(address, 0.0))

    async def _raced(self, addresses: Sequence[str], errors: dict[str, Exception]) -> Connection | None:
        """The first to answer; None when all have failed. What failed is written to *errors*."""
        tries: list[asyncio.Task[Connection | None]] = []
        try:
            async with asyncio.TaskGroup() as race:
                for address in addresses:
                    tries.append(race.create_task(self._tried(address, errors), name=f"dial-{address}"))
                    last = len(tries) == len(addresses)
                    if await _any_connected(tries, seconds=None if last else self._stagger):
                        break
                for begun in tries:
                    begun.cancel()
        except BaseException:
            for connection in _connected(tries):
                connection.abort()
            raise
        connected = _connected(tries)
        for late in connected[1:]:
            late.abort()
        winner = connected[0] if connected else None
        self._doubt_those_before(winner, addresses)
        return winner

    def _doubt_those_before(self, winner: Connection | None, addresses: Sequence[str]) -> None:
        """Those that were tried first and did not answer first."""
        for address in addresses:
            if winner is None or address == winner.peer:
                return
            self.doubt(address)

    async def _tried(self, address: str, errors: dict[str, Exception]) -> Connection | None:
        connection = Connection(self._loop, peer=address)
        host = self._endpoint.host if self._tls else None
        try:
            await self._loop.create_connection(
                lambda: connection, address, self._endpoint.port, ssl=self._tls, server_hostname=host
            )
        except (OSError, RuntimeError) as error:  # ssl.SSLError among them; the other is uvloop's
            connection.abort()
            errors[address] = error
            self.doubt(address)
            return None
        except BaseException:
            connection.abort()
            raise
        return connection

    def _trouble(self, error: Exception, errors: dict[str, Exception]) -> WireTrouble:
        """Why there is no connection.

        A certificate that is not accepted is passing trouble too: it may be a hotel's network, a clock or a renewal of
        today, and a worker that waits is mended by whoever mends that.
        """
        where = self._endpoint.authority
        match error:
            case ssl.SSLCertVerificationError():
                said = error.verify_message
                hint = "if a proxy of yours inspects TLS, name its authority in AWS_CA_BUNDLE"
                return WireTrouble("SSLError", f"the certificate of {where} is not accepted: {said}; {hint}")
            case ssl.SSLError():
                return WireTrouble("SSLError", shortened(f"no TLS with {where}: {error}"))
            case TimeoutError():
                words = f"no connection to {where} within {self._connect_seconds:g} s"
                return WireTrouble("ConnectTimeoutError", shortened(words + self._tried_words(errors)))
            case _:
                words = f"no connection to {where}: {error}"
                return WireTrouble("EndpointConnectionError", shortened(words + self._tried_words(errors)))

    def _tried_words(self, errors: dict[str, Exception]) -> str:
        if self._literal or not self._known:
            return ""
        said = (f"{address} {errors.get(address) or 'did not answer'}" for address in self._known)
        return f" (addresses: {', '.join(said)})"


async def _any_connected(tries: Sequence[asyncio.Task[Connection | None]], *, seconds: float | None) -> bool:
    """Wait for one of *tries* to connect, for at most *seconds*, or until all have failed."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while not _connected(tries) and (waiting := [one for one in tries if not one.done()]):
                await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    return bool(_connected(tries))


def _connected(tries: Iterable[asyncio.Task[Connection | None]]) -> list[Connection]:
    ended = (one for one in tries if one.done() and not one.cancelled() and one.exception() is None)
    return [connection for one in ended if (connection := one.result()) is not None]


def _most_telling(errors: Iterable[Exception]) -> Exception:
    """Of several addresses' errors that of TLS, which says most; else the first."""
    kinds = (ssl.SSLCertVerificationError, ssl.SSLError)

    def rank(error: Exception) -> int:
        return next((place for place, kind in enumerate(kinds) if isinstance(error, kind)), len(kinds))

    return min(errors, key=rank, default=OSError("the name has no address"))


def _interleaved(found: Iterable[tuple[Any, ...]]) -> list[str]:
    """The addresses, each once; families take turns, the resolver's first choice first (RFC 8305, section 4)."""
    families: dict[object, dict[str, None]] = {}
    for family, *_, where in found:
        families.setdefault(family, {})[str(where[0])] = None
    turns = zip_longest(*families.values(), fillvalue="")
    return list(filter(None, chain.from_iterable(turns)))


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
