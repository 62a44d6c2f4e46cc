"""Text: takes a body, gives it unchanged, whatever it says: blank, with a byte order mark, with control characters.

Checked only for size and for being Unicode text, because a sink that writes UTF-8 would fail on it. Ends in
`DecodeError`.
"""

from __future__ import annotations

from worker.codecs.codec import DecodeLimits
from worker.codecs.precheck import utf8


class TextCodec:
    """The body is the value. Stateless after construction."""

    name: str = "text"

    def __init__(self, limits: DecodeLimits | None = None) -> None:
        self._limits = limits or DecodeLimits()

    def decode(self, body: str) -> str:
        """*body* itself; see the protocol."""
        utf8(body, self._limits)
        return body
