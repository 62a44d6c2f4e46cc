"""CODEC=avro, described."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from worker.codecs.avro.settings import AvroSettings
from worker.codecs.plugin import CodecPlugin

if TYPE_CHECKING:
    from worker.codecs.codec import Codec, DecodeLimits


def _make(settings: AvroSettings, limits: DecodeLimits) -> Codec:
    from worker.codecs.avro.codec import AvroCodec  # noqa: PLC0415 - only who decodes pays for it

    return AvroCodec(settings, limits)


PLUGIN: Final = CodecPlugin(
    name="avro",
    summary="A datum of Avro's binary encoding, in base64.",
    settings=AvroSettings,
    make=_make,
    extra="avro",
    page="codecs/avro.md",
)
