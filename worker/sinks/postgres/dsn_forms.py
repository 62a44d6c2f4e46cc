"""The two forms in which libpq takes a database's address, URL and `word=value`, as words. Pure.

`words_of` takes the text and gives a value for each word, hosts and ports as the words `host` and `port` have them.
Errors are sentences that quote nothing of it.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote

_SCHEME: Final = re.compile(r"(?:jdbc:)?postgres(?:ql)?(?:\+[a-z0-9_]+)?://", re.IGNORECASE)
_WORD: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,62}")
_PAIR: Final = re.compile(r"\s*([A-Za-z_]\w*)\s*=\s*('(?:[^'\\]|\\.)*'|(?:[^\s\\']|\\.)*)(?=\s|$)", re.DOTALL)
_COMMAND: Final = re.compile(r"psql\s+(?=['\"]?(?:postgres|\w+\s*=))")


def words_of(text: str) -> dict[str, str]:
    """Take *text* apart.

    Raises:
        ValueError: it has neither form, or is broken.
    """
    text = _unwrapped(text)
    if found := _SCHEME.match(text):
        return _of_url(text[found.end() :])
    if "://" not in text and _PAIR.match(text):
        return _of_pairs(text)
    raise ValueError("it is neither a URL of PostgreSQL nor in libpq's form host=... dbname=... user=...")


def _unwrapped(text: str) -> str:
    """Without what a shell, an env file or a provider's command line has put around it."""
    text = text.strip()
    text = _COMMAND.sub("", text, count=1) if _COMMAND.match(text) else text
    for mark in "'\"`":
        if len(text) > 1 and text[0] == text[-1] == mark:
            return text[1:-1].strip()
    return text


def _of_url(rest: str) -> dict[str, str]:
    place, _, query = rest.partition("?")
    authority, slash, database = place.partition("/")
    login, at, hosts = authority.rpartition("@")
    if not (at or slash) and "@" in query:
        raise ValueError("a ? cuts its login in two; write a ? of the password as %3F")
    user, _, password = login.partition(":")
    words: dict[str, str] = {"user": unquote(user), "password": unquote(password)} if at else {}
    words["dbname"] = unquote(database)
    words |= dict(zip(("host", "port"), _host_list(hosts), strict=True))
    for pair in query.split("&") if query else ():
        name, equals, value = pair.partition("=")
        if not equals:
            raise ValueError("after the ? come word=value pairs, joined by &; write a ? of the password as %3F")
        words[_named(unquote(name))] = unquote(value)
    return words


def _host_list(hosts: str) -> tuple[str, str]:
    """As the words `host` and `port` have them."""
    pairs = [_host(unquote(one)) for one in hosts.split(",")] if hosts else []
    return ",".join(host for host, _ in pairs), ",".join(port for _, port in pairs)


def _host(text: str) -> tuple[str, str]:
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        return host, rest.removeprefix(":")
    if text.startswith("/"):
        return text, ""
    host, _, port = text.partition(":")
    return host, port


def _of_pairs(text: str) -> dict[str, str]:
    words: dict[str, str] = {}
    at = 0
    while text[at:].strip():
        found = _PAIR.match(text, at)
        if found is None:
            raise ValueError("in word=value form put a value with spaces in 'single quotes'")
        value = found[2]
        bare = value[1:-1] if value.startswith("'") else value
        words[_named(found[1])] = re.sub(r"\\(.)", r"\1", bare, flags=re.DOTALL)
        at = found.end()
    return words


def _named(word: str) -> str:
    if _WORD.fullmatch(word) is None:
        raise ValueError("one of its words is no name; write special characters of the password in percent-encoding")
    return word
