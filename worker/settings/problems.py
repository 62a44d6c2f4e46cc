"""Validation errors as sentences: which setting, what it is, what it may be.

Takes pydantic's errors and the values as the user gave them, and gives one sentence an error. Never repeats a user name
or password out of a URL, and never a long value in full.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from worker.plugins.setting import expectation, variable_of
from worker.settings.names import is_kubernetes_link

if TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError
    from pydantic_core import ErrorDetails

    from worker.plugins.setting import Called
    from worker.settings.sources import Value, Values

LONGEST_SHOWN: Final = 80
_CREDENTIALS: Final = re.compile(r"//[^/\s]*@")


def problems_of(
    error: ValidationError, model: type[BaseModel], values: Values, called: Called, *, wanted_by: str = ""
) -> dict[str, str]:
    """The fields that are wrong, each with its sentence; *wanted_by* says who needs one that is not set."""
    found: dict[str, str] = {}
    for detail in error.errors():
        field = str(detail["loc"][0])
        value = values.get(field)
        if value is None:
            sentence = f"{called(field)} is not set: {wanted_by}give {expectation(model, field)}"
        else:
            sentence = f"{value.called} is {_quoted(model, field, value)}: {_reason(model, field, detail, value)}"
        found.setdefault(field, sentence.replace("`", ""))
    return found


def _quoted(model: type[BaseModel], field: str, value: Value) -> str:
    variable = variable_of(model, field)
    return "something else" if variable is not None and variable.secret else f"'{shown(value.given)}'"


def shown(given: object) -> str:
    """A value as it may be shown: no credentials, no control characters, not endless."""
    text = _CREDENTIALS.sub("//***@", str(given))
    text = text if text.isprintable() else repr(text)
    return text if len(text) <= LONGEST_SHOWN else text[: LONGEST_SHOWN - 1] + "…"


def _reason(model: type[BaseModel], field: str, detail: ErrorDetails, value: Value) -> str:
    if is_kubernetes_link(str(value.given)):
        return (
            "Kubernetes wrote it for a Service of that name; set enableServiceLinks: false in the pod,"
            " or give the Service another name"
        )
    if detail["type"] == "value_error":
        return str(detail["ctx"]["error"])
    return f"give {expectation(model, field)}"
