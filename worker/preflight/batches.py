"""Batches: what the sink wishes of them, against the bounds that were given, SQS's own, and the memory.

Takes the settings as they were given, the sink's demand and the queue's attributes; gives findings. Pure. What it
refuses would never work as the sink needs it: batches that are never full, or messages that are taken away meanwhile.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from worker.plugins.finding import Finding
from worker.preflight.memory import MIB, bytes_for, needed_for
from worker.settings.wishes import BYTES_MAX, fitted, held
from worker.sqs.quotas import IN_FLIGHT, VISIBILITY_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from worker.settings import PipelineSettings
    from worker.sinks.sink import Demand
    from worker.sqs.queue import QueueAttributes

SETTLING_SECONDS: Final = 600
"""Of the 12 hours after which SQS takes a message back: left for settling it."""


def batches(
    settings: PipelineSettings, demand: Demand, queue: QueueAttributes, *, memory_limit: int | None, processes: int
) -> Iterator[Finding]:
    """What the sink wishes, if it wishes anything: that it fits, or each thing that does not."""
    if demand.rows is None and demand.bytes is None and demand.age_seconds is None:
        return
    wished = fitted(settings, demand, most_bytes=bytes_for(memory_limit, processes))
    refused = [
        *_rows(settings, wished, demand, processes),
        *_bytes(settings, wished, demand, memory_limit, processes),
        *_time(wished, demand, queue),
    ]
    yield from refused
    if not refused:
        yield Finding(
            "batches",
            "ok",
            f"{settings.sink} is given {wished.batch_max_rows} messages or {_mib(wished.batch_max_bytes)} at once, or"
            f" what comes within {wished.batch_max_wait_ms / 1000:g} s; {wished.in_flight_max_messages} messages and"
            f" {_mib(wished.in_flight_max_bytes)} may be in flight",
        )


def _rows(settings: PipelineSettings, wished: PipelineSettings, demand: Demand, processes: int) -> Iterator[Finding]:
    rows, most = wished.batch_max_rows, wished.in_flight_max_messages
    wants = f"{settings.sink} wants batches of {rows} messages"
    if rows > most and settings.is_given("in_flight_max_messages"):
        yield Finding(
            "batches",
            "refuse",
            f"{wants}, but only {most} may be in flight: none would ever be full",
            f"set IN_FLIGHT_MAX_MESSAGES to {rows} or more ({min(IN_FLIGHT, held(wished, demand) * rows)} keeps all"
            f" writers busy), or BATCH_MAX_ROWS to {most} or less",
        )
    elif rows * processes > IN_FLIGHT:
        each = "" if processes == 1 else f" in each of {processes} processes"
        fewer = "" if processes == 1 else ", or run fewer processes"
        yield Finding(
            "batches",
            "refuse",
            f"{wants}{each}, but SQS hands out {IN_FLIGHT} at most before some are deleted: none would ever be full",
            f"set BATCH_MAX_ROWS to {IN_FLIGHT // processes} or less{fewer}",
        )


def _bytes(
    settings: PipelineSettings, wished: PipelineSettings, demand: Demand, memory_limit: int | None, processes: int
) -> Iterator[Finding]:
    size, most = wished.batch_max_bytes, wished.in_flight_max_bytes
    wants = f"{settings.sink} wants batches of {_mib(size)}"
    if size > most and settings.is_given("in_flight_max_bytes"):
        yield Finding(
            "batches",
            "refuse",
            f"{wants}, but only {_mib(most)} may be in flight: none would ever be full",
            f"set IN_FLIGHT_MAX_BYTES to {size} or more ({min(BYTES_MAX, held(wished, demand) * size)} keeps all"
            f" writers busy), or BATCH_MAX_BYTES to {most} or less",
        )
    elif size > most:
        limit = "there may be" if memory_limit is None else f"the memory limit of {_mib(memory_limit)} leaves"
        room = "" if memory_limit is None else f"raise the memory limit to {_mib(needed_for(size, processes))}, or "
        yield Finding(
            "batches",
            "refuse",
            f"{wants}, but {limit} {_mib(most)} in flight{'' if processes == 1 else ' for each process'}",
            f"{room}set BATCH_MAX_BYTES to {most} or less",
        )


def _time(wished: PipelineSettings, demand: Demand, queue: QueueAttributes) -> Iterator[Finding]:
    age, write = wished.batch_max_wait_ms / 1000, demand.seconds or 0.0
    takes = f"a message may wait {age:g} s for its batch" + (f", and its write take {write:g} s" if write else "")
    if age + write > VISIBILITY_SECONDS - SETTLING_SECONDS:
        finding = f"{takes}, but SQS takes a message back {VISIBILITY_SECONDS} s after its receipt"
        yield Finding("batches", "refuse", finding, "set BATCH_MAX_WAIT_MS, or give the sink less time")
    elif age + write >= queue.retention_seconds:
        finding = f"{takes}, but the queue keeps a message {queue.retention_seconds} s"
        fix = "raise MessageRetentionPeriod of the queue, or set BATCH_MAX_WAIT_MS to less"
        yield Finding("batches", "refuse", finding, fix)


def _mib(size: int) -> str:
    return f"{size / MIB:g} MiB" if size >= MIB else f"{size} bytes"
