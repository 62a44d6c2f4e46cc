"""The sink and the codec of one pipeline: which they are, and what their own settings were given.

Takes the variables and one `[pipelines.NAME]` table, gives the pipeline's own values and those of its parts. A part's
settings stand in the environment, in a table of their own (`[pipelines.x.sink]` with its `type` and the model's
fields), or in the pipeline's table under the variable's name in small letters (`sqlite_path`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from worker.plugins.registry import TYPE, PluginError
from worker.plugins.setting import settings_of
from worker.settings.derive import following
from worker.settings.names import KNOWN, variables
from worker.settings.pipeline import DEFAULTS, KINDS, PipelineSettings
from worker.settings.sources import RESERVED_KEYS, Value, from_table, merged, unknown_keys

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from worker.plugins.registry import Plugin, Registry
    from worker.plugins.setting import Section
    from worker.settings.sources import Table, Values


@dataclass(frozen=True, slots=True)
class Place:
    """One `[pipelines.NAME]` table, which may be empty, and the variables."""

    present: Mapping[str, str]
    table: Table
    path: str
    """`pipelines.NAME`."""
    origin: str
    """The name of the file."""

    def own(self, field: str) -> Table:
        """The table of the sink or codec; empty if it has none."""
        found = self.table.get(field)
        return found if isinstance(found, dict) else {}


@dataclass(frozen=True, slots=True)
class Part:
    """The sink or the codec of a pipeline."""

    field: str
    """`sink` or `codec`."""
    plugin: Any
    """None: there is none of that name, or it cannot be used."""
    values: Values
    """What its own settings were given."""
    problems: tuple[str, ...]
    called: str
    """What the user calls the choice."""


def pipeline_values(place: Place) -> Values:
    """What the pipeline's own settings were given, which sink and codec included."""
    flat = {key: value for key, value in place.table.items() if key not in KINDS or not isinstance(value, dict)}
    table = from_table(PipelineSettings, flat, path=place.path, origin=place.origin)
    for field in KINDS:
        if TYPE in (own := place.own(field)):
            table[field] = Value(own[TYPE], f"{place.path}.{field}.{TYPE}", place.origin)
    values = merged(PipelineSettings, place.present, table)
    for field, parts in KINDS.items():
        if field not in values and (chosen := next(_implied(parts, field, place), None)):
            values[field] = chosen
    return values


def part_of(field: str, values: Values, place: Place) -> Part:
    """The part that *values* choose, and what it was given."""
    chosen = values.get(field)
    called = chosen.called if chosen else field.upper()
    plugin, problems = _found(field, chosen)
    if plugin is None:
        return Part(field, None, {}, tuple(problems), called)
    problems += _doubled(plugin.settings, field, place)
    if chosen is None and place.own(field):
        problems.append(f'{place.path}.{field} has no {TYPE}: name the {field}, such as {TYPE} = "{DEFAULTS[field]}"')
    return Part(field, plugin, given_to(plugin, field, place), tuple(problems), called)


def given_to(plugin: Plugin, field: str, place: Place) -> Values:
    """What the settings of *plugin* were given, wherever they stand."""
    model = plugin.settings
    flat = {
        s.field: Value(place.table[s.variable.key], f"{place.path}.{s.variable.key}", place.origin)
        for s in settings_of(model)
        if s.variable.key in place.table
    }
    if _is_of(plugin, field, place):
        flat |= from_table(model, place.own(field), path=f"{place.path}.{field}", origin=place.origin)
    return merged(model, place.present, flat)


def unknown_in(place: Place, parts: Sequence[Part]) -> Iterator[str]:
    """Keys of the table, and of the parts' own tables, that are no settings."""
    known = {s.field: s.variable.name for s in settings_of(PipelineSettings)} | dict.fromkeys(RESERVED_KEYS, "")
    models = [
        *(p.settings for kind in KINDS.values() for p in kind.ours()),
        *(p.plugin.settings for p in parts if p.plugin),
    ]
    known |= {v.key: v.name for model in models for v in variables(model)}
    if all(part.plugin for part in parts):  # else nobody knows what is its own
        yield from unknown_keys(place.table, known, f"{place.origin}: {place.path}")
    for field in KINDS:
        plugin = typed(field, place)
        if plugin is not None:
            keys = {s.field: s.variable.name for s in settings_of(plugin.settings)} | {TYPE: ""}
            yield from unknown_keys(place.own(field), keys, f"{place.origin}: {place.path}.{field}")


def _found(field: str, chosen: Value | None) -> tuple[Any, list[str]]:
    """The part, or why there is none; that it does not exist is told of the field itself."""
    kind = KINDS[field]
    given = DEFAULTS[field] if chosen is None else str(chosen.given)
    try:
        plugin = kind.find(given)
    except PluginError:
        return None, []
    taken = "" if plugin in kind.ours() else _clash(plugin)
    return (None, [f"{chosen.called} is '{given}': {taken}"]) if taken and chosen else (plugin, [])


def _clash(plugin: Plugin) -> str:
    """What is wrong with the variables of a part of others: they must be its own."""
    own = list(variables(plugin.settings))
    names = [v.name for v in own]
    double = [
        v.name for v in own if v.name in KNOWN or v.key in PipelineSettings.model_fields or names.count(v.name) > 1
    ]
    return f"its settings {' and '.join(dict.fromkeys(double))} are others' already: rename them" if double else ""


def contested(parts: Iterable[Part]) -> Iterator[str]:
    """Variables that two parts of others have, which are chosen together."""
    owners: dict[str, dict[type[Section], str]] = {}
    for part in parts:
        for variable in variables(part.plugin.settings):
            owners.setdefault(variable.name, {})[part.plugin.settings] = part.plugin.name
    for name, models in owners.items():
        if len(models) > 1:
            yield f"{name} is a setting of both {' and '.join(models.values())}: rename it in one of them"


def _doubled(model: type[Section], field: str, place: Place) -> list[str]:
    own = place.own(field)
    return [
        f"{place.path}.{s.variable.key} and {place.path}.{field}.{s.field} are one setting: keep one of them"
        for s in settings_of(model)
        if s.variable.key in place.table and s.field in own
    ]


def typed(field: str, place: Place) -> Any:
    """The part that the own table is of, None if it does not say so or nobody knows it."""
    try:
        return KINDS[field].find(str(place.own(field)[TYPE]))
    except (KeyError, PluginError):
        return None


def _is_of(plugin: Plugin, field: str, place: Place) -> bool:
    """Whether the own table is that of *plugin*: the environment may choose another one."""
    return bool(place.own(field)) and typed(field, place) in {None, plugin}


def _implied(parts: Registry[Any], field: str, place: Place) -> Iterator[Value]:
    """The parts that are chosen by one of their settings alone."""
    for plugin in parts.ours():
        implied = getattr(plugin, "implied", None)
        value = given_to(plugin, field, place).get(implied.field) if implied else None
        if value is not None:
            yield following(field, plugin.name, value)
