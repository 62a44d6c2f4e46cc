"""How a setting is declared, by the worker and by every sink and codec: a field, its variable, its bounds, its prose.

A `Section` is a frozen model of such fields. `Variable` stands in a field's annotation beside its bounds; everything
that needs a variable's name, its words or its scope (reading, problems, `worker config`, the documentation) reads it
there, so that they cannot drift apart. What can be wrong between fields is a `Rule`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Generic, Literal, TypeVar, get_args, get_origin

from annotated_types import Ge, Le
from pydantic import BeforeValidator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import BaseModel
    from pydantic.fields import FieldInfo

Of = TypeVar("Of")
Called = Callable[[str], str]
"""What the user calls a field."""


class Section(BaseSettings):
    """A frozen model of settings, whose values are only what it is given: the loader alone looks into the environment.

    Each field has a `Variable` and bounds in its annotation, and prose below it. Unknown fields are refused.
    """

    model_config = SettingsConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the signature is pydantic-settings'
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - as above
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - as above
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - as above
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """No hidden sources: a model built in a test does not depend on the machine."""
        return (init_settings,)


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
    shared: bool = False
    """True: other programs read variables of this prefix or name, too (HTTP_URL). One that resembles it is no slip, and
    what stands in it matters only where its part is chosen."""
    verbatim: bool = False
    """True: taken as it is written, quotes and all."""

    @property
    def key(self) -> str:
        """What a pipeline's own table calls it, where it belongs to a sink or a codec: `sqlite_path`."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Rule(Generic[Of]):
    """What can be wrong between settings that are each right for themselves: a sentence with the fix, or nothing."""

    fields: frozenset[str]
    """Those that it looks at: it is left out when one of them is wrong already, so that no problem is told twice."""
    check: Callable[[Of, Called], str | None]


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
    if str in kinds:
        return "a text"
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


Whole = Annotated[int, BeforeValidator(refuse_bool)]
Seconds = Annotated[float, BeforeValidator(refuse_bool)]
