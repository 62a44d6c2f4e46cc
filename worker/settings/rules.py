"""What can be wrong between settings that are each right for themselves.

Each rule is a pure function of one pipeline (or of all of them) and gives a sentence with the fix, or nothing. What
concerns the settings of one sink is a rule of that sink.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Final

from worker.plugins.setting import Rule
from worker.settings.circles import circles
from worker.sinks.registry import SINKS
from worker.sqs.address import check_endpoint, parse_address

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from worker.plugins.setting import Called
    from worker.settings.pipeline import PipelineSettings
    from worker.settings.worker import WorkerSettings


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


def _retry(p: PipelineSettings, called: Called) -> str | None:
    if p.retry_base_seconds <= p.retry_max_seconds:
        return None
    longest = f"{called('retry_max_seconds')} ({p.retry_max_seconds:g})"
    return f"{called('retry_base_seconds')} is {p.retry_base_seconds:g}, more than {longest}; set it to less"


RULES: Final[tuple[Rule[PipelineSettings], ...]] = (
    Rule(frozenset({"batch_max_rows", "in_flight_max_messages"}), _rows),
    Rule(frozenset({"batch_max_bytes", "in_flight_max_bytes"}), _bytes),
    Rule(frozenset({"dlq"}), _plain_dead_letters),
    Rule(frozenset({"queue", "dlq"}), _own_dead_letters),
    Rule(frozenset({"queue", "dlq"}), _dead_letter_type),
    Rule(frozenset({"max_receives", "dlq"}), _nowhere_to_send),
    Rule(frozenset({"retry_base_seconds", "retry_max_seconds"}), _retry),
)


def between_pipelines(pipelines: Sequence[PipelineSettings]) -> Iterator[str]:
    """What is wrong between pipelines: two of them may not read one queue, nor what their sinks say."""
    for one, two in combinations(pipelines, 2):
        both = f"pipelines {one.name} and {two.name}"
        if parse_address(one.queue).same_queue(parse_address(two.queue)):
            yield f"{both} read the same queue; raise concurrency in one of them instead"
        if one.sink == two.sink and (wrong := SINKS.find(one.sink).beside(one.sink_settings, two.sink_settings)):
            yield f"{both} {wrong}"
    yield from circles(pipelines)


def with_processes(worker: WorkerSettings, pipelines: Sequence[PipelineSettings]) -> Iterator[str]:
    """What several processes cannot share: a stream has no lock, and a line longer than 4 KiB is written in pieces."""
    for p in pipelines:
        setting = SINKS.find(p.sink).stdout(p.sink_settings)
        if worker.processes != 1 and setting:
            yield (
                f"WORKER_PROCESSES is {worker.processes}, but pipeline {p.name} writes to standard output, where the"
                f" lines of several processes would be mixed: give it a file as {setting}, or run one process"
            )
