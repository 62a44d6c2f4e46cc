"""A database's address as people have it: libpq's URL or its `word=value` form, with what providers add. Pure.

`read_dsn` takes the text of POSTGRES_DSN and gives a `Dsn`: hosts in the order in which they are tried, what the driver
understands, and a notice for each word that is dropped. The driver sends words that it does not know to the server as
settings, and the server refuses those, so nothing unknown goes further. Neither errors nor notices quote a value.

The words are those of libpq (PostgreSQL's manual, 32.1.2 "Parameter Key Words"), of the drivers that share its URL, and
of providers.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlencode

from worker.sinks.postgres.dsn_forms import words_of

if TYPE_CHECKING:
    from collections.abc import Iterator

PORT: Final = 5432
DRIVER_WORDS: Final = frozenset(
    {
        "user",
        "password",
        "dbname",
        "passfile",
        "service",
        "sslmode",
        "sslcert",
        "sslkey",
        "sslpassword",
        "sslrootcert",
        "sslcrl",
        "sslnegotiation",
        "ssl_min_protocol_version",
        "ssl_max_protocol_version",
        "krbsrvname",
        "gsslib",
    }
)
"""What asyncpg does as libpq does."""
SERVER_WORDS: Final = frozenset(
    {
        "application_name",
        "options",
        "search_path",
        "timezone",
        "statement_timeout",
        "lock_timeout",
        "idle_in_transaction_session_timeout",
        "role",
        "work_mem",
        "jit",
    }
)
"""What a session of the server can be told at its start."""
TARGETS: Final = frozenset({"any", "primary", "standby", "prefer-standby", "read-write", "read-only"})
SSL_MODES: Final = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
ALIASES: Final = {"database": "dbname", "fallback_application_name": "application_name", "host_addr": "hostaddr"}
_AS_WE_ARE: Final = {
    "gssencmode": {"disable", "prefer"},
    "channel_binding": {"disable", "prefer"},
    "client_encoding": {"utf8", "utf-8", "auto", "unicode"},
    "keepalives": {"1"},
    "replication": {"false", "off", "no", "0"},
    "sslcompression": {"0"},
    "sslsni": {"1"},
    "sslcertmode": {"allow"},
    "gssdelegation": {"0"},
    "load_balance_hosts": {"disable"},
    "pgbouncer": {"false"},
}
"""Words whose value asks for what is done anyway, so that nothing is lost by dropping them."""
_WHY: Final = {
    "channel_binding": "the driver does not bind passwords to the TLS channel; sslmode=verify-full proves the server",
    "gssencmode": "the driver does not encrypt by GSSAPI; use sslmode",
    "pgbouncer": "PgBouncer needs no setting: no prepared statement is kept",
    "sslcrldir": "the driver reads a file, sslcrl",
}
_KEEPALIVE: Final = re.compile(r"keepalives\w*|tcp_user_timeout")
SYSTEM: Final = "system"
"""The value of sslrootcert that means the machine's own certificates (PostgreSQL 16)."""


@dataclass(frozen=True, slots=True, repr=False)
class Dsn:
    """One database. Never shown: it holds the password."""

    hosts: tuple[tuple[str, int | None], ...]
    """Name, address or folder of a socket, and port, in the order in which they are tried; empty: the driver's own."""
    words: dict[str, str]
    """Of `DRIVER_WORDS`."""
    server_settings: dict[str, str]
    connect_seconds: float | None
    """For each host; None: not said."""
    target: str | None
    """Of `TARGETS`; None: not said."""
    system_certificates: bool
    notices: tuple[str, ...]
    """Sentences that name what is not done."""

    @property
    def url(self) -> str:
        """All but hosts and server settings, as the driver reads it."""
        return "postgresql://?" + urlencode(self.words, quote_via=quote) if self.words else "postgresql://"


def read_dsn(text: str) -> Dsn:
    """Take *text* apart.

    Raises:
        ValueError: with a sentence that quotes nothing of it.
    """
    return _made({ALIASES.get(name, name): value for name, value in words_of(text).items() if value})


def _made(words: dict[str, str]) -> Dsn:
    hosts = tuple(_places(words))
    words = {name: value for name, value in words.items() if name not in {"host", "hostaddr", "port"}}
    seconds, target = seconds_of(words.pop("connect_timeout", "")), words.pop("target_session_attrs", None)
    if target is not None and target not in TARGETS:
        raise ValueError(f"target_session_attrs is none of {', '.join(sorted(TARGETS))}")
    if words.pop("ssl", "").lower() in {"true", "1"}:
        words.setdefault("sslmode", "require")
    notices = [*_about_tls(words)]
    system = words.get("sslrootcert") == SYSTEM
    if system:
        del words["sslrootcert"]
    driver = {name: value for name, value in words.items() if name in DRIVER_WORDS}
    server = {name: value for name, value in words.items() if name.lower() in SERVER_WORDS}
    dropped = words.keys() - driver.keys() - server.keys()
    notices += [notice for name in sorted(dropped) if (notice := _dropped(name, words[name]))]
    return Dsn(hosts, driver, server, seconds, target, system, tuple(notices))


def _places(words: dict[str, str]) -> Iterator[tuple[str, int | None]]:
    named, addresses = (words.get(name, "").split(",") for name in ("host", "hostaddr"))
    hosts = named if any(named) else addresses
    ports = words.get("port", "").split(",")
    if not any(hosts):
        hosts = ["localhost"] if any(ports) else []
    if len(ports) not in {1, len(hosts)} and hosts:
        raise ValueError("it has more ports than hosts, or fewer")
    for number, host in enumerate(hosts):
        yield host or "localhost", _port(ports[number if len(ports) > 1 else 0])


def _port(text: str) -> int | None:
    if text and not (text.isascii() and text.isdigit() and 0 < int(text[:6]) < 65_536):  # noqa: PLR2004 - TCP's ports
        raise ValueError("a port is a number up to 65535; write : and / of the password in percent-encoding")
    return int(text) if text else None


def seconds_of(text: str) -> float | None:
    """Whole seconds of `connect_timeout`, as in libpq; 0 and less mean for ever there, and None here.

    Raises:
        ValueError: it is no whole number.
    """
    try:
        seconds = int(text) if text else 0
    except ValueError:
        raise ValueError("connect_timeout is no whole number of seconds") from None
    return float(max(seconds, 2)) if seconds > 0 else None  # less than 2 is 2 in libpq, too


def _about_tls(words: dict[str, str]) -> Iterator[str]:
    """Brings sslmode into a form that the driver has; says what was made of it."""
    mode = words.get("sslmode")
    if mode == "no-verify":
        words["sslmode"] = "require"
        yield _notice("sslmode=no-verify", "taken as require, which encrypts and does not verify either")
    elif mode is not None and mode not in SSL_MODES:
        raise ValueError(f"sslmode is none of {', '.join(SSL_MODES)}")
    if words.get("sslrootcert") == SYSTEM and words.get("sslmode", "verify-full") != "verify-full":
        yield _notice("sslmode", "verify-full is used, since sslrootcert=system trusts every public authority")
    if words.get("sslrootcert") == SYSTEM:
        words["sslmode"] = "verify-full"


def _dropped(name: str, value: str) -> str:
    """The notice for a word that nobody reads; empty if what it asks for is done anyway."""
    if value.lower() in _AS_WE_ARE.get(name, ()):
        return ""
    if _KEEPALIVE.fullmatch(name):
        return _notice(name, "the worker's own time limits find a dead connection in 40 s")
    return _notice(name, _WHY.get(name, "neither the driver nor the server's start knows it"))


def _notice(word: str, why: str) -> str:
    return (
        f"{word} in POSTGRES_DSN: {why}" if word.startswith("sslmode") else f"{word} in POSTGRES_DSN is ignored: {why}"
    )
