"""How a sink introduces itself: its name, its settings, what it guarantees, and how it is made.

Each folder of `worker/sinks` has a `plugin.py` with a `PLUGIN = SinkPlugin(...)`; that is all the worker knows of it.
The module is imported to list settings, so it stays light: a sink's libraries are imported inside `make`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Literal, Protocol, TypeVar

from worker.plugins.setting import Rule, Section

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from worker.facts import Emit
    from worker.plugins.finding import Finding
    from worker.sinks.sink import Sink

S = TypeVar("S", bound=Section)


@dataclass(frozen=True, slots=True)
class Guarantee:
    """What a redelivery leaves: after a crash between the write and the delete, or a lease that ended."""

    kind: Literal["transactional", "at least once", "none"]
    words: str
    """The rest of the sentence: `a redelivery changes nothing`."""
    key: str = ""
    """By which messages are told apart."""


@dataclass(frozen=True, slots=True)
class SinkContext:
    """What a sink may know of the pipeline that it is made for."""

    pipeline: str
    """Its name."""
    fifo: bool
    """Its queue keeps order."""
    keyed_by_id: bool
    """`Message.key` is the message id, not a field of the body."""
    concurrency: int
    """Batches that are handled at once, at most."""
    emit: Emit
    """Tells a fact."""
    region: str | None = None
    """Of AWS, where a sink's own settings name none: AWS_REGION's, else that of its queue, else the SDK's choice."""
    queue: str = ""
    """The name of its queue."""


class PipelineView(Protocol):
    """What rules may read of the pipeline's own settings, which `worker/settings/pipeline.py` explains."""

    name: str
    queue: str
    sink: str
    codec: str
    concurrency: int
    batch_max_rows: int
    batch_max_bytes: int
    batch_max_wait_ms: int
    in_flight_max_messages: int
    in_flight_max_bytes: int
    deduplication_key: str | None


@dataclass(frozen=True, slots=True)
class Chosen(Generic[S]):
    """What a sink's rules look at: its own settings, and those of the pipeline that chose it.

    A rule names its own fields as they are and the pipeline's as `pipeline.batch_max_rows`, among its `fields` and
    where it asks what the user calls one.
    """

    settings: S
    pipeline: PipelineView


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the preflight knows when it asks a sink about its settings."""

    retention_seconds: int
    """How long the queue keeps a message."""
    drain_seconds: float
    """How long stopping may take."""


@dataclass(frozen=True, slots=True)
class Implied:
    """A setting that chooses its sink by being set alone."""

    field: str
    unused: str
    """What to say when another sink is chosen as well: `your function would never be called`."""


def _silent(_settings: object, *_about: object) -> Iterable[Finding]:
    return ()


def _no_notice(_settings: object) -> Iterable[str]:
    return ()


def _no_stream(_settings: object) -> str:
    return ""


def _side_by_side(_one: object, _two: object) -> str:
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkPlugin(Generic[S]):
    """One sink, described."""

    name: str
    """What `SINK` calls it."""
    summary: str
    """Where messages go, in one sentence."""
    settings: type[S]
    """Its own settings; their variables begin with its name, their fields do not."""
    make: Callable[[S, SinkContext], Sink]
    """Makes the sink, not open yet; imports its libraries."""
    guarantee: Guarantee
    rules: tuple[Rule[Chosen[S]], ...] = ()
    """What can be wrong between its settings, and between them and the pipeline's."""
    notices: Callable[[S], Iterable[str]] = _no_notice
    """Sentences for the log: nothing is wrong, but somebody may have meant something else."""
    inspect: Callable[[S, Surroundings], Iterable[Finding]] = _silent
    """Its own checks of the preflight, which ask nobody."""
    beside: Callable[[S, S], str] = _side_by_side
    """What is wrong with two pipelines of one worker that have such settings, behind `pipelines a and b `."""
    stdout: Callable[[S], str] = _no_stream
    """The setting that makes it write to standard output; the log goes to standard error then. Empty: it does not."""
    implied: Implied | None = None
    """The setting that chooses it without `SINK`; for sinks that are built in."""
    rights: str = ""
    """What of AWS's rights `worker iam` does not print for it, in words."""
    extra: str = ""
    """The extra of this package that brings its library; of another package `package[extra]`."""
    page: str = ""
    """Its page: a file below `docs/`, or a URL."""
