"""The rooms of the house, read from its imports: who imports whom, how often, and on which floor each stands.

Takes the folder of a package; gives rooms and arrows. A room is a file at the top of the package, or a folder there
with all that is in it. Every import counts: those for types, those inside functions, and those by a written-out name.
Nothing is run, so that any commit can be read.
"""

from __future__ import annotations

import ast
from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

LONG_LINES: Final = 250
"""A module that has more is counted as long."""
_SOURCES: Final = frozenset({".py", ".c", ".h"})


@dataclass(frozen=True, slots=True)
class Room:
    """A file at the top of the package, or a folder there."""

    name: str
    is_folder: bool
    lines: int
    """Of all its sources, C included."""
    files: Mapping[str, int]
    """Lines by the path of each source, from the package."""


@dataclass(frozen=True)
class House:
    """All rooms of one package."""

    rooms: Mapping[str, Room]
    arrows: Mapping[tuple[str, str], int]
    """Who imports whom → how many modules of the one are named by files of the other, each file counted by itself."""
    _below: dict[str, frozenset[str]] = field(default_factory=dict, init=False, repr=False)

    def imports(self, room: str) -> list[str]:
        """The rooms that *room* imports."""
        return sorted(to for one, to in self.arrows if one == room)

    def below(self, room: str) -> frozenset[str]:
        """Everything that *room* reaches by arrows."""
        if room not in self._below:
            seen: set[str] = set()
            waiting = self.imports(room)
            while waiting:
                if (one := waiting.pop()) not in seen:
                    seen.add(one)
                    waiting += self.imports(one)
            self._below[room] = frozenset(seen)
        return self._below[room]

    @cached_property
    def circles(self) -> list[list[str]]:
        """Rooms that reach each other, and so cannot be understood one after the other."""
        found = {
            tuple(sorted(other for other in self.below(room) if room in self.below(other)))
            for room in self.rooms
            if room in self.below(room)
        }
        return [list(circle) for circle in sorted(found)]

    @cached_property
    def floors(self) -> dict[str, int]:
        """Room → floor, counted from 1: above all that it imports. Rooms of a circle share one floor."""
        floors: dict[str, int] = {}
        for room in sorted(self.rooms, key=lambda one: len(self.below(one) - {one})):
            under = {one for one in self.below(room) if room not in self.below(one)}
            floors[room] = 1 + max((floors[one] for one in under), default=0)
        return floors

    def nearest(self, room: str) -> list[str]:
        """Imports of *room* that no longer way implies."""
        own = self.imports(room)
        return [one for one in own if not any(one in self.below(other) for other in own if other != one)]

    @property
    def long(self) -> dict[str, int]:
        """Sources of more than `LONG_LINES` lines, the longest first."""
        files = [(path, lines) for room in self.rooms.values() for path, lines in room.files.items()]
        return dict(sorted((one for one in files if one[1] > LONG_LINES), key=lambda one: -one[1]))


def read(package: Path) -> House:
    """The house in the folder *package*."""
    sources = sorted(path for path in package.rglob("*") if path.suffix in _SOURCES)
    files: dict[str, dict[str, int]] = {}
    for path in sources:
        within = path.relative_to(package)
        files.setdefault(_room(within.parts[0]), {})[str(within)] = len(path.read_bytes().splitlines())
    rooms = {name: Room(name, package.joinpath(name).is_dir(), sum(of.values()), of) for name, of in files.items()}
    arrows: Counter[tuple[str, str]] = Counter()
    for path in sources:
        if path.suffix == ".py":
            own = _room(path.relative_to(package).parts[0])
            arrows.update((own, to) for to in _imported(path, package, rooms) if to != own)
    return House(rooms, dict(arrows))


def _room(first: str) -> str:
    """The room of a path or module that begins with *first*."""
    return first.partition(".")[0]


def _imported(path: Path, package: Path, rooms: Mapping[str, Room]) -> Iterator[str]:
    """The room of each module of the package that *path* names, each module once."""
    modules = {module for node in ast.walk(ast.parse(path.read_bytes())) for module in _modules(node, package.name)}
    for module in sorted(modules):
        first = module.partition(".")[0]
        if first in rooms:
            yield first
        elif "__init__" in rooms:
            yield "__init__"


def _modules(node: ast.AST, package: str) -> Iterator[str]:
    """Modules of the *package* that *node* imports, without its name: `facts.fact`, or a name of its `__init__`."""
    match node:
        case ast.Import(names=names):
            yield from (alias.name.partition(".")[2] for alias in names if _room(alias.name) == package)
        case ast.ImportFrom(module=str(module), names=names, level=0) if module == package:
            yield from (alias.name for alias in names)
        case ast.ImportFrom(module=str(module), level=0) if _room(module) == package:
            yield module.partition(".")[2]
        case ast.Call(args=[ast.Constant(value=str(said)), *_]) if _is_import_module(node) and _room(said) == package:
            yield said.partition(".")[2]
        case ast.Call(args=[ast.JoinedStr(values=[ast.Constant(value=str(said)), *_]), *_]) if _is_import_module(node):
            room = said.split(".")[1] if _room(said) == package else ""
            yield from [room] if room else []


def _is_import_module(node: ast.Call) -> bool:
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    return name == "import_module"
