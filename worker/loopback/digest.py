"""The MD5s that SQS answers with, so that a client can prove that its bytes arrived.

Takes a body or attributes, gives 32 hex digits; pure.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from worker.message import Attribute


def body_md5(body: str) -> str:
    """MD5 of the body's UTF-8 bytes."""
    return hashlib.md5(body.encode(), usedforsecurity=False).hexdigest()


def attributes_md5(attributes: Mapping[str, Attribute]) -> str | None:
    """MD5 over the attributes in the order of their names; None without any, as SQS leaves the field out."""
    if not attributes:
        return None
    digest = hashlib.md5(usedforsecurity=False)
    for name in sorted(attributes):
        attribute = attributes[name]
        value = attribute.value
        digest.update(_framed(name.encode()) + _framed(attribute.data_type.encode()))
        digest.update(b"\x02" + _framed(value) if isinstance(value, bytes) else b"\x01" + _framed(value.encode()))
    return digest.hexdigest()


def _framed(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data
