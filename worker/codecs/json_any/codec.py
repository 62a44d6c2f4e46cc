"""JSON of any type: takes a body, gives the value in it: an object, an array, a text, a number, true, false or null.

As `strict_json.py` reads it. Ends in `DecodeError`; the body itself is never part of it.
"""

from __future__ import annotations

import orjson

from worker import speedups
from worker.codecs.codec import DecodeLimits
from worker.codecs.strict_json import StrictJson


class JsonAnyCodec:
    """One JSON value a message. Stateless after construction."""

    name: str = "json-any"

    def __init__(self, limits: DecodeLimits | None = None) -> None:
        self._strict = StrictJson(limits or DecodeLimits())
        self._bounds = self._strict.bounds.fast_path

    def decode(self, body: str) -> object:
        """The value of *body*; see the protocol.

        What orjson takes is Unicode text without a mark before it: only what it does not take is read carefully.
        """
        if speedups.harmless(body, *self._bounds):
            try:
                return orjson.loads(body)
            except ValueError:
                pass
        return self._strict.value(body)
