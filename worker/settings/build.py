"""Models out of their values: the settings, or every problem that they have.

Takes the values of a model as they were given and gives `Built`, which holds what `load` needs to speak about them. A
pipeline whose fields are partly wrong still has its rules looked at, as far as they concern the other fields.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from pydantic import ValidationError

from worker.plugins.setting import Section, variable_of
from worker.settings.pipeline import PipelineSettings
from worker.settings.problems import problems_of
from worker.settings.rules import RULES
from worker.sinks.plugin import Chosen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from worker.plugins.setting import Called
    from worker.settings.sections import Part, Place
    from worker.settings.sources import Values

SOME_QUEUE: Final = "some-queue"
"""Stands in for a queue that is missing or wrong while the rules about other fields are looked at."""
PIPELINE: Final = "pipeline."
"""How a part's rule names a setting of the pipeline."""

Model = TypeVar("Model", bound=Section)


@dataclass(frozen=True, slots=True)
class Built(Generic[Model]):
    """One model, or what is wrong with it."""

    model: type[Model]
    values: Values
    path: str
    """`pipelines.NAME` where a field can only be named by its place in the file, else empty."""
    settings: Model | None
    problems: dict[str, str]
    """Field → sentence."""
    by_variable: bool = False
    """In the file a field is called as its variable is, in small letters."""

    def called(self, field: str) -> str:
        """What the user calls *field*."""
        if field in self.values:
            return self.values[field].called
        return self.listed(field)

    def listed(self, field: str) -> str:
        """What `worker config` calls *field*."""
        variable = variable_of(self.model, field)
        if variable is not None and not self.path:
            return variable.name
        return f"{self.path}.{variable.key if variable is not None and self.by_variable else field}"

    def origin(self, field: str) -> str:
        """Where the value of *field* came from."""
        return self.values[field].origin if field in self.values else "default"


@dataclass(frozen=True, slots=True)
class BuiltPart:
    """The sink or codec of a pipeline, and its settings."""

    part: Part
    built: Built[Section]

    @property
    def section(self) -> Section:
        """Its settings, or something of their type that nobody reads, since there are problems."""
        return self.built.settings or self.built.model.model_construct()

    @property
    def problems(self) -> Iterator[str]:
        """All of them."""
        yield from self.part.problems
        yield from self.built.problems.values()


@dataclass(frozen=True, slots=True)
class BuiltPipeline:
    """One pipeline with its parts."""

    own: Built[PipelineSettings]
    parts: tuple[BuiltPart, ...]
    """Those that could be loaded."""
    strange: tuple[str, ...]
    """What is wrong with parts that could not, and with what was given to none of them."""
    place: Place

    @property
    def settings(self) -> PipelineSettings | None:
        """None if anything is wrong."""
        return None if any(self.problems()) else self.own.settings

    def problems(self) -> Iterator[str]:
        """What is wrong with single fields."""
        yield from self.own.problems.values()
        yield from self.strange
        for part in self.parts:
            yield from part.problems

    def broken_rules(self) -> Iterator[str]:
        """The sentences of the rules that it breaks, leaving out what its wrong fields would decide."""
        settings = self.own.settings or _without_wrong_fields(self.own)
        wrong = self.own.problems.keys()
        looked_at = [rule for rule in RULES if not rule.fields & wrong]
        yield from (sentence for rule in looked_at if (sentence := rule.check(settings, self.own.called)))
        for part in self.parts:
            if part.built.settings is not None:
                yield from _broken_in_part(
                    part, settings, wrong={f"{PIPELINE}{field}" for field in wrong}, own=self.own
                )


def build(
    model: type[Model], values: Values, *, path: str = "", by_variable: bool = False, wanted_by: str = ""
) -> Built[Model]:
    """Validate *values*; *wanted_by* says who needs a field that is not set."""
    given = {field: value.given for field, value in values.items()}
    try:
        return Built(model, values, path, model(**given), {}, by_variable)
    except ValidationError as error:
        unbuilt = Built(model, values, path, None, {}, by_variable)
        problems = problems_of(error, model, values, unbuilt.called, wanted_by=wanted_by)
        return Built(model, values, path, None, problems, by_variable)


def _broken_in_part(
    part: BuiltPart, pipeline: PipelineSettings, *, wrong: set[str], own: Built[PipelineSettings]
) -> Iterator[str]:
    chosen: Chosen[Any] = Chosen(part.section, pipeline)
    called: Called = lambda field: (  # noqa: E731 - one expression
        own.called(field.removeprefix(PIPELINE)) if field.startswith(PIPELINE) else part.built.called(field)
    )
    for rule in getattr(part.part.plugin, "rules", ()):
        if not rule.fields & wrong and (sentence := rule.check(chosen, called)):
            yield sentence


def _without_wrong_fields(built: Built[PipelineSettings]) -> PipelineSettings:
    right = {field: value.given for field, value in built.values.items() if field not in built.problems}
    return PipelineSettings.model_validate({"queue": SOME_QUEUE} | right)
