"""How a codec introduces itself: its name, its settings, and how it is made.

Each folder of `worker/codecs` has a `plugin.py` with a `PLUGIN = CodecPlugin(...)`. The module is imported to list
settings, so it stays light: a codec's libraries are imported inside `make`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from worker.plugins.setting import Section

if TYPE_CHECKING:
    from collections.abc import Callable

    from worker.codecs.codec import Codec, DecodeLimits

S = TypeVar("S", bound=Section)


class NoSettings(Section):
    """Of a codec that needs none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CodecPlugin(Generic[S]):
    """One codec, described."""

    name: str
    """What `CODEC` calls it."""
    summary: str
    """What a body is, in one sentence."""
    settings: type[S]
    """Its own settings; their variables begin with its name, their fields do not."""
    make: Callable[[S, DecodeLimits], Codec]
    """Makes the codec; imports its libraries."""
    extra: str = ""
    """The extra of this package that brings its library; of another package `package[extra]`."""
    page: str = ""
    """Its page: a file below `docs/`, or a URL."""
