"""The queues of configured pipelines as a policy names them: by ARN."""

from __future__ import annotations

from typing import TYPE_CHECKING

from worker.deploy.arn import queue_arn
from worker.deploy.rights import PipelineQueues
from worker.sqs.address import parse_address
from worker.sqs.beside import beside, neighbour

if TYPE_CHECKING:
    from worker.settings import PipelineSettings


def place_of(settings: PipelineSettings, *, account: str | None = None, redrive: str | None = None) -> PipelineQueues:
    """The queues of one pipeline.

    *account* is that of queues whose address names none. *redrive* is the ARN of the dead-letter queue that the redrive
    policy names, which counts where the settings name none: only SQS sends there, but for a FIFO queue's messages.

    Raises:
        ValueError: an account or a region is not known, or *redrive* is no queue.
    """
    letters = settings.dlq or (neighbour(settings.queue, redrive) if redrive else None)
    arns = {one: _arn(one, settings, account) for one in (settings.queue, letters) if one is not None}
    sends = settings.dlq is not None or parse_address(settings.queue).fifo
    return PipelineQueues(
        settings.name,
        arns[settings.queue],
        dead_letters=arns[letters] if letters and sends else None,
        watched=arns[letters] if letters and not sends else None,
        looked_up=tuple(arn for address, arn in arns.items() if parse_address(address).url is None),
    )


def unnamed_letters(settings: PipelineSettings) -> str:
    """What the settings do not say and a policy would need; empty if there is nothing."""
    if settings.dlq is not None:
        return ""
    does = "sends messages that have had their tries to" if parse_address(settings.queue).fifo else "measures"
    return (
        f"SQS_DLQ_URL of pipeline {settings.name} is not set: the worker {does} the queue that the redrive policy"
        " names; give its ARN by --dead-letters, and the right to that is in the policy too"
    )


def _arn(address: str, settings: PipelineSettings, account: str | None) -> str:
    place = beside(address, settings.queue, region=settings.region, endpoint_url=settings.endpoint_url)
    return queue_arn(place, account=account)
