"""Every variable name the worker knows, and what to say about one that it does not.

Takes the variables that are set and gives problems (a name under our prefixes that resembles a known one: almost surely
misspelt, and silently ignoring it would run with a default) and notices (any other unknown name, and known ones that
this version does not use). Pure.
"""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import TYPE_CHECKING, Final

from worker.settings.pipeline import PipelineSettings
from worker.settings.variables import settings_of
from worker.settings.worker import WorkerSettings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

PREFIXES: Final = (
    "WORKER_",
    "SQS_",
    "BATCH_",
    "IN_FLIGHT_",
    "HANDLER",
    "SQLITE_",
    "NDJSON_",
    "METRICS_",
    "LOG_",
    "DEDUPLICATION_",
    "RETRY_",
    "POSTGRES_",
    "REDSHIFT_",
    "ENABLE_SQS_",
)

RESERVED: Final[Mapping[str, str]] = {
    "REDSHIFT_CLUSTER_IDENTIFIER": "redshift",
    "REDSHIFT_DATABASE": "redshift",
    "REDSHIFT_DB_USER": "redshift",
    "REDSHIFT_TABLE_NAME": "redshift",
}
"""Names people already have in their manifests, with the sink that they belong to."""

KNOWN: Final = tuple(
    name
    for model in (WorkerSettings, PipelineSettings)
    for setting in settings_of(model)
    for name in (setting.variable.name, *setting.variable.also)
)

_ALIKE: Final = 0.8
_VERY_ALIKE: Final = 0.9
SHORTEST_COMPARED: Final = len("WORKER_ID") - 1
_KUBERNETES: Final = re.compile(
    r"\w+_SERVICE_HOST|\w+_SERVICE_PORT(_\w+)?|\w+_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?"
)
"""What Kubernetes sets in every pod for every Service of the namespace. NAME_PORT is told by its value: SQS_TRAN_PORT
may be a slip of ours."""
_OTHER_QUEUE: Final = re.compile(r"SQS_(?!DLQ_|DEAD_)[A-Z0-9]{2,}(_[A-Z0-9]{2,})*_QUEUE_(URL|ARN|NAME)")
"""Another queue's address, such as SQS_EMAIL_QUEUE_URL: a handler's own, that sends on."""


def name_problems(environ: Mapping[str, str]) -> Iterator[str]:
    """One sentence for each name that is surely meant for us and is not right."""
    for name in _unknown(environ):
        if _is_ours(name) and not _is_foreign(name, environ[name]) and (meant := suggestion(name)):
            yield f"{name} is not a setting: did you mean {meant}?"


def name_notices(environ: Mapping[str, str]) -> Iterator[str]:
    """One sentence for each name that may have been meant for us."""
    for name in _unknown(environ):
        if not _is_ours(name):
            if meant := _near_miss(name):
                yield f"{name} is not read; {meant} is"
        elif _is_foreign(name, environ[name]) or not suggestion(name):
            yield f"{name} is not a setting of the worker; ignored"


def suggestion(name: str) -> str:
    """The known name that *name* resembles, empty if there is none."""
    if name.upper() in KNOWN:
        return name.upper()
    return next(iter(get_close_matches(name.upper(), (*KNOWN, *RESERVED), n=1, cutoff=_ALIKE)), "")


def is_kubernetes_link(value: str) -> bool:
    """Whether *value* is what Kubernetes writes into NAME_PORT for a Service called NAME."""
    return re.fullmatch(r"(tcp|udp|sctp)://[^/]+:\d+", value) is not None


def _unknown(names: Iterable[str]) -> list[str]:
    return sorted(n for n in names if n not in KNOWN and n not in RESERVED)


def _is_ours(name: str) -> bool:
    return name.upper().startswith(PREFIXES) or name.upper() in KNOWN


def _is_foreign(name: str, value: str) -> bool:
    shaped = any(pattern.fullmatch(name) for pattern in (_KUBERNETES, _OTHER_QUEUE))
    return shaped or (name.endswith("_PORT") and is_kubernetes_link(value))


def _near_miss(name: str) -> str:
    """A known name so near that only a slip in the prefix explains it (METRIC_PORT, SQSQUEUE_URL)."""
    if len(name) < SHORTEST_COMPARED or "_" not in name:
        return ""
    return next(iter(get_close_matches(name, KNOWN, n=1, cutoff=_VERY_ALIKE)), "")
