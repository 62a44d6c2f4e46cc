"""One model out of its values: the settings, or every problem that they have.

Takes the values of a model as they were given and gives `Built`, which holds what `load` needs to speak about them. A
pipeline whose fields are partly wrong still has its rules looked at, as far as they concern the other fields.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from pydantic import ValidationError

from worker.settings.pipeline import PipelineSettings
from worker.settings.problems import problems_of
from worker.settings.rules import RULES
from worker.settings.variables import variable_of
from worker.settings.worker import Given

if TYPE_CHECKING:
    from worker.settings.sources import Values

SOME_QUEUE: Final = "some-queue"
"""Stands in for a queue that is missing or wrong while the rules about other fields are looked at."""

Model = TypeVar("Model", bound=Given)


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

    def called(self, field: str) -> str:
        """What the user calls *field*."""
        if field in self.values:
            return self.values[field].called
        return self.listed(field)

    def listed(self, field: str) -> str:
        """What `worker config` calls *field*."""
        variable = variable_of(self.model, field)
        return f"{self.path}.{field}" if self.path or variable is None else variable.name

    def origin(self, field: str) -> str:
        """Where the value of *field* came from."""
        return self.values[field].origin if field in self.values else "default"


def build(model: type[Model], values: Values, *, path: str = "") -> Built[Model]:
    """Validate *values*."""
    try:
        return Built(model, values, path, model(**{field: value.given for field, value in values.items()}), {})
    except ValidationError as error:
        unbuilt = Built(model, values, path, None, {})
        return Built(model, values, path, None, problems_of(error, model, values, unbuilt.called))


def broken_rules(built: Built[PipelineSettings]) -> list[str]:
    """The sentences of the rules that this pipeline breaks, leaving out what its wrong fields would decide."""
    settings = built.settings or _without_wrong_fields(built)
    looked_at = [rule for rule in RULES if not rule.fields & built.problems.keys()]
    return [sentence for rule in looked_at if (sentence := rule.check(settings, built.called))]


def _without_wrong_fields(built: Built[PipelineSettings]) -> PipelineSettings:
    right = {field: value.given for field, value in built.values.items() if field not in built.problems}
    return PipelineSettings.model_validate({"queue": SOME_QUEUE} | right)
