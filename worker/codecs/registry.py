"""The codecs there are: what `CODEC` may say, and what is built for it.

A folder here with a `plugin.py` is a codec; others come by entry points or by a dotted path (`worker/plugins/`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from worker.codecs.codec import DecodeLimits
from worker.codecs.plugin import CodecPlugin
from worker.errors import SettingsError, StartRefused
from worker.plugins.registry import PluginError, Registry, made

if TYPE_CHECKING:
    from worker.codecs.codec import Codec
    from worker.plugins.setting import Section

CODECS: Final[Registry[CodecPlugin[Any]]] = Registry(CodecPlugin, "worker.codecs", "sqs_worker.codecs")


def make_codec(name: str, limits: DecodeLimits | None = None, *, settings: Section | None = None) -> Codec:
    """The codec that `CODEC` calls *name*; without *settings* with its defaults.

    Raises:
        SettingsError: there is none of that name, or it cannot be loaded.
        StartRefused: its library is not installed, or what its settings name cannot be used.
    """
    try:
        plugin = CODECS.find(name)
    except PluginError as error:
        raise SettingsError([f"CODEC is '{name}': {error}"]) from error
    try:
        return made(plugin, "CODEC", lambda: plugin.make(settings or plugin.settings(), limits or DecodeLimits()))
    except PluginError as error:
        raise StartRefused(str(error)) from error
