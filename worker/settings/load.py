"""From variables and a worker.toml to frozen settings, or to every problem at once.

Takes a mapping (never `os.environ` itself) and perhaps a path; gives `Loaded`, with where each value came from. Ends in
`SettingsError` holding all problems, each a sentence with its fix, before anything else of the worker is touched.
"""

from __future__ import annotations

import socket
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from worker.errors import SettingsError
from worker.settings.aws import from_aws, proxies
from worker.settings.build import SOME_QUEUE, broken_rules, build
from worker.settings.derive import region_notice, with_consequences, worker_id_of
from worker.settings.names import KNOWN, RESERVED, name_notices, name_problems
from worker.settings.pipeline import PipelineSettings
from worker.settings.problems import shown
from worker.settings.rules import between_pipelines, with_processes
from worker.settings.sources import File, Value, from_table, merged, read_file
from worker.settings.spelling import as_meant, slips
from worker.settings.variables import settings_of
from worker.settings.worker import WorkerSettings
from worker.sinks.postgres.dsn import read_dsn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from worker.settings.build import Built
    from worker.settings.sources import Values

DEFAULT_FILE: Final = "worker.toml"
SPELT: Final = frozenset(KNOWN) - {"POSTGRES_DSN"}
"""A DSN is taken as its providers write it, quotes and all."""
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
    slipped = list(slips(present, SPELT))
    present = as_meant(present, SPELT)
    path, origin = _config_path(present, config)
    file = read_file(path) if path else File()
    worker = _worker(present, file, Value(path, "WORKER_CONFIG", origin) if path else None, host_name)
    pipelines = [_pipeline(present, file, name, needs_queue=needs_queue) for name in file.names()]
    settings = [b.settings for b in pipelines if b.settings is not None]
    problems = [
        *slipped,
        *name_problems(present),
        *file.problems,
        *_misplaced(present, file),
        *worker.problems.values(),
    ]
    for built in pipelines:
        problems += [*built.problems.values(), *broken_rules(built)]
    problems += between_pipelines(settings)
    if worker.settings is not None:
        problems += with_processes(worker.settings, settings)
    if problems or worker.settings is None:
        raise SettingsError(list(dict.fromkeys(problems)))
    notices = tuple(dict.fromkeys(_notices(present, file, pipelines)))
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


def _pipeline(present: Mapping[str, str], file: File, name: str, *, needs_queue: bool) -> Built[PipelineSettings]:
    path = f"pipelines.{name}"
    values = with_consequences(_given(present, file, name), from_aws(present))
    if "queue" not in values and not needs_queue:
        values["queue"] = Value(SOME_QUEUE, "SQS_QUEUE_URL", NOT_SET)
    values["name"] = Value(name, path, file.name)
    return build(PipelineSettings, values, path=path if len(file.pipelines) > 1 else "")


def _given(present: Mapping[str, str], file: File, name: str) -> Values:
    table = from_table(PipelineSettings, file.pipelines.get(name, {}), path=f"pipelines.{name}", origin=file.name)
    return merged(PipelineSettings, present, table)


def _misplaced(present: Mapping[str, str], file: File) -> Iterator[str]:
    """Variables that name one pipeline's own things while the file has several pipelines."""
    if len(file.pipelines) <= 1:
        return
    for setting in settings_of(PipelineSettings):
        if setting.variable.single and setting.variable.name in present:
            yield (
                f"{setting.variable.name} belongs to one pipeline, and {file.name} has {len(file.pipelines)}:"
                f" unset it and write {setting.field} into each [pipelines.NAME]"
            )


def _notices(present: Mapping[str, str], file: File, pipelines: Sequence[Built[PipelineSettings]]) -> Iterator[str]:
    yield from name_notices(present)
    sinks = " and ".join(sorted({b.settings.sink for b in pipelines if b.settings is not None}))
    for name in (*(n for n in RESERVED if n in present), *file.reserved):
        yield f"{name} is set but not used by SINK={sinks}"
    for b in pipelines:
        yield from _about_dsn(b)
    for b in pipelines:
        if b.origin("queue") == NOT_SET:
            yield f"{b.called('queue')} is not set: `worker run` needs it"
    for name in file.names():
        if notice := region_notice(_given(present, file, name)):
            yield notice


def _about_dsn(built: Built[PipelineSettings]) -> Iterator[str]:
    settings = built.settings
    if settings is None or settings.postgres_dsn is None:
        return
    if settings.sink != "postgres":
        yield f"{built.called('postgres_dsn')} is set but not used by SINK={settings.sink}"
        return
    with suppress(ValueError):  # which is a problem, and told as one
        yield from read_dsn(settings.postgres_dsn.get_secret_value()).notices


def _origins(
    worker: Built[WorkerSettings], pipelines: Sequence[Built[PipelineSettings]], present: Mapping[str, str]
) -> Iterator[tuple[str, tuple[str, str]]]:
    every: list[Built[WorkerSettings] | Built[PipelineSettings]] = [worker, *pipelines]
    for built in every:
        for setting in settings_of(built.model):
            value = getattr(built.settings, setting.field)
            text = MASK if setting.variable.secret and value is not None else _text(value)
            origin = built.origin(setting.field)
            yield built.listed(setting.field), ("" if origin == NOT_SET else text, origin)
    for name in RESERVED:
        if name in present:
            yield name, (shown(present[name]), "environment, not used")
    for name, value in proxies(present):
        yield name, (shown(value), "environment, read by the AWS SDK")


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else shown(value)
