"""Base64: takes a body, gives the bytes in it. A body of SQS is text, so what is binary comes so.

The standard alphabet (`+` and `/`), padded, in one line: what anything else would be read as is a guess.
"""

from __future__ import annotations

import binascii
from typing import TYPE_CHECKING

from worker.codecs.codec import Reason
from worker.codecs.precheck import encode
from worker.errors import DecodeError

if TYPE_CHECKING:
    from worker.codecs.codec import DecodeLimits


def unwrapped(body: str, limits: DecodeLimits) -> bytes:
    """The bytes that *body* says: at most three quarters of `max_bytes`.

    Raises:
        DecodeError: it is empty, too large, or no base64.
    """
    try:
        return binascii.a2b_base64(encode(body, limits), strict_mode=True)
    except binascii.Error as error:
        raise DecodeError(Reason.DECODE, f"no base64: {error}") from None
