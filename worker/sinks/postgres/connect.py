"""Connections to PostgreSQL: one host after the other, each in its own time.

`Connector` takes what POSTGRES_DSN says and is the pool's way to a new connection. The driver tries hosts in turn as
well, but under one limit for all, so that a silent first one would take all of it, at each attempt.
"""

from __future__ import annotations

import os
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import asyncpg

from worker.errors import SinkRefused
from worker.sinks.postgres.dsn import PORT, SYSTEM, read_dsn, seconds_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from worker.sinks.postgres.dsn import Dsn

CONNECT_SECONDS: Final = 10.0
"""For all hosts together, if `connect_timeout` does not say how long for each."""
MARGIN_SECONDS: Final = 1.0
TARGET: Final = "PGTARGETSESSIONATTRS"
"""A variable of libpq that the driver reads by itself, as it does those of TLS, hosts, user and password."""
FILES: Final = ("sslrootcert", "sslcert", "sslkey", "sslcrl")
_NEXT: Final = (
    OSError,  # TimeoutError and ssl.SSLError among them
    asyncpg.CannotConnectNowError,
    asyncpg.TargetServerAttributeNotMatched,
    asyncpg.TooManyConnectionsError,
    asyncpg.ConnectionDoesNotExistError,
)
"""With these another host may do better; a wrong password is wrong everywhere."""

Host = tuple[str, int | None]


class Connector:
    """Opens connections to the database of one DSN."""

    def __init__(self, dsn: Dsn) -> None:
        self.dsn = dsn
        self._first: Host | None = None
        """The host that answered last, tried first. Written by `connect` and `forget`."""
        self._said_seconds = dsn.connect_seconds or seconds_of(os.environ.get("PGCONNECT_TIMEOUT", ""))
        self._ssl = self._context()

    @classmethod
    def of(cls, text: str) -> Connector:
        """For the text of a DSN.

        Raises:
            SinkRefused: it cannot be read, or a file that it names cannot.
        """
        try:
            return cls(read_dsn(text))
        except ValueError as error:
            raise SinkRefused(f"POSTGRES_DSN cannot be read: {error}") from None

    @property
    def seconds(self) -> float:
        """How long a whole round over the hosts may take, and a little, so that the last one's own end comes first."""
        return MARGIN_SECONDS + self._each * max(1, len(self.dsn.hosts)) * (
            2 if self.dsn.target == "prefer-standby" else 1
        )

    async def connect(self, *_: object, **parts: Any) -> asyncpg.Connection:
        """A new connection, as asyncpg's pool asks for it.

        Raises:
            asyncpg's own errors, those of the last host if none would do.
        """
        attempts = [*self._attempts()]
        for number, (host, target) in enumerate(attempts, 1):
            try:
                return await self._connect(host, target, parts)
            except _NEXT as error:
                self.forget()
                if number == len(attempts) or isinstance(error, ssl.SSLCertVerificationError):
                    raise  # a certificate that is not trusted is for people to look at, whatever others are
        raise AssertionError("there is always an attempt")  # pragma: no cover - for the type checker

    def forget(self) -> None:
        """Begin with the first host again: what the last one gave was trouble."""
        self._first = None

    @property
    def _each(self) -> float:
        return self._said_seconds or CONNECT_SECONDS / max(1, len(self.dsn.hosts))

    def _attempts(self) -> Iterator[tuple[Host | None, str | None]]:
        """Hosts in order, with what each must be. Of several, the one that can be written to, if nothing is said."""
        hosts: list[Host | None] = [*self.dsn.hosts] or [None]
        if self._first in hosts:
            hosts.remove(self._first)
            hosts.insert(0, self._first)
        target = self.dsn.target
        if target == "prefer-standby":
            yield from ((host, "standby") for host in hosts)
            target = "any"
        elif target is None and len(hosts) > 1 and TARGET not in os.environ:
            target = "read-write"
        yield from ((host, target) for host in hosts)

    async def _connect(self, host: Host | None, target: str | None, parts: dict[str, Any]) -> asyncpg.Connection:
        place: dict[str, Any] = {} if host is None else {"host": host[0], "port": host[1]}
        try:
            connection = await asyncpg.connect(
                self.dsn.url,
                **place,
                **({"ssl": self._ssl} if self._ssl else {}),
                **parts | {"timeout": self._each, "target_session_attrs": target},
            )
        except TimeoutError as error:
            where = "PostgreSQL" if host is None else f"{host[0]}:{host[1] or PORT}"
            raise TimeoutError(f"{where} did not answer within {self._each:g} s") from error
        self._first = host
        return connection

    def _context(self) -> ssl.SSLContext | None:
        """For the machine's own certificates, which the driver cannot find; else it makes its own.

        Raises:
            SinkRefused: a file that the DSN names cannot be read.
        """
        words = self.dsn.words
        for word in FILES:
            if word in words and not (Path(words[word]).is_file() and os.access(words[word], os.R_OK)):
                raise SinkRefused(
                    f"{word} in POSTGRES_DSN names a file that is not there or cannot be read; correct it"
                )
        by_environment = "sslrootcert" not in words and os.environ.get("PGSSLROOTCERT") == SYSTEM
        if not self.dsn.system_certificates and not (by_environment and words.get("sslmode") in {None, "verify-full"}):
            return None
        context = ssl.create_default_context()
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if "sslcert" in words:
            context.load_cert_chain(words["sslcert"], words.get("sslkey"), words.get("sslpassword"))
        return context
