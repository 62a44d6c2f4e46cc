"""JSON: takes a body, gives the object in it, as `strict_json.py` reads it; nothing but an object at the top.

Ends in `DecodeError`; the body itself is never part of it.
"""

from __future__ import annotations

import orjson

from worker import speedups
from worker.codecs.codec import DecodeLimits, Reason
from worker.codecs.strict_json import StrictJson
from worker.errors import DecodeError


class JsonCodec:
    """One JSON object a message. Stateless after construction."""

    name: str = "json"

    def __init__(self, limits: DecodeLimits | None = None) -> None:
        self._strict = StrictJson(limits or DecodeLimits())
        self._harmless = self._strict.bounds.harmless
        self._characters, self._brackets, self._digits = self._strict.bounds.fast_path

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
        value = self._strict.value(body)
        if not isinstance(value, dict):
            raise DecodeError(Reason.SCHEMA, f"an object is expected, not {_json_type(value)}")
        return value


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
