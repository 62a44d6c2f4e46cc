"""From variables and a worker.toml to frozen settings, or to every problem at once.

Takes a mapping (never `os.environ` itself) and perhaps a path; gives `Loaded`, with where each value came from. Ends in
`SettingsError` holding all problems, each a sentence with its fix, before anything else of the worker is touched.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from worker.errors import SettingsError
from worker.plugins.setting import settings_of, variable_of
from worker.settings.aws import from_aws, proxies
from worker.settings.build import SOME_QUEUE, BuiltPart, BuiltPipeline, build
from worker.settings.derive import region_notice, with_consequences, worker_id_of
from worker.settings.names import OURS, RESERVED, name_notices, name_problems, variables
from worker.settings.pipeline import KINDS, PipelineSettings
from worker.settings.problems import shown
from worker.settings.rules import between_pipelines, with_processes
from worker.settings.sections import Place, contested, part_of, pipeline_values, unknown_in
from worker.settings.sources import File, Value, from_table, merged, read_file
from worker.settings.spelling import as_meant, slips
from worker.settings.unused import unused_notices, unused_problems, unused_values
from worker.settings.worker import WorkerSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from worker.plugins.setting import Section
    from worker.settings.build import Built
    from worker.settings.names import Names
    from worker.settings.sections import Part

DEFAULT_FILE: Final = "worker.toml"
MASK: Final = "********"
NOT_SET: Final = "not set"


@dataclass(frozen=True, slots=True)
class Loaded:
    """Settings that can work."""

    worker: WorkerSettings
    pipelines: tuple[PipelineSettings, ...]
    notices: tuple[str, ...]
    """Sentences for the log: nothing is wrong, but somebody may have meant something else."""
    origins: Mapping[str, tuple[str, str]]
    """Each setting's name → its value and where that came from, in the order to be shown; nothing secret."""


def load(
    environ: Mapping[str, str],
    *,
    config: Path | None = None,
    host_name: Callable[[], str] = socket.gethostname,
    needs_queue: bool = True,
) -> Loaded:
    """Read the settings. Variables that hold nothing but blanks count as not set.

    Without *needs_queue* a queue that is not named is a notice: to look at the settings needs none.

    Raises:
        SettingsError: with every problem found.
    """
    present = {name: value.strip() for name, value in environ.items() if value.strip()}
    path, origin = _config_path(present, config)
    file = read_file(path) if path else File()
    names = OURS.beside(_models_of_others(as_meant(present, OURS.spelt), file))
    slipped = list(slips(present, names.spelt))
    present = as_meant(present, names.spelt)
    worker = _worker(present, file, Value(path, "WORKER_CONFIG", origin) if path else None, host_name)
    pipelines = [_pipeline(present, file, name, needs_queue=needs_queue) for name in file.names()]
    settings = [b.settings for b in pipelines if b.settings is not None]
    problems = [
        *slipped,
        *name_problems(present, names),
        *file.problems,
        *_misplaced(present, file, pipelines),
        *contested(part.part for built in pipelines for part in built.parts),
        *worker.problems.values(),
    ]
    for built in pipelines:
        problems += [*built.problems(), *built.broken_rules()]
    problems += between_pipelines(settings)
    if worker.settings is not None:
        problems += with_processes(worker.settings, settings)
    if problems or worker.settings is None:
        raise SettingsError(list(dict.fromkeys(problems)))
    notices = tuple(dict.fromkeys(_notices(present, file, pipelines, names)))
    return Loaded(worker.settings, tuple(settings), notices, dict(_origins(worker, pipelines, present)))


def _config_path(present: Mapping[str, str], config: Path | None) -> tuple[Path | None, str]:
    if config is not None:
        return config, "--config"
    if "WORKER_CONFIG" in present:
        return Path(present["WORKER_CONFIG"]), "environment"
    default = Path(DEFAULT_FILE)
    return (default, "working directory") if default.exists() else (None, "")


def _worker(
    present: Mapping[str, str], file: File, config: Value | None, host_name: Callable[[], str]
) -> Built[WorkerSettings]:
    values = {"worker_id": Value(worker_id_of(host_name()), "WORKER_ID", "host name")}
    values |= from_table(WorkerSettings, file.worker, path="worker", origin=file.name)
    values = merged(WorkerSettings, present, values)
    return build(WorkerSettings, values | ({"config": config} if config else {}))


def _models_of_others(present: Mapping[str, str], file: File) -> list[type[Section]]:
    """The settings of the parts that are chosen and not ours."""
    parts = [part for name in file.names() for part in _parts(_place(present, file, name))]
    return [part.plugin.settings for part in parts if part.plugin and part.plugin not in KINDS[part.field].ours()]


def _place(present: Mapping[str, str], file: File, name: str) -> Place:
    return Place(present, file.pipelines.get(name, {}), f"pipelines.{name}", file.name)


def _parts(place: Place) -> list[Part]:
    values = pipeline_values(place)
    return [part_of(field, values, place) for field in KINDS]


def _pipeline(present: Mapping[str, str], file: File, name: str, *, needs_queue: bool) -> BuiltPipeline:
    place = _place(present, file, name)
    values = with_consequences(pipeline_values(place), from_aws(present))
    if "queue" not in values and not needs_queue:
        values["queue"] = Value(SOME_QUEUE, "SQS_QUEUE_URL", NOT_SET)
    values["name"] = Value(name, place.path, file.name)
    values["given"] = Value(frozenset(pipeline_values(place)), place.path, file.name)
    listed = place.path if len(file.pipelines) > 1 else ""
    parts = _parts(place)
    built = tuple(_part(part, listed) for part in parts if part.plugin is not None)
    for one in built:
        values[f"{one.part.field}_settings"] = Value(one.section, one.part.field, file.name)
    strange = [problem for part in parts if part.plugin is None for problem in part.problems]
    for part in parts:
        if part.plugin is None and part.problems:  # it is there, but cannot be used: the rest is looked at without it
            values.pop(part.field, None)
    strange += [*unknown_in(place, parts), *unused_problems(place, parts)]
    return BuiltPipeline(build(PipelineSettings, values, path=listed), built, tuple(strange), place)


def _part(part: Part, listed: str) -> BuiltPart:
    wanted_by = f"for {part.called}={part.plugin.name} "
    return BuiltPart(part, build(part.plugin.settings, part.values, path=listed, by_variable=True, wanted_by=wanted_by))


def _misplaced(present: Mapping[str, str], file: File, pipelines: Sequence[BuiltPipeline]) -> Iterator[str]:
    """Variables that name one pipeline's own things while the file has several pipelines."""
    if len(file.pipelines) <= 1:
        return
    keys = {s.variable: s.field for s in settings_of(PipelineSettings)}
    parts = [part for kind in KINDS.values() for part in kind.ours()]
    parts += [built.part.plugin for pipeline in pipelines for built in pipeline.parts]
    keys |= {variable: variable.key for part in parts for variable in variables(part.settings)}
    for variable, key in keys.items():
        if variable.single and variable.name in present:
            yield (
                f"{variable.name} belongs to one pipeline, and {file.name} has {len(file.pipelines)}:"
                f" unset it and write {key} into each [pipelines.NAME]"
            )


def _notices(present: Mapping[str, str], file: File, pipelines: Sequence[BuiltPipeline], names: Names) -> Iterator[str]:
    yield from name_notices(present, names)
    sinks = " and ".join(sorted({b.settings.sink for b in pipelines if b.settings is not None}))
    for name in (*(n for n in RESERVED if n in present), *file.reserved):
        yield f"{name} is set but not used by SINK={sinks}"
    yield from unused_notices(pipelines)
    for part in (part for pipeline in pipelines for part in pipeline.parts):
        if part.part.field == "sink":
            yield from part.part.plugin.notices(part.section)
    for b in pipelines:
        if b.own.origin("queue") == NOT_SET:
            yield f"{b.own.called('queue')} is not set: `worker run` needs it"
    for name in file.names():
        if notice := region_notice(pipeline_values(_place(present, file, name))):
            yield notice


def _origins(
    worker: Built[WorkerSettings], pipelines: Sequence[BuiltPipeline], present: Mapping[str, str]
) -> Iterator[tuple[str, tuple[str, str]]]:
    yield from _listed(worker)
    for pipeline in pipelines:
        yield from _listed(pipeline.own)
        for part in pipeline.parts:
            yield from _listed(part.built)
    for unused, field, given, _ in unused_values(pipelines):
        variable = variable_of(unused.plugin.settings, field)
        masked = variable is not None and variable.secret
        yield given.called, (MASK if masked else shown(given.given), f"{given.origin}, not used")
    for name in RESERVED:
        if name in present:
            yield name, (shown(present[name]), "environment, not used")
    for name, value in proxies(present):
        yield name, (shown(value), "environment, read by the AWS SDK")


def _listed(built: Built[Any]) -> Iterator[tuple[str, tuple[str, str]]]:
    for setting in settings_of(built.model):
        value = getattr(built.settings, setting.field)
        text = MASK if setting.variable.secret and value is not None else _text(value)
        origin = built.origin(setting.field)
        yield built.listed(setting.field), ("" if origin == NOT_SET else text, origin)


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else shown(value)
