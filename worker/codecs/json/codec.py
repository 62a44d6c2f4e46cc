"""JSON: takes a body, gives the object in it.

Strict where the standard library is lax: no NaN, no Infinity, no number beyond a double, no lone surrogate, nothing but
an object at the top. Exact where orjson is not: an integer that does not fit into 64 bits keeps every digit. Of
duplicate keys the last one wins. Ends in `DecodeError`; the body itself is never part of it.
"""

from __future__ import annotations

import json

import orjson

from worker import speedups
from worker.codecs.codec import DecodeLimits, Reason
from worker.codecs.precheck import JsonBounds, encode
from worker.errors import DecodeError


class JsonCodec:
    """One JSON object a message. Stateless after construction."""

    name: str = "json"

    def __init__(self, limits: DecodeLimits | None = None) -> None:
        self._limits = limits or DecodeLimits()
        self._bounds = JsonBounds(self._limits)
        self._harmless = self._bounds.harmless
        self._characters, self._brackets, self._digits = self._bounds.fast_path

    def decode(self, body: str) -> dict[str, object]:
        """The object in *body*; see the protocol.

        What orjson takes for an object is Unicode text without a mark before it: what `encode` asks for is looked at
        only when it does not, to say why.
        """
        try:
            if speedups.harmless(body, self._characters, self._brackets, self._digits):
                value = orjson.loads(body)
                if type(value) is dict:
                    return value
            elif self._harmless(raw := body.encode()) and type(value := orjson.loads(raw)) is dict:
                return value
        except ValueError:
            pass
        return self._carefully(body)

    def _carefully(self, body: str) -> dict[str, object]:
        """As `decode`, for every body: each check in its turn, and a reason for what is refused."""
        raw = encode(body, self._limits)
        wide = not self._bounds.harmless(raw) and self._bounds.check(raw)
        try:
            value = orjson.loads(raw)
        except orjson.JSONDecodeError as error:
            raise _explain(error, body) from None
        if wide:
            # orjson has found the text valid; it would turn the wide integers into floats and lose their digits.
            value = json.loads(body)
        if not isinstance(value, dict):
            raise DecodeError(Reason.SCHEMA, f"an object is expected, not {_json_type(value)}")
        return value


def _explain(error: orjson.JSONDecodeError, body: str) -> DecodeError:
    """The reason in orjson's message, or at the place it points to."""
    detail = str(error)
    if "surrogate" in error.msg:
        return DecodeError(Reason.UNICODE, detail)
    if "infinity" in error.msg or body.startswith(("NaN", "Infinity"), error.pos):
        return DecodeError(Reason.NUMBER, detail)
    return DecodeError(Reason.DECODE, detail)


def _json_type(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "a string"
        case _:
            return "an array"
