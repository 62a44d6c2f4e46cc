"""Formats: a folder each, all behind the protocol in `codec.py`, each introduced by its `plugin.py`.

The names below are what a codec of yours needs, under the promise that `worker/sinks/__init__.py` gives for those of
sinks. They are looked up when they are used.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from worker.codecs.codec import Codec, DecodeLimits, Reason
    from worker.codecs.plugin import CodecPlugin, NoSettings
    from worker.errors import DecodeError
    from worker.plugins.setting import Seconds, Section, Variable, Whole

__all__ = [
    "Codec",
    "CodecPlugin",
    "DecodeError",
    "DecodeLimits",
    "NoSettings",
    "Reason",
    "Seconds",
    "Section",
    "Variable",
    "Whole",
]
_PLACES = {
    "codecs.codec": ("Codec", "DecodeLimits", "Reason"),
    "codecs.plugin": ("CodecPlugin", "NoSettings"),
    "errors": ("DecodeError",),
    "plugins.setting": ("Seconds", "Section", "Variable", "Whole"),
}


def __getattr__(name: str) -> object:
    """One of the public names, from its module."""
    from worker.plugins.public import looked_up  # noqa: PLC0415 - imported with the first name

    return looked_up(__name__, name, _PLACES)


def __dir__() -> list[str]:
    """The public names, looked up or not."""
    return sorted({*globals(), *__all__})
