"""What was given to sinks and codecs that are not chosen: a notice, or a problem where it could never be right.

Takes a pipeline's place and its parts. A value out of bounds is told as if its part were chosen; a setting that chooses
its part by itself contradicts another choice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from worker.plugins.setting import variable_of
from worker.settings.build import build
from worker.settings.names import variables
from worker.settings.pipeline import KINDS
from worker.settings.sections import Part, given_to, typed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from worker.plugins.registry import Plugin
    from worker.settings.build import BuiltPipeline
    from worker.settings.sections import Place
    from worker.settings.sources import Value


def unused_problems(place: Place, parts: Sequence[Part]) -> Iterator[str]:
    """What is wrong with settings of parts that are not chosen."""
    for part, chosen in _unused(place, parts):
        built = build(part.plugin.settings, part.values)
        yield from (sentence for field, sentence in built.problems.items() if field in part.values)
        implied = getattr(part.plugin, "implied", None)
        if implied and implied.field in part.values.keys() - built.problems.keys() and chosen.plugin:
            called = part.values[implied.field].called
            yield f"{called} is set, but {chosen.called} is {chosen.plugin.name}: {implied.unused}; remove one of them"


def unused_values(pipelines: Sequence[BuiltPipeline]) -> Iterator[tuple[Part, str, Value, Part]]:
    """Settings that no pipeline's sink or codec reads: whose, which, what was given, and what is chosen instead."""
    used = {v.name for pipeline in pipelines for built in pipeline.parts for v in variables(built.built.model)}
    for pipeline in pipelines:
        for part, chosen in _unused(pipeline.place, [built.part for built in pipeline.parts]):
            for field, value in part.values.items():
                if value.called not in used:
                    yield part, field, value, chosen


def unused_notices(pipelines: Sequence[BuiltPipeline]) -> Iterator[str]:
    """A sentence for each of them."""
    found: dict[tuple[str, str], set[str]] = {}
    for part, _, value, chosen in unused_values(pipelines):
        found.setdefault((value.called, part.field), set()).add(chosen.plugin.name)
    for (called, field), names in found.items():
        yield f"{called} is set but not used by {field.upper()}={' and '.join(sorted(names))}"


def _unused(place: Place, parts: Sequence[Part]) -> Iterator[tuple[Part, Part]]:
    """Parts that are not chosen and were given something all the same, each beside the one that is."""
    used = {v.name for part in parts if part.plugin for v in variables(part.plugin.settings)}
    for chosen in parts:
        others = [*KINDS[chosen.field].ours(), typed(chosen.field, place)]
        for plugin in {other.name: other for other in others if other not in {None, chosen.plugin}}.values():
            values = given_to(plugin, chosen.field, place)
            given = {f: v for f, v in values.items() if v.called not in used and _is_its_own(plugin, f, v)}
            if given:
                yield Part(chosen.field, plugin, given, (), ""), chosen


def _is_its_own(plugin: Plugin, field: str, value: Value) -> bool:
    """Not a variable that may well be somebody else's: a shared one, or one that is read when the first is not set."""
    variable = variable_of(plugin.settings, field)
    if variable is None:
        return True
    others = (variable.name, *variable.also) if variable.shared else variable.also
    return value.called not in others
