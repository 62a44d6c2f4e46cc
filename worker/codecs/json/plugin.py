"""CODEC=json, described."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from worker.codecs.plugin import CodecPlugin, NoSettings

if TYPE_CHECKING:
    from worker.codecs.codec import Codec, DecodeLimits


def _make(_settings: NoSettings, limits: DecodeLimits) -> Codec:
    from worker.codecs.json.codec import JsonCodec  # noqa: PLC0415 - only who decodes pays for it

    return JsonCodec(limits)


PLUGIN: Final = CodecPlugin(
    name="json", summary="A JSON object a message, read strictly.", settings=NoSettings, make=_make
)
