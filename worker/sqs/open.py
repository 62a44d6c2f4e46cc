"""Opens a queue for our own request path: found by the SDK, spoken to without it where that is the same to SQS.

`open_native_queue` takes what `open_sdk_queue` takes and gives a `NativeQueue` that stands on the SDK's queue, or,
where only the SDK will do, that queue itself, with a fact that says why. What it gives is closed by its `close`.
"""

from __future__ import annotations

import time
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Final

from worker import speedups
from worker.errors import QueueRefused
from worker.facts import TransportChosen
from worker.sqs.clock import ServerClock
from worker.sqs.native.call import Requester, Signing
from worker.sqs.native.pool import Pool, tls_context
from worker.sqs.native.queue import NativeQueue, NativeSpec
from worker.sqs.sdk.fit import Unfit, fitness
from worker.sqs.sdk.open import open_sdk_queue
from worker.sqs.sdk.session import MARGIN_SECONDS, SETTLE_SECONDS
from worker.sqs.sign import Signer

if TYPE_CHECKING:
    from collections.abc import Callable

    from worker.facts import Emit
    from worker.sqs.sdk.fit import Fit
    from worker.sqs.sdk.queue import SdkQueue
    from worker.sqs.sdk.session import Clients
    from worker.sqs.spec import QueueSpec

HOW: Final = "plain Signature Version 4 over HTTP" + ("" if speedups.BUILT else "; its extension in C was not built")
"""What an operator is told of the native path."""


async def open_native_queue(
    spec: QueueSpec,
    emit: Emit,
    *,
    required: bool = False,
    wall: Callable[[], float] = time.time,
    margin_seconds: float = MARGIN_SECONDS,
    settle_seconds: float = SETTLE_SECONDS,
) -> NativeQueue | SdkQueue:
    """The queue of *spec*, found and readable, by the quicker way that fits; *required* says that only ours will do.

    Raises:
        QueueRefused: as `open_sdk_queue` says; or our way is *required* and does not fit.
        QueueUnavailable: SQS could not be reached; trying again may help.
    """
    beneath = await open_sdk_queue(spec, emit, wall=wall, margin_seconds=margin_seconds, settle_seconds=settle_seconds)
    async with AsyncExitStack() as opened:
        opened.push_async_callback(beneath.close)
        found = await fitness(beneath.clients, queue_url=beneath.url)
        if isinstance(found, Unfit):
            if required:
                words = f"the native request path cannot be used because {found.reason}; set SQS_TRANSPORT=sdk or auto"
                raise QueueRefused("open", "TransportUnfit", words)
            emit(TransportChosen(spec.pipeline, beneath.name, "sdk", found.reason))
            opened.pop_all()
            return beneath
        known = NativeSpec(
            beneath.url, beneath.name, spec.pipeline, spec.visibility_timeout, margin_seconds, settle_seconds
        )
        requester = Requester(_signing(beneath.clients, found, wall), emit, pipeline=spec.pipeline)
        tls = tls_context(found.ca_bundle) if found.endpoint.tls else None
        queue = NativeQueue(
            known,
            requester,
            # One connection more than receivers, as in `Clients.open`.
            receiving=Pool(found.endpoint, limit=spec.receivers + 1, tls=tls),
            settling=Pool(found.endpoint, limit=spec.settlers, tls=tls),
            emit=emit,
            wall=wall,
            beneath=beneath.close,
        )
        emit(TransportChosen(spec.pipeline, queue.name, "native", HOW))
        opened.pop_all()
        return queue


def _signing(clients: Clients, fit: Fit, wall: Callable[[], float]) -> Signing:
    signer = Signer(fit.endpoint, region=fit.region, service=fit.service)
    return Signing(signer, clients.ring, ServerClock(wall))
