"""Opening a queue through the SDK: found by URL, ARN or name, reached as AWS is configured here, and read once.

Takes a `QueueSpec`, gives an `SdkQueue`, or an error of ours in words that say what to do.
"""

from __future__ import annotations

import time
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

from worker.errors import QueueError, QueueRefused
from worker.sqs.address import check_endpoint, locate
from worker.sqs.explain import ENDPOINT, explained
from worker.sqs.sdk.call import Caller
from worker.sqs.sdk.queue import SdkQueue
from worker.sqs.sdk.session import MARGIN_SECONDS, SETTLE_SECONDS, Clients

if TYPE_CHECKING:
    from collections.abc import Callable

    from worker.facts import Emit
    from worker.sqs.address import QueueAddress
    from worker.sqs.spec import QueueSpec


async def open_sdk_queue(
    spec: QueueSpec,
    emit: Emit,
    *,
    wall: Callable[[], float] = time.time,
    margin_seconds: float = MARGIN_SECONDS,
    settle_seconds: float = SETTLE_SECONDS,
) -> SdkQueue:
    """The queue of *spec*, found and readable.

    Raises:
        CredentialsRefused, QueueMissing, QueueRefused: in words that name the queue, its account and region, and what
            to do.
        QueueUnavailable: SQS could not be reached; trying again may help.
    """
    address = locate(spec.queue, region=spec.region, endpoint_url=spec.endpoint_url)
    clients = Clients(emit, pipeline=spec.pipeline, region=address.region, endpoint_url=address.endpoint_url, wall=wall)
    async with AsyncExitStack() as opened:
        opened.push_async_callback(clients.close)
        try:
            await clients.open(receivers=spec.receivers, settlers=spec.settlers)
            address = replace(address, region=clients.region)
            _require_tls(clients.endpoint_url)
            caller = Caller(clients, emit, pipeline=spec.pipeline, settle_seconds=settle_seconds)
            url = await _url_of(address, caller)
            queue = SdkQueue(
                caller, spec, emit=emit, name=address.name, url=url, wall=wall, margin_seconds=margin_seconds
            )
            await queue.attributes()  # a URL says nothing about whether its queue exists
        except QueueError as error:
            raise explained(error, address, dead_letters=spec.dead_letters) from error
        opened.pop_all()
        return queue


def _require_tls(endpoint_url: str) -> None:
    """Whatever named the endpoint (a variable, a profile, a plugin of the SDK): this is where requests would go."""
    try:
        check_endpoint(endpoint_url)
    except ValueError as error:
        raise QueueRefused("open", ENDPOINT, f"the AWS configuration leads to {endpoint_url}: {error}") from None


async def _url_of(address: QueueAddress, caller: Caller[Clients]) -> str:
    if address.url is not None:
        return address.url
    asked = {"QueueName": address.name}
    if address.account is not None:
        asked["QueueOwnerAWSAccountId"] = address.account
    answer = await caller.call("open", caller.clients.settling.get_queue_url, asked)
    return str(answer["QueueUrl"])
