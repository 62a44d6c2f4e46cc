"""CODEC=text, described."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from worker.codecs.plugin import CodecPlugin, NoSettings

if TYPE_CHECKING:
    from worker.codecs.codec import Codec, DecodeLimits


def _make(_settings: NoSettings, limits: DecodeLimits) -> Codec:
    from worker.codecs.text.codec import TextCodec  # noqa: PLC0415 - only who decodes pays for it

    return TextCodec(limits)


PLUGIN: Final = CodecPlugin(name="text", summary="Any text, as it is.", settings=NoSettings, make=_make)
