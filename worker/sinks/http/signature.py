"""Signatures of requests, as Standard Webhooks 1.0 has them: whoever receives can verify with any of its libraries.

HMAC-SHA256 over `id.timestamp.body`, where *body* is what is sent, compressed if it is. Pure.
"""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode
from hashlib import sha256
from hmac import digest
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

_PREFIX: Final = "whsec_"


def read_secrets(text: str) -> tuple[bytes, ...]:
    """The keys of HTTP_SECRET: one, or the new one and the old one.

    Raises:
        ValueError: with a sentence that holds none of it.
    """
    keys = tuple(_key(word) for word in text.split())
    if not keys:
        raise ValueError("it is empty")
    return keys


def signature_headers(keys: Sequence[bytes], identifier: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The three headers of a request. *identifier* holds no full stop, *timestamp* is in Unix seconds."""
    content = b".".join((identifier.encode(), str(timestamp).encode(), body))
    signed = (b64encode(digest(key, content, sha256)).decode() for key in keys)
    return {
        "webhook-id": identifier,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(f"v1,{one}" for one in signed),
    }


def _key(word: str) -> bytes:
    if not word.startswith(_PREFIX):
        return word.encode()
    try:
        key = b64decode(word.removeprefix(_PREFIX), validate=True)
    except binascii.Error:
        raise ValueError(f"what follows {_PREFIX} is no base64") from None
    if not key:
        raise ValueError(f"nothing follows {_PREFIX}")
    return key
