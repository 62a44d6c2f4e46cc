"""The table of formats: what `CODEC` may say, and what is built for it.

Takes a name, gives a codec; an unknown name ends in `SettingsError`. A new format is one file and one line here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from worker.codecs.json.codec import JsonCodec
from worker.codecs.text.codec import TextCodec
from worker.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from worker.codecs.codec import Codec, DecodeLimits

CODECS: Final[dict[str, Callable[[DecodeLimits | None], Codec]]] = {"json": JsonCodec, "text": TextCodec}


def make_codec(name: str, limits: DecodeLimits | None = None) -> Codec:
    """The codec that `CODEC` calls *name*.

    Raises:
        SettingsError: there is none of that name.
    """
    if name not in CODECS:
        raise SettingsError([f"CODEC={name}: no such codec; use one of {', '.join(sorted(CODECS))}"])
    return CODECS[name](limits)
