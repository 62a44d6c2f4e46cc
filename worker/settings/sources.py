"""Where values come from: the environment and a worker.toml, brought into one shape.

Takes variables and tables and gives, for each field, a `Value` that still knows what the user called it and where it
stood. What cannot be read (a missing file, bad TOML, an unknown key) becomes a problem; nothing here raises.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING, Final

from worker.plugins.setting import settings_of
from worker.settings.names import RESERVED
from worker.settings.worker import WorkerSettings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from pydantic import BaseModel

Table = dict[str, object]
DEFAULT_PIPELINE: Final = "default"
RESERVED_KEYS: Final = frozenset(name.lower() for name in RESERVED)


@dataclass(frozen=True, slots=True)
class Value:
    """One value as it was given."""

    given: object
    called: str
    """What the user calls it: `SQS_MAX_MESSAGES`, or `pipelines.orders.max_messages`."""
    origin: str
    """`environment`, the file's name, or what it follows from."""


Values = dict[str, Value]


@dataclass(frozen=True, slots=True)
class File:
    """A worker.toml, read."""

    name: str = ""
    worker: Table = field(default_factory=dict)
    pipelines: dict[str, Table] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    unread: bool = False
    """True: there is a file, but nobody knows what it says."""
    reserved: tuple[str, ...] = ()
    """Known keys of sinks that this version does not have."""

    def names(self) -> list[str]:
        """The pipelines there are: those of the file, or one that the environment alone describes."""
        if self.unread:
            return []
        return list(self.pipelines) or [DEFAULT_PIPELINE]


def merged(model: type[BaseModel], environ: Mapping[str, str], table: Values) -> Values:
    """The values of a table under those of the environment, which wins except where a variable is ambient."""
    values = dict(table)
    for setting in settings_of(model):
        name = next((n for n in (setting.variable.name, *setting.variable.also) if n in environ), None)
        if name is not None and not (setting.variable.ambient and setting.field in values):
            values[setting.field] = Value(environ[name], name, "environment")
    return values


def from_table(model: type[BaseModel], table: Table, *, path: str, origin: str) -> Values:
    """The fields of *model* that a table sets; unknown keys are looked at apart."""
    known = {s.field for s in settings_of(model)}
    return {key: Value(value, f"{path}.{key}", origin) for key, value in table.items() if key in known}


def read_file(path: Path) -> File:
    """Read a worker.toml and look at its shape."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        problem = f"{path}: cannot be read ({error.strerror}); correct WORKER_CONFIG or --config"
        return File(path.name, problems=(problem,), unread=True)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        return File(path.name, problems=(f"{path}: not TOML: {error}",), unread=True)
    return _shaped(path.name, content)


def _shaped(name: str, content: Table) -> File:
    problems = [
        f"{name}: [{key}] is not known; a worker.toml has [worker] and [pipelines.NAME]"
        for key in content
        if key not in {"worker", "pipelines"}
    ]
    worker, pipelines = content.get("worker", {}), content.get("pipelines", {})
    if not isinstance(worker, dict):
        problems.append(f"{name}: worker must be a table: [worker]")
        worker = {}
    if not isinstance(pipelines, dict) or not all(isinstance(t, dict) for t in pipelines.values()):
        problems.append(f"{name}: pipelines must be tables: [pipelines.NAME]")
        pipelines = {}
    known = {
        s.field: s.variable.name for s in settings_of(WorkerSettings) if s.field != "config"
    }  # no file names itself
    problems += unknown_keys(worker, known, f"{name}: worker")
    reserved = tuple(f"pipelines.{n}.{key}" for n, t in pipelines.items() for key in t if key in RESERVED_KEYS)
    return File(name, worker, pipelines, tuple(problems), reserved=reserved)


def unknown_keys(table: Table, known: Mapping[str, str], place: str) -> Iterator[str]:
    """A sentence for each key of *table* that is none of *known*, which has the variable of each."""
    by_variable = {variable: key for key, variable in known.items()}
    for key in (key for key in table if key not in known):
        near = by_variable.get(key.upper()) or _nearest(key.lower(), sorted(known))
        hint = f": did you mean {near}?" if near in known else "; `worker config` lists them"
        yield f"{place}.{key} is not a setting{hint}"


def _nearest(key: str, known: list[str]) -> str:
    """A field that is spelt like *key*, else one that has all its words (`drain` for `drain_seconds`)."""
    words = set(key.split("_"))
    alike = get_close_matches(key, known, n=1, cutoff=0.6)
    candidates = [*alike, *(field for field in known if words <= set(field.split("_")))]
    return candidates[0] if candidates else ""
