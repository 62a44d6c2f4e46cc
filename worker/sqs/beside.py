"""Where another queue of a pipeline is spoken to: its dead-letter queue may be on another host, in another account or
region than the queue itself. Pure.

The endpoint that is set for a pipeline belongs to its own queue. A private endpoint of one region does not know the
queues of another one, so a queue whose own URL names another place is reached there. An emulator is everything that
there is: whoever sets one means all queues.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from worker.sqs.address import locate, parse_address
from worker.sqs.hosts import is_local, region_of

if TYPE_CHECKING:
    from worker.sqs.address import QueueAddress


def beside(queue: str, source: str, *, region: str | None, endpoint_url: str | None) -> QueueAddress:
    """The place of *queue* for a pipeline that receives from *source* in *region*, by *endpoint_url* if that is set.

    Raises:
        QueueRefused: *queue* is no address.
        ValueError: *source* is none.
    """
    place = locate(queue, region=region, endpoint_url=None)
    if endpoint_url is None or queue == source:
        return replace(place, endpoint_url=endpoint_url or place.endpoint_url)
    host = (urlsplit(endpoint_url).hostname or "").lower()
    region_of_endpoint, _ = region_of(host)
    emulator = is_local(host) or region_of_endpoint is None
    chosen = endpoint_url != parse_address(source).endpoint_url  # by somebody, and not only taken from the queue's URL
    if place.url is not None and (place.endpoint_url or not chosen) and not (emulator and chosen):
        return place
    if emulator or parse_address(queue).region in {None, region_of_endpoint}:
        return replace(place, endpoint_url=endpoint_url)
    return place


def neighbour(queue: str, arn: str) -> str:
    """The address of a queue that the policy of *queue* names by its *arn*: a URL where *queue* is one.

    SQS wants both in one account and region, so the URL need not be asked for, which would take a right more.
    """
    base, slash, _ = queue.rpartition("/")
    return f"{base}/{parse_address(arn).name}" if slash and "://" in base else arn
