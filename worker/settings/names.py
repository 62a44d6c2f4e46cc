"""Every variable name the worker knows, and what to say about one that it does not.

Takes the variables that are set and gives problems (a name under our prefixes that resembles a known one: almost surely
misspelt, and silently ignoring it would run with a default) and notices (any other unknown name, and known ones that
this version does not use). Pure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Final

from worker.plugins.setting import settings_of
from worker.settings.pipeline import KINDS, PipelineSettings
from worker.settings.worker import WorkerSettings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from worker.plugins.setting import Section, Variable

PROXIES: Final = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "NO_PROXY", "no_proxy")
"""Everybody's, and read by the AWS SDK."""
_OWN_PREFIXES: Final = (
    "WORKER_",
    "SQS_",
    "BATCH_",
    "IN_FLIGHT_",
    "METRICS_",
    "LOG_",
    "DEDUPLICATION_",
    "RETRY_",
    "ENABLE_SQS_",
)
_LATER: Final[Mapping[str, str]] = {
    "REDSHIFT_CLUSTER_IDENTIFIER": "redshift",
    "REDSHIFT_DATABASE": "redshift",
    "REDSHIFT_DB_USER": "redshift",
    "REDSHIFT_TABLE_NAME": "redshift",
}


@dataclass(frozen=True, slots=True)
class Names:
    """The variables that may be set."""

    known: tuple[str, ...]
    prefixes: tuple[str, ...]
    """Of ours: what begins so and resembles a known one is misspelt."""
    spelt: frozenset[str]
    """Those whose values are looked at for quotes and line breaks; some are taken as they are written."""

    def beside(self, models: Sequence[type[Section]]) -> Names:
        """With the settings of others' parts."""
        own = [v for model in models for v in variables(model) if v.name not in self.known]
        known, prefixes = _spellings(own), _prefixes(own)
        return Names((*self.known, *known), (*self.prefixes, *prefixes), self.spelt | {*known} - _verbatim(own))


def variables(model: type[Section]) -> Iterator[Variable]:
    """Those of *model*."""
    return (setting.variable for setting in settings_of(model))


def _spellings(of: Iterable[Variable]) -> list[str]:
    return list(dict.fromkeys(name for variable in of for name in (variable.name, *variable.also)))


def _verbatim(of: Iterable[Variable]) -> set[str]:
    return {variable.name for variable in of if variable.verbatim or variable.shared}


def _prefixes(of: Iterable[Variable]) -> list[str]:
    """`SQLITE_` of SQLITE_PATH; HANDLER as it is."""
    starts = {v.name[: v.name.find("_") + 1] or v.name for v in of if not (v.ambient or v.shared)}
    return sorted(start for start in starts if start.rstrip("_") not in starts - {start})


_PARTS: Final = [variable for kind in KINDS.values() for part in kind.ours() for variable in variables(part.settings)]

KNOWN: Final = tuple(_spellings([*variables(WorkerSettings), *variables(PipelineSettings), *_PARTS]))

RESERVED: Final[Mapping[str, str]] = {name: sink for name, sink in _LATER.items() if name not in KNOWN}
"""Names people already have in their manifests, with the sink that they belong to."""

PREFIXES: Final = (*_OWN_PREFIXES, *_prefixes(_PARTS), *sorted({f"{sink.upper()}_" for sink in RESERVED.values()}))

OURS: Final = Names(KNOWN, PREFIXES, frozenset(KNOWN) - _verbatim(_PARTS))
"""Without the parts of others."""

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


def name_problems(environ: Mapping[str, str], names: Names = OURS) -> Iterator[str]:
    """One sentence for each name that is surely meant for us and is not right."""
    for name in _unknown(environ, names):
        ours = _is_ours(name, names) and not _is_foreign(name, environ[name])
        if ours and (meant := suggestion(name, names)):
            yield f"{name} is not a setting: did you mean {meant}?"


def name_notices(environ: Mapping[str, str], names: Names = OURS) -> Iterator[str]:
    """One sentence for each name that may have been meant for us."""
    for name in _unknown(environ, names):
        if not _is_ours(name, names):
            if meant := _near_miss(name, names):
                yield f"{name} is not read; {meant} is"
        elif _is_foreign(name, environ[name]) or not suggestion(name, names):
            yield f"{name} is not a setting of the worker; ignored"


def suggestion(name: str, names: Names = OURS) -> str:
    """The known name that *name* resembles, empty if there is none."""
    if name.upper() in names.known:
        return name.upper()
    return next(iter(get_close_matches(name.upper(), (*names.known, *RESERVED), n=1, cutoff=_ALIKE)), "")


def is_kubernetes_link(value: str) -> bool:
    """Whether *value* is what Kubernetes writes into NAME_PORT for a Service called NAME."""
    return re.fullmatch(r"(tcp|udp|sctp)://[^/]+:\d+", value) is not None


def _unknown(present: Iterable[str], names: Names) -> list[str]:
    return sorted(n for n in present if n not in names.known and n not in RESERVED and n not in PROXIES)


def _is_ours(name: str, names: Names) -> bool:
    return name.upper().startswith(names.prefixes) or name.upper() in names.known


def _is_foreign(name: str, value: str) -> bool:
    shaped = any(pattern.fullmatch(name) for pattern in (_KUBERNETES, _OTHER_QUEUE))
    return shaped or (name.endswith("_PORT") and is_kubernetes_link(value))


def _near_miss(name: str, names: Names) -> str:
    """A known name so near that only a slip in the prefix explains it (METRIC_PORT, SQSQUEUE_URL)."""
    if len(name) < SHORTEST_COMPARED or "_" not in name:
        return ""
    return next(iter(get_close_matches(name, names.known, n=1, cutoff=_VERY_ALIKE)), "")
