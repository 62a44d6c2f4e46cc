"""How a field is tied to the environment, and the types that several fields share.

`Variable` stands in a field's annotation beside its bounds; everything that needs a variable's name, its words or its
scope (reading, problems, `worker config`, the documentation) reads it there, so that they cannot drift apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args, get_origin

from annotated_types import Ge, Le

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import BaseModel
    from pydantic.fields import FieldInfo


@dataclass(frozen=True, slots=True)
class Variable:
    """The environment variable of a field."""

    name: str
    expects: str = ""
    """What may be given, in words; empty: said by the field's type and bounds."""
    also: tuple[str, ...] = ()
    """Other variables that are read when the first is not set."""
    single: bool = False
    """True: names something that only one pipeline can have, so with several it belongs into worker.toml."""
    otherwise: str = ""
    """What holds when it is not set, in words; empty: the field's default."""
    secret: bool = False
    """True: the value is never shown, not even in a problem about it."""
    ambient: bool = False
    """True: platforms set it for every program, so a worker.toml, which is about us, wins over it."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One field of a settings model, described for people."""

    field: str
    variable: Variable
    expects: str
    default: str
    in_words: bool
    """True: `default` is prose, not a value."""
    description: str


def settings_of(model: type[BaseModel]) -> Iterator[Setting]:
    """Every field of *model* that has a variable, in the order of the source."""
    for field, info in model.model_fields.items():
        for variable in (m for m in info.metadata if isinstance(m, Variable)):
            words = variable.otherwise or ("required" if info.is_required() else "")
            default = words or _default(info)
            yield Setting(field, variable, variable.expects or _expects(info), default, words == default, _prose(info))


def variable_of(model: type[BaseModel], field: str) -> Variable | None:
    """The variable of one field, None if it has none."""
    return next((m for m in model.model_fields[field].metadata if isinstance(m, Variable)), None)


def expectation(model: type[BaseModel], field: str) -> str:
    """What may be given for *field*, in words."""
    variable = variable_of(model, field)
    return (variable.expects if variable else "") or _expects(model.model_fields[field])


def refuse_bool(value: object) -> object:
    """Keep `true` of a TOML file from becoming the number 1."""
    if isinstance(value, bool):
        raise ValueError("true and false are not numbers")  # noqa: TRY004 - pydantic turns ValueError into a problem
    return value


def _expects(info: FieldInfo) -> str:
    kinds = [k for k in get_args(info.annotation) if k is not type(None)] or [info.annotation]
    if info.annotation is bool:
        return "`true` or `false`"
    if get_origin(info.annotation) is Literal:
        return "one of " + ", ".join(f"`{choice}`" for choice in get_args(info.annotation))
    low = next((m.ge for m in info.metadata if isinstance(m, Ge)), None)
    high = next((m.le for m in info.metadata if isinstance(m, Le)), None)
    number = "a whole number" if int in kinds else "a number"
    return f"{number} from {low} to {high}"


def _default(info: FieldInfo) -> str:
    if info.default is None:
        return ""
    if isinstance(info.default, bool):
        return str(info.default).lower()
    return f"{info.default:g}" if isinstance(info.default, float) else str(info.default)


def _prose(info: FieldInfo) -> str:
    return " ".join((info.description or "").split())
