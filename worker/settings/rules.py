"""What can be wrong between settings that are each right for themselves.

Each rule is a pure function of one pipeline (or of all of them) and gives a sentence with the fix, or nothing. A rule
names the fields it looks at; `load` leaves it out when one of them is wrong already, so that no problem is told twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Final

from worker.settings.circles import circles
from worker.sinks.postgres.dsn import read_dsn
from worker.sqs.address import check_endpoint, parse_address

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from worker.settings.pipeline import PipelineSettings
    from worker.settings.sources import Called
    from worker.settings.worker import WorkerSettings


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule and the fields it looks at."""

    fields: frozenset[str]
    check: Callable[[PipelineSettings, Called], str | None]


def _rows(p: PipelineSettings, called: Called) -> str | None:
    if p.batch_max_rows <= p.in_flight_max_messages:
        return None
    return _never_full(
        called("batch_max_rows"), p.batch_max_rows, called("in_flight_max_messages"), p.in_flight_max_messages
    )


def _bytes(p: PipelineSettings, called: Called) -> str | None:
    if p.batch_max_bytes <= p.in_flight_max_bytes:
        return None
    return _never_full(
        called("batch_max_bytes"), p.batch_max_bytes, called("in_flight_max_bytes"), p.in_flight_max_bytes
    )


def _never_full(batch: str, size: int, bound: str, limit: int) -> str:
    return f"{batch} is {size}, more than {bound} ({limit}): no batch would ever be full; set it to at most {limit}"


def _plain_dead_letters(p: PipelineSettings, called: Called) -> str | None:
    """What a URL of the dead-letter queue's own says, `SQS_ENDPOINT_URL` is checked for by itself."""
    endpoint = None if p.dlq is None else parse_address(p.dlq).endpoint_url
    if endpoint is None:
        return None
    try:
        check_endpoint(endpoint)
    except ValueError as error:
        return f"{called('dlq')}: {error}"
    return None


def _own_dead_letters(p: PipelineSettings, called: Called) -> str | None:
    if p.dlq is None or not parse_address(p.dlq).same_queue(parse_address(p.queue)):
        return None
    return f"{called('dlq')} is the queue itself: rejected messages would come back for ever; name another queue"


def _dead_letter_type(p: PipelineSettings, called: Called) -> str | None:
    if p.dlq is None or parse_address(p.dlq).fifo == parse_address(p.queue).fifo:
        return None
    kind = "FIFO" if parse_address(p.queue).fifo else "standard"
    return f"{called('dlq')} must be a {kind} queue, as {called('queue')} is one; name a {kind} queue"


def _nowhere_to_send(p: PipelineSettings, called: Called) -> str | None:
    if p.max_receives is None or p.dlq is not None:
        return None
    wanted = f"set {called('dlq')} as well, or unset it and give the queue a redrive policy"
    return f"{called('max_receives')} is set, but there is no dead-letter queue to send to: {wanted}"


def _handler_missing(p: PipelineSettings, called: Called) -> str | None:
    if p.sink != "handler" or p.handler is not None:
        return None
    wanted = "name your function, such as package.module:function"
    return f"{called('handler')} is not set, but {called('sink')} is handler: {wanted}"


def _handler_unused(p: PipelineSettings, called: Called) -> str | None:
    if p.handler is None or p.sink == "handler":
        return None
    never = "your function would never be called; remove one of them"
    return f"{called('handler')} is set, but {called('sink')} is {p.sink}: {never}"


def _dsn(p: PipelineSettings, called: Called) -> str | None:
    """Looked at for this sink alone: a handler may read the same variable in a form of its own."""
    if p.sink != "postgres":
        return None
    wanted = f"for {called('sink')}=postgres give postgresql://user:password@host:port/database"
    if p.postgres_dsn is None:
        return f"{called('postgres_dsn')} is not set: {wanted}"
    try:
        read_dsn(p.postgres_dsn.get_secret_value())
    except ValueError as error:
        return f"{called('postgres_dsn')} cannot be read: {error}; {wanted}"
    return None


def _retry(p: PipelineSettings, called: Called) -> str | None:
    if p.retry_base_seconds <= p.retry_max_seconds:
        return None
    longest = f"{called('retry_max_seconds')} ({p.retry_max_seconds:g})"
    return f"{called('retry_base_seconds')} is {p.retry_base_seconds:g}, more than {longest}; set it to less"


RULES: Final = (
    Rule(frozenset({"batch_max_rows", "in_flight_max_messages"}), _rows),
    Rule(frozenset({"batch_max_bytes", "in_flight_max_bytes"}), _bytes),
    Rule(frozenset({"dlq"}), _plain_dead_letters),
    Rule(frozenset({"queue", "dlq"}), _own_dead_letters),
    Rule(frozenset({"queue", "dlq"}), _dead_letter_type),
    Rule(frozenset({"max_receives", "dlq"}), _nowhere_to_send),
    Rule(frozenset({"sink", "handler"}), _handler_missing),
    Rule(frozenset({"sink", "handler"}), _handler_unused),
    Rule(frozenset({"sink", "postgres_dsn"}), _dsn),
    Rule(frozenset({"retry_base_seconds", "retry_max_seconds"}), _retry),
)


def between_pipelines(pipelines: Sequence[PipelineSettings]) -> Iterator[str]:
    """What is wrong between pipelines: two of them may not read one queue or write one file."""
    for one, two in combinations(pipelines, 2):
        both = f"pipelines {one.name} and {two.name}"
        if parse_address(one.queue).same_queue(parse_address(two.queue)):
            yield f"{both} read the same queue; raise concurrency in one of them instead"
        if one.sink == two.sink == "ndjson" and _same_file(one.ndjson_path, two.ndjson_path):
            yield f"{both} write the same file {one.ndjson_path}; give each its own ndjson_path"
    yield from circles(pipelines)


def with_processes(worker: WorkerSettings, pipelines: Sequence[PipelineSettings]) -> Iterator[str]:
    """What several processes cannot share: a stream has no lock, and a line longer than 4 KiB is written in pieces."""
    for p in pipelines:
        if worker.processes != 1 and p.sink == "ndjson" and p.ndjson_path == "-":
            yield (
                f"WORKER_PROCESSES is {worker.processes}, but pipeline {p.name} writes to standard output, where the"
                " lines of several processes would be mixed: give it a file as NDJSON_PATH, or run one process"
            )


def _same_file(one: str, two: str) -> bool:
    return one != "-" and Path(one).resolve() == Path(two).resolve()
