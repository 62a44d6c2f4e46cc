"""Plugins by name: a folder of ours with a `plugin.py`, an entry point of an installed package, or a dotted path.

Takes a name as `SINK` or `CODEC` says it, gives the object that describes the part. Names are known without importing
anything; a part is imported when it is asked for. What cannot be loaded ends in `PluginError`, with a sentence.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Final, Generic, Protocol, TypeVar

from worker.errors import WorkerError
from worker.plugins.dotted import NothingThere, named, told
from worker.plugins.setting import Section, variable_of

if TYPE_CHECKING:
    from collections.abc import Callable

PLUGIN_FILE: Final = "plugin.py"
PLUGIN_NAME: Final = "PLUGIN"
OUR_PACKAGE: Final = "sqs-worker-daemon"
TYPE: Final = "type"
"""The key of a part's own table that names the part."""
_MARKS: Final = ".:"
"""What a dotted path has and a name has not."""


class PluginError(ValueError):
    """There is no such part, or it cannot be loaded: a sentence that follows `SINK is 'kafka': `."""


class Plugin(Protocol):
    """What every part says of itself."""

    @property
    def name(self) -> str:
        """Its name."""
        ...

    @property
    def settings(self) -> type[Section]:
        """The model of its settings."""
        ...

    @property
    def make(self) -> Callable[..., object]:
        """Makes it."""
        ...

    @property
    def extra(self) -> str:
        """What brings its library."""
        ...


P = TypeVar("P", bound=Plugin)
T = TypeVar("T")


@dataclass(frozen=True)
class Registry(Generic[P]):
    """The parts of one kind."""

    kind: type[P]
    """`SinkPlugin`, say."""
    package: str
    """Where ours are: each folder of it with a `plugin.py` is one."""
    group: str
    """Where others' are: the group of their entry points."""
    later: tuple[str, ...] = ()
    """Names that are promised, and belong to nobody."""
    _found: dict[str, P | PluginError] = field(default_factory=dict)
    """What was asked for before: a module that fails is not run again to hear the same."""

    @cached_property
    def built_in(self) -> tuple[str, ...]:
        """The names of ours, in the order of the alphabet; a `-` of a name is a `_` of its folder's."""
        place = Path(str(import_module(self.package).__file__)).parent
        return tuple(sorted(file.parent.name.replace("_", "-") for file in place.glob(f"*/{PLUGIN_FILE}")))

    @cached_property
    def installed(self) -> tuple[EntryPoint, ...]:
        """Those of others."""
        return tuple(entry_points(group=self.group))

    @property
    def choices(self) -> str:
        """The names that may be given, in words."""
        others = sorted({point.name for point in self.installed} - {*self.built_in})
        return ", ".join([*self.built_in, *others]) + f", or the place of a {self.kind.__name__}: package.module:NAME"

    def ours(self) -> list[P]:
        """Every part that is built in."""
        return [self.find(name) for name in self.built_in]

    def find(self, given: str) -> P:
        """The part that is called *given*, or stands there.

        Raises:
            PluginError: there is none, or it cannot be loaded.
        """
        name = self.spelt(given)
        if name not in self._found:
            try:
                self._found[name] = self._load(name)
            except PluginError as error:
                self._found[name] = error
        found = self._found[name]
        if isinstance(found, PluginError):
            raise PluginError(str(found)) from found
        return found

    def spelt(self, given: str) -> str:
        """*given* as names are spelt, which is in small letters; a place is spelt as it is."""
        return given if any(mark in given for mark in _MARKS) else given.lower()

    def _load(self, name: str) -> P:
        if any(mark in name for mark in _MARKS):
            return self._at(name)
        points = [point for point in self.installed if point.name.lower() == name]
        if name in self.built_in:
            if points:
                brings = f"{_package(points[0])} brings one of that name, which is the worker's own"
                raise PluginError(f"{brings}: uninstall it, or have it renamed")
            return self._at(f"{self.package}.{name.replace('-', '_')}.plugin:{PLUGIN_NAME}")
        if len(points) > 1:
            both = " and ".join(sorted(_package(point) for point in points))
            raise PluginError(f"{both} each bring one of that name: give its place, such as {points[0].value}")
        if points:
            return self._at(f"{points[0].module}:{points[0].attr}" if points[0].attr else points[0].module)
        if name in self.later:
            raise PluginError(f"not part of this version; use one of: {', '.join(self.built_in)}")
        raise PluginError(f"give one of {self.choices}")

    def _at(self, place: str) -> P:
        room = self.package.rpartition(".")[2]
        hint = f"name a {self.kind.__name__}, such as shop.{room}:NAME, of a module"
        try:
            found = named(place, what=f"the {self.kind.__name__}", hint=hint, rename=room.removesuffix("s"))
        except NothingThere as error:
            raise PluginError(str(error)) from error
        if not isinstance(found, self.kind):
            what = f"the class {found.__name__}" if isinstance(found, type) else f"of type {type(found).__name__}"
            raise PluginError(f"{place} is {what}, but must be an object of {self.kind.__name__}")
        if wrong := _undeclared(found.settings):
            raise PluginError(f"the settings of {place} {wrong}")
        return found


def _undeclared(model: object) -> str:
    """What keeps *model* from being the settings of a part; empty if nothing does."""
    if not (isinstance(model, type) and issubclass(model, Section)):
        return "are no Section: make them a class of it"
    bare = [field for field in model.model_fields if variable_of(model, field) is None]
    if bare:
        return f"have a field without a Variable, {bare[0]}: name its environment variable"
    return f"have a field called {TYPE}, which names the part in a worker.toml: rename it" * (
        TYPE in model.model_fields
    )


def _package(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else point.value


def made(plugin: Plugin, setting: str, make: Callable[[], T]) -> T:
    """What *make*, a part's own, makes.

    Raises:
        PluginError: a library of the part is not installed, or a part of others fails; a whole sentence.
    """
    try:
        return make()
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if not missing or missing == "worker":
            raise
        extra = plugin.extra if "[" in plugin.extra else f"{OUR_PACKAGE}[{plugin.extra}]"
        fix = f"pip install '{extra}'" if plugin.extra else f"install it beside {OUR_PACKAGE}"
        raise PluginError(f"{setting}={plugin.name} needs {missing}: {fix}") from error
    except WorkerError:
        raise
    except Exception as error:
        if str(getattr(plugin.make, "__module__", "")).startswith("worker."):
            raise  # a defect of ours, told as one
        raise PluginError(f"{setting}={plugin.name} cannot be made: {told(error)}") from error
