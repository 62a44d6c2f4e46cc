"""Time: the lease against the poll, retention, and the end of the process against the platform's.

Takes the settings and the queue's attributes, gives findings. Pure. Everything here concerns messages that come again
although they were handled, or that vanish before they are.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from worker.pipeline.renew import CALLS
from worker.pipeline.tuning import RENEW_AT
from worker.plugins.finding import Finding
from worker.sqs.quotas import BATCH_ENTRIES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from worker.settings import PipelineSettings, WorkerSettings
    from worker.sqs.queue import QueueAttributes

RECEIVE_MARGIN_SECONDS: Final = 5
"""A receive is given up this long after its long poll should have ended."""
LEASE_SECONDS_MIN: Final = 10
"""Renewed at half of it: below, one slow call to SQS loses the lease.

Half and not a third, as is often advised: a renewal that fails is tried again at every tick (a tenth of the lease, a
second at most), so the second half holds five tries or more, and a third would only add calls that succeed.
"""
RELEASE_SECONDS: Final = 2
"""What the answer of the last receive brings is given back within this time."""
STOP_MARGIN_SECONDS: Final = 5
"""What stopping takes beyond draining: closing the sink and the connections, the last log lines."""
STOP_SECONDS_USUAL: Final = 30
"""Kubernetes' terminationGracePeriodSeconds and ECS' stopTimeout if nobody sets them."""
STOP_SECONDS_FARGATE: Final = 120
_DAY: Final = 86_400


def visibility(settings: PipelineSettings, queue: QueueAttributes) -> Finding:
    """The lease against the longest time that the answer of a receive may be on its way."""
    lease, source = _lease(settings, queue)
    answer = settings.wait_seconds + RECEIVE_MARGIN_SECONDS
    if lease == 0:
        finding = f"{source} is 0: a received message stays visible, so every receive brings it again"
        return Finding("visibility", "refuse", finding, "set VisibilityTimeout of the queue, or SQS_VISIBILITY_TIMEOUT")
    if lease > answer:
        return Finding("visibility", "ok", f"{source} is {lease} s, a receive takes at most {answer} s")
    finding = (
        f"{source} is {lease} s, but a receive may take {answer} s: a lost answer brings its messages again at once"
    )
    return Finding("visibility", "warn", finding, f"set SQS_VISIBILITY_TIMEOUT above {answer}")


def renewal(settings: PipelineSettings, queue: QueueAttributes) -> Finding:
    """Whether a lease is long enough to be renewed in time."""
    lease, source = _lease(settings, queue)
    if lease >= LEASE_SECONDS_MIN:
        return Finding("renewal", "ok", f"leases are renewed every {lease * RENEW_AT:g} s while a message is in hand")
    finding = f"{source} is {lease} s: a slow call is enough to lose a lease, and the message is handled twice"
    return Finding("renewal", "warn", finding, f"set SQS_VISIBILITY_TIMEOUT to {LEASE_SECONDS_MIN} or more")


def renewals(settings: PipelineSettings, queue: QueueAttributes, round_trip_seconds: float | None) -> Iterator[Finding]:
    """Whether the leases of all that may be in flight can be renewed in the time that there is for it."""
    lease, source = _lease(settings, queue)
    if round_trip_seconds is None or lease == 0:
        return
    most, half = settings.in_flight_max_messages, lease * (1 - RENEW_AT)
    needed = round_trip_seconds * math.ceil(most / BATCH_ENTRIES) / CALLS
    said = f"{most} messages take {needed:.3g} s to renew at {round_trip_seconds * 1000:.3g} ms a call"
    if needed <= half:
        yield Finding("renewals", "ok", f"{said}, of {half:g} s that there are")
        return
    bearable = int(half / round_trip_seconds * CALLS * BATCH_ENTRIES)
    finding = (
        f"{said}, but there are {half:g} s ({source} is {lease} s): leases run out, and messages are handled twice"
    )
    yield Finding(
        "renewals",
        "warn",
        finding,
        f"set IN_FLIGHT_MAX_MESSAGES to {max(1, bearable)} or less, or SQS_VISIBILITY_TIMEOUT to"
        f" {math.ceil(needed / (1 - RENEW_AT))} or more",
    )


def retention(queue: QueueAttributes) -> Finding:
    """How long the queue keeps a message while nobody can handle it."""
    hours = queue.retention_seconds / 3600
    if queue.retention_seconds >= _DAY:
        return Finding("retention", "ok", f"the queue keeps messages for {hours:g} hours")
    finding = f"the queue deletes messages after {hours:g} hours: a longer outage loses them"
    return Finding("retention", "warn", finding, "raise MessageRetentionPeriod; 4 days (345600) is SQS's default")


def drain(settings: PipelineSettings, worker: WorkerSettings) -> Iterator[Finding]:
    """The time that stopping takes against the time that platforms give."""
    needed = worker.drain_seconds + STOP_MARGIN_SECONDS
    others = (
        f"docker waits 10 s and PM2 1.6 s if not told otherwise: set stop_grace_period or kill_timeout to {needed:g} s"
    )
    if needed <= STOP_SECONDS_USUAL:
        yield Finding("drain", "ok", f"stopping takes at most {needed:g} s, which Kubernetes and ECS give; {others}")
    else:
        fix = (
            f"set terminationGracePeriodSeconds, stopTimeout, stop_grace_period or kill_timeout to {needed:g} s or more"
        )
        if needed > STOP_SECONDS_FARGATE:
            fix += f" (Fargate gives {STOP_SECONDS_FARGATE} s at most: lower WORKER_DRAIN_SECONDS there)"
        finding = f"stopping may take {needed:g} s, but most platforms kill a process after {STOP_SECONDS_USUAL} s"
        yield Finding("drain", "warn", finding, fix)
    yield from _last_receive(settings, worker)


def _last_receive(settings: PipelineSettings, worker: WorkerSettings) -> Iterator[Finding]:
    needed = settings.wait_seconds + RELEASE_SECONDS
    if worker.drain_seconds >= needed:
        return
    finding = (
        f"stopping may take {worker.drain_seconds:g} s, but a receive under way up to {settings.wait_seconds:g} s: if"
        " it is given up, the messages that SQS picked for it stay hidden until their visibility timeout ends"
    )
    fix = f"set WORKER_DRAIN_SECONDS to {needed:g} or more, or SQS_WAIT_TIME_SECONDS to less"
    yield Finding("drain", "warn", finding, fix)


def _lease(settings: PipelineSettings, queue: QueueAttributes) -> tuple[int, str]:
    if settings.visibility_timeout is not None:
        return settings.visibility_timeout, "SQS_VISIBILITY_TIMEOUT"
    return queue.visibility_timeout, "the queue's VisibilityTimeout"
