"""Every way into SQS that we have. A new one is one line in `WAYS`, and then has to pass the whole bad wire."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from worker.facts import Emit
from worker.sqs.open import open_native_queue
from worker.sqs.queue import Queue
from worker.sqs.sdk.open import open_sdk_queue
from worker.sqs.spec import QueueSpec

LAPSE: Final = 3.0
"""Seconds that a way waits for an answer beyond what it must (in production 5, 10): as few as a busy machine allows."""
SETTLERS: Final = 8
"""Connections enough for every other call of a case to be under way at once."""

Way = Callable[[str, str, int | None, Emit], Awaitable[Queue]]
"""From endpoint, queue name, visibility timeout (None: the queue's own) and observer to an open queue."""


async def _sdk(endpoint_url: str, name: str, visibility_timeout: int | None, emit: Emit) -> Queue:
    spec = _spec(endpoint_url, name, visibility_timeout)
    return await open_sdk_queue(spec, emit, margin_seconds=LAPSE, settle_seconds=LAPSE)


async def _native(endpoint_url: str, name: str, visibility_timeout: int | None, emit: Emit) -> Queue:
    spec = _spec(endpoint_url, name, visibility_timeout)
    return await open_native_queue(spec, emit, required=True, margin_seconds=LAPSE, settle_seconds=LAPSE)


def _spec(endpoint_url: str, name: str, visibility_timeout: int | None) -> QueueSpec:
    return QueueSpec(
        queue=f"{endpoint_url}/000000000000/{name}",
        pipeline="orders",
        region="us-east-1",
        endpoint_url=endpoint_url,
        receivers=2,
        settlers=SETTLERS,
        visibility_timeout=visibility_timeout,
    )


WAYS: Final[dict[str, Way]] = {"native": _native, "sdk": _sdk}
