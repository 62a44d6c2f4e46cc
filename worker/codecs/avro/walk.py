"""A datum walked through: takes its bytes and its schema, makes nothing of it, and ends where a bound is passed.

For what `proof.py` cannot prove. A walker is made of a schema once, a function for each type in it; a walk costs less
than a microsecond a value, and there are never more of them than `max_nodes`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from worker.codecs.codec import Reason
from worker.errors import DecodeError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from worker.codecs.codec import DecodeLimits

_SIZES: Final = {"null": 0, "boolean": 1, "float": 4, "double": 8}
_LAST_SHIFT: Final = 63
"""Of the tenth byte of a number, of which one bit is left."""


class Walk:
    """One datum, and what was seen of it."""

    def __init__(self, raw: bytes, begin: int, limits: DecodeLimits) -> None:
        self._raw = raw
        self.at = begin
        self._limits = limits
        self._values = 0
        self._keys = 0
        self._depth = 0

    def number(self) -> int:
        """The number that stands here, of 64 bits."""
        shift = bits = 0
        while shift <= _LAST_SHIFT and self.at < len(self._raw):
            byte = self._raw[self.at]
            self.at += 1
            bits |= (byte & 0x7F) << shift
            if byte < 0x80:  # noqa: PLR2004 - the bit that says that more follows
                if bits >= 1 << 64:
                    break
                return (bits >> 1) ^ -(bits & 1)
            shift += 7
        raise DecodeError(Reason.DECODE, f"no number at byte {self.at}")

    def skip(self, size: int) -> None:
        """Pass over *size* bytes."""
        if not 0 <= size <= len(self._raw) - self.at:
            raise DecodeError(Reason.DECODE, f"{size} bytes are said to follow at byte {self.at}")
        self.at += size

    def value(self) -> None:
        """Count a value."""
        self._values += 1
        if self._values > self._limits.max_nodes:
            raise DecodeError(Reason.SIZE, f"more than {self._limits.max_nodes:,} values")

    def block(self, count: int, *, keyed: bool) -> None:
        """Expect *count* items before the first is looked at; with keys, names that the sender has chosen."""
        if self._values + count > self._limits.max_nodes:
            raise DecodeError(
                Reason.SIZE, f"{count:,} values more than {self._values:,} pass {self._limits.max_nodes:,}"
            )
        self._keys += count if keyed else 0
        if self._keys > self._limits.max_keys:
            raise DecodeError(Reason.KEYS, f"more than {self._limits.max_keys:,} members of maps")

    def enter(self) -> None:
        """Go one level deeper."""
        self._depth += 1
        if self._depth > self._limits.max_depth:
            raise DecodeError(Reason.DEPTH, f"nested deeper than {self._limits.max_depth} levels")

    def leave(self) -> None:
        """Come back."""
        self._depth -= 1


Step = Callable[[Walk], None]


def walker(schema: Any, named: Mapping[str, Any]) -> Step:
    """What walks through a datum of *schema*, and ends in `DecodeError` where a bound is passed or it is torn."""
    return _Maker(named).step(schema)


class _Maker:
    """Makes walkers of one file; each named type once, since it may be within itself."""

    def __init__(self, named: Mapping[str, Any]) -> None:
        self._named = named
        self._made: dict[str, Step] = {}

    def step(self, schema: Any) -> Step:
        if isinstance(schema, list):
            return _union([self.step(one) for one in schema])
        kind = schema if isinstance(schema, str) else schema["type"]
        if not isinstance(kind, str):
            return self.step(kind)
        if kind in self._named:
            return self._by_name(kind)
        return _primitive(kind) if isinstance(schema, str) else self._complex(kind, schema)

    def _complex(self, kind: str, schema: Mapping[str, Any]) -> Step:
        match kind:
            case "record" | "error":
                return self._by_name(schema["name"])
            case "array":
                return _blocks(self.step(schema["items"]), keyed=False)
            case "map":
                return _blocks(self.step(schema["values"]), keyed=True)
            case "fixed":
                return _sized(schema["size"])
            case _:
                return _primitive(kind)

    def _by_name(self, name: str) -> Step:
        """The walker of a named type, as it will be when all are made."""
        made, schema = self._made, self._named[name]
        if name not in made:
            made[name] = _whole  # stands in while it is made of itself
            fields = schema.get("fields")
            made[name] = self.step(schema) if fields is None else _record([self.step(one["type"]) for one in fields])

        def step(walk: Walk) -> None:
            made[name](walk)

        return step


def _primitive(kind: str) -> Step:
    if kind in _SIZES:
        return _sized(_SIZES[kind])
    return _text if kind in {"string", "bytes"} else _whole


def _sized(size: int) -> Step:
    def step(walk: Walk) -> None:
        walk.value()
        walk.skip(size)

    return step


def _text(walk: Walk) -> None:
    walk.value()
    walk.skip(walk.number())


def _whole(walk: Walk) -> None:
    """An int, a long, or the place of an enum's symbol."""
    walk.value()
    walk.number()


def _union(branches: list[Step]) -> Step:
    def step(walk: Walk) -> None:
        branch = walk.number()
        if not 0 <= branch < len(branches):
            raise DecodeError(Reason.DECODE, f"branch {branch} of a union of {len(branches)}")
        branches[branch](walk)

    return step


def _record(fields: list[Step]) -> Step:
    def step(walk: Walk) -> None:
        walk.value()
        walk.enter()
        for field in fields:
            field(walk)
        walk.leave()

    return step


def _blocks(item: Step, *, keyed: bool) -> Step:
    """An array or a map: blocks of a count and as many items, until a count is zero."""

    def step(walk: Walk) -> None:
        walk.value()
        walk.enter()
        while count := walk.number():
            if count < 0:
                walk.number()  # how many bytes the block has, for those who skip it
            walk.block(abs(count), keyed=keyed)
            for _ in range(abs(count)):
                if keyed:
                    walk.skip(walk.number())
                item(walk)
        walk.leave()

    return step
