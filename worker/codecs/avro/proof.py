"""What a schema lets a datum become: takes a schema, gives how many values a datum of so many bytes has at most.

Most schemas make each value of a list take a byte, so that a small body can only be a small value: what is proven here
costs a multiplication a message. Not proven is what only a look at the datum can tell (`walk.py`): a list of values
that take no bytes, a type within itself, a body so large that the proof is too weak.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from worker.codecs.codec import DecodeLimits

_SIZES: Final = {"null": 0, "float": 4, "double": 8}
"""Bytes of the primitive types that take not one at least."""


@dataclass(frozen=True, slots=True)
class Bound:
    """A datum of n bytes has at most `values + rate * n` values."""

    least: int = 1
    """Bytes that a datum takes at least."""
    values: float = 1
    rate: float = 0
    depth: int = 0
    """Levels of containers in it at most."""
    maps: bool = False
    """True: a sender may choose names in it."""


UNBOUNDED: Final = Bound(least=0, values=math.inf, maps=True)


def bound(schema: Any, named: Mapping[str, Any], inside: frozenset[str] = frozenset()) -> Bound:
    """The bound of *schema*, whose *named* types may refer to each other; *inside* are those that it is part of."""
    if isinstance(schema, list):
        return _union([bound(one, named, inside) for one in schema])
    kind = schema if isinstance(schema, str) else schema["type"]
    if not isinstance(kind, str):
        return bound(kind, named, inside)
    if kind in named:
        return UNBOUNDED if kind in inside else bound(named[kind], named, inside)
    return Bound(least=_SIZES.get(kind, 1)) if isinstance(schema, str) else _complex(kind, schema, named, inside)


def _complex(kind: str, schema: Mapping[str, Any], named: Mapping[str, Any], inside: frozenset[str]) -> Bound:
    match kind:
        case "record" | "error":
            within = inside | {schema["name"]}
            return _record([bound(field["type"], named, within) for field in schema["fields"]])
        case "array":
            return _repeated(bound(schema["items"], named, inside), key=0)
        case "map":
            return _repeated(bound(schema["values"], named, inside), key=1)
        case "fixed":
            return Bound(least=schema["size"])
        case _:
            return Bound(least=_SIZES.get(kind, 1))


def proven(found: Bound, size: int, limits: DecodeLimits) -> bool:
    """Whether a datum of *size* bytes cannot pass a limit, whatever it is."""
    if not math.isfinite(found.values + found.rate) or found.depth > limits.max_depth:
        return False
    most = min(limits.max_nodes, limits.max_keys) if found.maps else limits.max_nodes
    return found.values + found.rate * size <= most


def _union(branches: list[Bound]) -> Bound:
    return Bound(
        least=1 + min(one.least for one in branches),
        values=max(one.values for one in branches),
        rate=max(one.rate for one in branches),
        depth=max(one.depth for one in branches),
        maps=any(one.maps for one in branches),
    )


def _record(fields: list[Bound]) -> Bound:
    return Bound(
        least=sum(one.least for one in fields),
        values=1 + sum(one.values for one in fields),
        rate=max((one.rate for one in fields), default=0),
        depth=1 + max((one.depth for one in fields), default=0),
        maps=any(one.maps for one in fields),
    )


def _repeated(item: Bound, *, key: int) -> Bound:
    """An array, or with a *key* of one byte at least a map."""
    least = item.least + key
    rate = item.rate + item.values / least if least else math.inf
    return Bound(rate=rate, depth=1 + item.depth, maps=item.maps or key > 0)
