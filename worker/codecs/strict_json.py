"""JSON as every codec of ours reads it: takes a body, gives any value, each check in its turn.

Strict where the standard library is lax: no NaN, no Infinity, no number beyond a double, no lone surrogate. Exact where
orjson is not: an integer that does not fit into 64 bits keeps every digit. Of duplicate keys the last one wins. Ends in
`DecodeError`; the body itself is never part of it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import orjson

from worker.codecs.codec import Reason
from worker.codecs.precheck import JsonBounds, encode
from worker.errors import DecodeError

if TYPE_CHECKING:
    from worker.codecs.codec import DecodeLimits


class StrictJson:
    """The careful way, for every body. Stateless after construction."""

    def __init__(self, limits: DecodeLimits) -> None:
        self._limits = limits
        self.bounds = JsonBounds(limits)
        """What a quick way asks whether it may be taken."""

    def value(self, body: str) -> object:
        """The value that *body* says.

        Raises:
            DecodeError: with the reason for what is refused.
        """
        raw = encode(body, self._limits)
        wide = not self.bounds.harmless(raw) and self.bounds.check(raw)
        try:
            value: object = orjson.loads(raw)
        except orjson.JSONDecodeError as error:
            raise _explain(error, body) from None
        # orjson has found the text valid; it would turn the wide integers into floats and lose their digits.
        return json.loads(body) if wide else value


def _explain(error: orjson.JSONDecodeError, body: str) -> DecodeError:
    """The reason in orjson's message, or at the place it points to."""
    detail = str(error)
    if "surrogate" in error.msg:
        return DecodeError(Reason.UNICODE, detail)
    if "infinity" in error.msg or body.startswith(("NaN", "Infinity"), error.pos):
        return DecodeError(Reason.NUMBER, detail)
    return DecodeError(Reason.DECODE, detail)
