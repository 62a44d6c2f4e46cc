"""POSTGRES_DSN as people have it: what is taken, what is dropped with a notice, and that nothing of it is quoted."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.sinks.postgres.dsn import Dsn, read_dsn

SECRET = "geheim"
URL = f"postgresql://me:{SECRET}@db:6432/shop"


def said(text: str) -> dict[str, Any]:
    """What was understood, as one dict."""
    dsn = read_dsn(text)
    return {"hosts": dsn.hosts, **dsn.words}


WHOLE = {"hosts": (("db", 6432),), "user": "me", "password": SECRET, "dbname": "shop"}


@pytest.mark.parametrize(
    "text",
    [
        URL,
        URL.replace("postgresql", "postgres"),
        URL.replace("postgresql", "postgresql+asyncpg"),
        f"jdbc:postgresql://db:6432/shop?user=me&password={SECRET}",
        f'"{URL}"',
        f"'{URL}'",
        f"  {URL}\n",
        f"' {URL} '",
        f"psql '{URL}'",
        f"host=db port=6432 dbname=shop user=me password={SECRET}",
        f"host = db  port='6432' dbname=shop user=me password='{SECRET}'\n",
        f"postgresql://?host=db&port=6432&dbname=shop&user=me&password={SECRET}",
        f"postgresql://other:other@other/other?host=db&port=6432&dbname=shop&user=me&password={SECRET}",
    ],
)
def test_every_form_says_the_same(text: str) -> None:
    """URL, word=value, quotes and spaces around the whole, other drivers' schemes, a provider's command line."""
    assert said(text) == WHOLE


@pytest.mark.parametrize(
    ("place", "hosts"),
    [
        ("", ()),
        ("db", (("db", None),)),
        ("a:1,b:2", (("a", 1), ("b", 2))),
        ("a,b", (("a", None), ("b", None))),
        ("[::1]:5432", (("::1", 5432),)),
        ("[::1],b", (("::1", None), ("b", None))),
        ("%2Fvar%2Frun%2Fpostgresql", (("/var/run/postgresql", None),)),
    ],
)
def test_hosts_in_order(place: str, hosts: tuple[tuple[str, int | None], ...]) -> None:
    """One, several, IPv6, a socket's folder; what is not said is the driver's own."""
    assert read_dsn(f"postgresql://me@{place}/x").hosts == hosts


@pytest.mark.parametrize(
    ("pairs", "hosts"),
    [
        ("host=a,b port=1,2", (("a", 1), ("b", 2))),
        ("host=a,b port=1", (("a", 1), ("b", 1))),
        ("hostaddr=10.0.0.1 dbname=x", (("10.0.0.1", None),)),
        ("host=/run/pg dbname=x", (("/run/pg", None),)),
        ("port=1 dbname=x", (("localhost", 1),)),
    ],
)
def test_hosts_in_words(pairs: str, hosts: tuple[tuple[str, int | None], ...]) -> None:
    """As libpq pairs hosts and ports."""
    assert read_dsn(pairs).hosts == hosts


@pytest.mark.parametrize(
    ("word", "notice"),
    [
        ("channel_binding=require", "channel_binding"),
        ("channel_binding=prefer", ""),
        ("gssencmode=disable", ""),
        ("gssencmode=require", "gssencmode"),
        ("keepalives=1", ""),
        ("keepalives=0", "keepalives"),
        ("keepalives_idle=30", "keepalives_idle"),
        ("tcp_user_timeout=1000", "tcp_user_timeout"),
        ("pgbouncer=true", "pgbouncer"),
        ("connection_limit=5", "connection_limit"),
        ("supa=base-pooler.x", "supa"),
        ("client_encoding=UTF8", ""),
        ("client_encoding=latin1", "client_encoding"),
        ("sslmode=no-verify", "sslmode"),
        ("load_balance_hosts=random", "load_balance_hosts"),
        ("hostaddr=10.0.0.1", ""),
        ("connect_timeout=5", ""),
        ("application_name=mine", ""),
        ("target_session_attrs=read-write", ""),
        ("sslrootcert=system&sslmode=verify-full", ""),
        ("sslrootcert=system&sslmode=require", "sslmode"),
    ],
)
def test_what_is_not_done_is_named(word: str, notice: str) -> None:
    """Dropped with the word, or taken; what asks for what is done anyway goes without a word."""
    dsn = read_dsn(f"{URL}?{word}")
    assert [one.split()[0].partition("=")[0] for one in dsn.notices] == ([notice] if notice else [])
    assert set(dsn.words) <= {"user", "password", "dbname", "sslmode"}
    assert SECRET not in str(dsn.notices)


def test_what_is_taken() -> None:
    """Time to connect, the server's own settings, the target, certificates of the machine."""
    dsn = read_dsn(
        f"{URL}?connect_timeout=1&application_name=shop%20writer&options=-c%20jit%3Doff&TimeZone=UTC"
        "&target_session_attrs=primary&sslrootcert=system"
    )
    assert dsn.connect_seconds == 2.0
    assert dsn.server_settings == {"application_name": "shop writer", "options": "-c jit=off", "TimeZone": "UTC"}
    assert dsn.target == "primary"
    assert dsn.system_certificates
    assert dsn.words["sslmode"] == "verify-full"
    assert read_dsn(f"{URL}?connect_timeout=0").connect_seconds is None
    assert read_dsn(f"{URL}?ssl=true").words["sslmode"] == "require"


@pytest.mark.parametrize(
    "text",
    [
        f"mysql://me:{SECRET}@db/x",
        f"{SECRET}",
        f"postgresql://me:ge/{SECRET}@db/x",
        f"postgresql://me:a?{SECRET}@db/x",
        f"postgresql://me:12?{SECRET}=x@db/x",
        f"{URL}?{SECRET}",
        f"{URL}?ge%20heim=1",
        f"{URL}?sslmode={SECRET}",
        f"{URL}?target_session_attrs={SECRET}",
        f"{URL}?connect_timeout={SECRET}",
        f"postgresql://me@db:{SECRET}/x",
        "postgresql://me@db:65536/x",
        "postgresql://me@a:1,b:2/x?port=1,2,3",
        f"host=db password={SECRET} with spaces",
        f"host=db password='{SECRET}",
    ],
)
def test_what_cannot_be_read_is_refused_without_being_quoted(text: str) -> None:
    """Nobody knows where in it the password stands."""
    with pytest.raises(ValueError, match=r".") as refused:
        read_dsn(text)
    assert SECRET not in str(refused.value)


texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=12)


@given(texts, texts, texts)
def test_whatever_the_password_it_reaches_the_driver(user: str, password: str, database: str) -> None:
    """Percent-encoded in the URL or quoted in pairs, and encoded again for the driver; it is in no repr."""
    url = f"postgresql://{quote(user, safe='')}:{quote(password, safe='')}@db/{quote(database, safe='')}"

    def quoted(value: str) -> str:
        return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"

    pairs = f"host=db user={quoted(user)} password={quoted(password)} dbname={quoted(database)}"
    for dsn in (read_dsn(url), read_dsn(pairs)):
        assert (dsn.words["user"], dsn.words["password"], dsn.words["dbname"]) == (user, password, database)
        handed_on = parse_qs(urlsplit(dsn.url).query, strict_parsing=True)
        assert {name: values[-1] for name, values in handed_on.items()} == dsn.words
        assert repr(dsn) == object.__repr__(dsn)
        assert isinstance(dsn, Dsn)
