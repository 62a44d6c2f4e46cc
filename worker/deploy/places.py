"""The queues of configured pipelines as a policy names them: by ARN."""

from __future__ import annotations

from typing import TYPE_CHECKING

from worker.deploy.arn import queue_arn
from worker.deploy.rights import Place
from worker.sqs.address import parse_address
from worker.sqs.beside import beside

if TYPE_CHECKING:
    from collections.abc import Iterator

    from worker.settings import PipelineSettings


def place_of(settings: PipelineSettings, *, account: str | None = None) -> Place:
    """The queues of one pipeline. *account* is that of queues whose address names none.

    Raises:
        ValueError: an account or a region is not known.
    """
    arns = {address: _arn(address, settings, account) for address in _addresses(settings)}
    looked_up = tuple(arn for address, arn in arns.items() if parse_address(address).url is None)
    dead_letters = arns[settings.dlq] if settings.dlq is not None else None
    return Place(settings.name, arns[settings.queue], dead_letters, looked_up)


def unnamed_letters(settings: PipelineSettings) -> str:
    """What the settings do not say and a policy would need; empty if there is nothing."""
    if settings.dlq is not None or not parse_address(settings.queue).fifo:
        return ""
    return (
        f"pipeline {settings.name} reads a FIFO queue and SQS_DLQ_URL is not set: messages that have had their tries"
        " are sent to the queue that the redrive policy names; set SQS_DLQ_URL to it for this command, and the right to"
        " send there is in the policy too"
    )


def _addresses(settings: PipelineSettings) -> Iterator[str]:
    yield settings.queue
    if settings.dlq is not None:
        yield settings.dlq


def _arn(address: str, settings: PipelineSettings, account: str | None) -> str:
    place = beside(address, settings.queue, region=settings.region, endpoint_url=settings.endpoint_url)
    return queue_arn(place, account=account)
