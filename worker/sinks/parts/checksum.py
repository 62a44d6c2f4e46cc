"""Checksums of S3: sent with what is put, and looked for in the answer. Pure, and slow: for a thread.

S3 refuses what does not have the checksum that came with it. What it answers is compared as well: an answer without one
did not come from S3, or not from one that looked.
"""

from __future__ import annotations

import hashlib
import zlib
from base64 import b64decode, b64encode
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Algorithm = Literal["sha256", "crc32"]

_MD5_CHARACTERS: Final = 32
"""Of an ETag that is a digest of the object."""


@dataclass(frozen=True, slots=True)
class Checksum:
    """One algorithm."""

    algorithm: Algorithm

    @property
    def name(self) -> str:
        """As the API calls it."""
        return self.algorithm.upper()

    @property
    def field(self) -> str:
        """The parameter that carries it, and the field of the answer."""
        return f"Checksum{self.name}"

    def of(self, data: bytes) -> str:
        """Of *data*, as the API writes it."""
        return b64encode(self._raw(data)).decode()

    def composite(self, pieces: Sequence[str]) -> str:
        """Of an object that was put in *pieces* with these checksums: that of their checksums, and how many."""
        return f"{self.of(b''.join(map(b64decode, pieces)))}-{len(pieces)}"

    def confirmed(self, answer: Mapping[str, Any], said: str, data: bytes) -> bool:
        """Whether *answer* is that of a store that has *data*, whose checksum we *said*.

        Stores that know no such checksums answer with an ETag, which is the MD5 of an object put in one go.
        """
        if self.field in answer:
            return bool(answer[self.field] == said)
        tag = str(answer.get("ETag", "")).strip('"')
        return len(tag) == _MD5_CHARACTERS and tag == hashlib.md5(data, usedforsecurity=False).hexdigest()

    def _raw(self, data: bytes) -> bytes:
        if self.algorithm == "sha256":
            return hashlib.sha256(data).digest()
        return zlib.crc32(data).to_bytes(4, "big")
