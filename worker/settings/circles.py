"""Circles of dead letters between the pipelines of one worker: a sends to b's queue, and b to a's. Pure.

Takes the pipelines' settings and gives a sentence for each circle. Whether two spellings mean one queue is decided by
what both say; what only SQS knows is looked at by the preflight.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from worker.sqs.address import parse_address

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from worker.settings.pipeline import PipelineSettings
    from worker.sqs.address import QueueAddress


def circles(pipelines: Sequence[PipelineSettings]) -> Iterator[str]:
    """Pipelines whose dead letters come back to where they were rejected, each circle once."""
    told: set[frozenset[str]] = set()
    for start in pipelines:
        passed = [start]
        while (after := _reader_of_letters(passed[-1], pipelines)) is not None and after not in passed:
            passed.append(after)
        circle = passed[passed.index(after) :] if after is not None else []
        names = frozenset(p.name for p in circle)
        if len(circle) > 1 and names not in told:
            told.add(names)
            way = " → ".join(parse_address(p.queue).name for p in (*circle, circle[0]))
            yield (
                f"pipelines {' and '.join(p.name for p in circle)} send their dead letters in a circle ({way}): a"
                " message that all of them reject would circulate for ever; give one a dlq that no pipeline reads"
            )


def _reader_of_letters(p: PipelineSettings, pipelines: Sequence[PipelineSettings]) -> PipelineSettings | None:
    if p.dlq is None:
        return None
    letters = _placed(p.dlq, p)
    return next((other for other in pipelines if letters.same_queue(_placed(other.queue, other))), None)


def _placed(queue: str, p: PipelineSettings) -> QueueAddress:
    """A name alone means the pipeline's own region."""
    said = parse_address(queue)
    return replace(said, region=said.region or p.region)
