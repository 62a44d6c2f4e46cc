"""CODEC=bytes, described."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from worker.codecs.plugin import CodecPlugin, NoSettings

if TYPE_CHECKING:
    from worker.codecs.codec import Codec, DecodeLimits


def _make(_settings: NoSettings, limits: DecodeLimits) -> Codec:
    from worker.codecs.bytes.codec import BytesCodec  # noqa: PLC0415 - only who decodes pays for it

    return BytesCodec(limits)


PLUGIN: Final = CodecPlugin(
    name="bytes",
    summary="Any bytes, in base64.",
    settings=NoSettings,
    make=_make,
    page="codecs/bytes.md",
)
