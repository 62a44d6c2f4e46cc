"""Framings: take the bytes of a body, give the schema that they name and where the datum begins.

A body names a schema and never brings one, and nobody is asked for it: what is not among the operator's is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from worker.codecs.codec import Reason
from worker.errors import DecodeError, StartRefused

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from worker.codecs.avro.settings import AvroSettings, Framing

MARKS: Final[Mapping[Framing, bytes]] = {"raw": b"", "single-object": b"\xc3\x01", "registry": b"\0"}
"""What a body begins with."""
NAMES: Final[Mapping[Framing, int]] = {"raw": 0, "single-object": 8, "registry": 4}
"""Bytes of the name of the schema, which follow: a fingerprint from its lowest byte on, an id from its highest."""


def splitter(framing: Framing) -> Callable[[bytes], tuple[bytes, int]]:
    """The function that finds the name of the schema, and where the datum begins."""
    mark, size = MARKS[framing], NAMES[framing]
    begin = len(mark)
    end = begin + size

    def split(raw: bytes) -> tuple[bytes, int]:
        if not raw.startswith(mark):
            raise DecodeError(Reason.DECODE, f"a body of this framing begins with {mark.hex(' ')}")
        if len(raw) < end:
            raise DecodeError(Reason.DECODE, f"{len(raw)} bytes, fewer than what stands before a datum")
        return raw[begin:end], end

    return split


def unknown(framing: Framing, name: bytes) -> DecodeError:
    """The refusal of a body that names a schema which is not there."""
    said = f"id {int.from_bytes(name)}" if framing == "registry" else f"fingerprint {name.hex()}"
    return DecodeError(Reason.SCHEMA, f"no schema in the folder has the {said}")


def place(settings: AvroSettings) -> tuple[str, str]:
    """Where the schemas are: the variable, and the path that it was given.

    Raises:
        StartRefused: what this framing needs is not set, or what it does not use is.
    """
    file, folder = ("AVRO_SCHEMA_FILE", settings.schema_file), ("AVRO_SCHEMA_FOLDER", settings.schema_folder)
    (needed, path), (unused, other) = (file, folder) if settings.framing == "raw" else (folder, file)
    if not path:
        raise StartRefused(f"{needed} is not set: CODEC=avro needs it with AVRO_FRAMING={settings.framing}")
    if other:
        raise StartRefused(f"{unused} is set, but AVRO_FRAMING={settings.framing} reads {needed}: unset one of them")
    return needed, path
