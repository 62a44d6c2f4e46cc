"""Circles: dead letters that come back to the queue that they were rejected in.

Takes where the dead letters of each pipeline go, by ARN, as the queues' attributes say it; gives a finding for a way
that leads back. Pure. What the settings alone show is found before (`settings/circles.py`); here are the names that
mean one queue only for SQS, and the ways that redrive policies add.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from worker.plugins.finding import Finding
from worker.sqs.address import parse_address

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from worker.settings import PipelineSettings
    from worker.sqs.queue import QueueAttributes


@dataclass(frozen=True, slots=True)
class Way:
    """Where what is rejected in one queue goes."""

    pipeline: str
    queue: str
    """ARN."""
    dead_letters: str | None
    """ARN of its dead-letter queue, ours or the redrive policy's; None if there is none."""
    beyond: str | None
    """ARN that the dead-letter queue's own redrive policy names; None if it has none, or nobody could look."""


def way_of(settings: PipelineSettings, queue: QueueAttributes, dlq: QueueAttributes | None) -> Way:
    """The way of one pipeline's dead letters."""
    policy = queue.redrive.dead_letter_arn if queue.redrive else None
    beyond = dlq.redrive.dead_letter_arn if dlq is not None and dlq.redrive else None
    return Way(settings.name, queue.arn, dlq.arn if dlq is not None else policy, beyond)


def circle(way: Way, others: Sequence[Way]) -> Iterator[Finding]:
    """Whether dead letters of *way* come back to its queue over those of *others*."""
    ways = [*others, way]
    read = {one.queue: one.dead_letters for one in ways}
    unread = {one.dead_letters: one.beyond for one in ways if one.dead_letters is not None}
    passed = [way.queue]
    while (at := read.get(passed[-1]) if passed[-1] in read else unread.get(passed[-1])) is not None:
        passed.append(at)
        if at == way.queue:
            yield _found(passed, by_us=all(one in read for one in passed))
        if passed.count(at) > 1:
            return


def _found(passed: Sequence[str], *, by_us: bool) -> Finding:
    names = " → ".join(parse_address(arn).name for arn in passed)
    if by_us:
        finding = f"dead letters go in a circle ({names}): a message that all of them reject would circulate for ever"
        fix = "let one of these queues have a dead-letter queue that no pipeline receives from"
        return Finding("dead-letter circle", "refuse", finding, fix)
    finding = (
        f"dead letters can go in a circle ({names}): a consumer that receives there without deleting sends them back"
    )
    return Finding("dead-letter circle", "warn", finding, "take the redrive policy off the dead-letter queue")
