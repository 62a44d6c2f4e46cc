"""The headers that the user gives: takes the text of HTTP_HEADERS, gives names and values, or says what is wrong. Pure.

Problems name a header, never its value.
"""

from __future__ import annotations

import re
from typing import Final

import orjson

OURS: Final = frozenset(
    {
        "connection",
        "content-encoding",
        "content-length",
        "expect",
        "idempotency-key",
        "transfer-encoding",
        "upgrade",
        "webhook-id",
        "webhook-signature",
        "webhook-timestamp",
    }
)
"""Written by the sink, or by what carries its requests."""
_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE: Final = re.compile(r"[\x21-\x7e]([\x20-\x7e\t]*[\x21-\x7e])?")


def read_headers(text: str) -> dict[str, str]:
    """The headers of *text*.

    Raises:
        ValueError: with a sentence that holds no value.
    """
    try:
        given = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise ValueError('it is no JSON: write {"Name": "value"}, and a quote inside a value as \\"') from None
    if not isinstance(given, dict):
        raise ValueError('it is no JSON object: write {"Name": "value"}')  # noqa: TRY004 - its caller wants a sentence
    for name, value in given.items():
        if not _NAME.fullmatch(name):
            raise ValueError("a name in it is none of a header")
        if name.lower() in OURS:
            raise ValueError(f"{name} is written by the worker itself; leave it out")
        if not isinstance(value, str) or not _VALUE.fullmatch(value):
            raise ValueError(f"the value of {name} is no text of visible ASCII characters")
    if len({name.lower() for name in given}) < len(given):
        raise ValueError("a name stands in it twice, in other letters")
    return given
