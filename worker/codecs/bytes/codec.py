"""Bytes: takes a body in base64, gives the bytes, whatever they are. Ends in `DecodeError`."""

from __future__ import annotations

from worker.codecs.base64_text import unwrapped
from worker.codecs.codec import DecodeLimits


class BytesCodec:
    """The bytes of a body. Stateless after construction."""

    name: str = "bytes"

    def __init__(self, limits: DecodeLimits | None = None) -> None:
        self._limits = limits or DecodeLimits()

    def decode(self, body: str) -> bytes:
        """The bytes that *body* says; see the protocol."""
        return unwrapped(body, self._limits)
