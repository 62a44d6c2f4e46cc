"""CODEC=json-any, described."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from worker.codecs.plugin import CodecPlugin, NoSettings

if TYPE_CHECKING:
    from worker.codecs.codec import Codec, DecodeLimits


def _make(_settings: NoSettings, limits: DecodeLimits) -> Codec:
    from worker.codecs.json_any.codec import JsonAnyCodec  # noqa: PLC0415 - only who decodes pays for it

    return JsonAnyCodec(limits)


PLUGIN: Final = CodecPlugin(
    name="json-any",
    summary="Any JSON value a message, read strictly.",
    settings=NoSettings,
    make=_make,
    page="codecs/json-any.md",
)
