"""Where a queue lives: a URL, ARN or name becomes account, region and endpoint; and the words when it is not there.

`locate` takes what a person configured and gives an `Address`; `explained` takes an error met while opening it and
gives the same error with the queue, the account, the region and what to do. Pure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from worker.errors import CredentialsRefused, QueueError, QueueMissing, QueueRefused

_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,80}|[A-Za-z0-9_-]{1,75}\.fifo")
_ARN: Final = re.compile(r"arn:[^:]+:sqs:(?P<region>[^:]+):(?P<account>[^:]+):(?P<name>[^:]+)")
_REGIONAL_HOST: Final = re.compile(r"(?:sqs\.(?P<new>[a-z0-9-]+)|(?P<old>[a-z0-9-]+)\.queue)\.amazonaws\.com(?:\.cn)?")
"""The two public hosts of a region, today's and the one before it; both are reached by today's endpoint."""
_OTHER_AWS_HOST: Final = re.compile(
    r"(?:.+\.)?sqs(?:-fips)?\.(?P<region>[a-z0-9-]+)\..*(?:amazonaws\.com(?:\.cn)?|api\.aws)"
)
"""VPC endpoints, FIPS and dual stack: the region is in the name, but the host itself was chosen on purpose."""
_FIRST_REGION_HOST: Final = "queue.amazonaws.com"


@dataclass(frozen=True, slots=True)
class Address:
    """A queue's place, as far as the configuration tells it."""

    name: str
    url: str | None
    """None: SQS must be asked for it."""
    account: str | None
    region: str | None
    endpoint_url: str | None
    """None: the region's public endpoint."""

    def __str__(self) -> str:
        """For people: the queue, its account and its region, or that they follow from the credentials."""
        account = f"account {self.account}" if self.account else "the account of the credentials"
        region = f"region {self.region}" if self.region else "the region of the AWS configuration"
        at = f" at {self.endpoint_url}" if self.endpoint_url else ""
        return f"queue {self.name!r} in {account}, {region}{at}"


def locate(queue: str, *, region: str | None, endpoint_url: str | None) -> Address:
    """The place of *queue*.

    A region that the URL or ARN names wins over *region*: the queue can be in no other. A URL on a host that is not
    a region's public one (a VPC endpoint, an emulator) is its own endpoint unless *endpoint_url* is given.

    Raises:
        QueueRefused: it is none of the three.
    """
    if "://" in queue:
        return _by_url(queue, region=region, endpoint_url=endpoint_url)
    if found := _ARN.fullmatch(queue):
        return Address(found["name"], None, found["account"], found["region"], endpoint_url)
    if _NAME.fullmatch(queue):
        return Address(queue, None, None, region, endpoint_url)
    raise _unreadable(queue)


def _by_url(queue: str, *, region: str | None, endpoint_url: str | None) -> Address:
    parts = urlsplit(queue)
    segments = [segment for segment in parts.path.split("/") if segment]
    if parts.scheme not in {"http", "https"} or not parts.hostname or not segments or not _NAME.fullmatch(segments[-1]):
        raise _unreadable(queue)
    account = next((segment for segment in reversed(segments[:-1]) if segment.isdigit()), None)
    own, public = _region_of(parts.hostname)
    endpoint = endpoint_url or (None if public else f"{parts.scheme}://{parts.netloc}")
    return Address(segments[-1], queue, account, own or region, endpoint)


def _region_of(host: str) -> tuple[str | None, bool]:
    """The region that *host* names, and whether the host is that region's public endpoint."""
    if host == _FIRST_REGION_HOST:
        return "us-east-1", True
    if found := _REGIONAL_HOST.fullmatch(host):
        return found["new"] or found["old"], True
    if found := _OTHER_AWS_HOST.fullmatch(host):
        return found["region"], False
    return None, False


def _unreadable(queue: str) -> QueueRefused:
    words = (
        f"{queue!r} is neither a queue's URL (https://sqs.REGION.amazonaws.com/ACCOUNT/NAME), nor an ARN "
        "(arn:aws:sqs:REGION:ACCOUNT:NAME), nor a name (letters, digits, - and _, with .fifo for a FIFO queue): "
        "correct SQS_QUEUE_URL"
    )
    return QueueRefused("open", "InvalidAddress", words)


def explained(error: QueueError, address: Address) -> QueueError:
    """*error* in words for the person who starts the worker; passing trouble stays as it is."""
    said = f" (SQS or the SDK: {error.detail})" if error.detail else ""
    match error:
        case QueueMissing():
            words = f"there is no {address}: create it, or correct SQS_QUEUE_URL, AWS_REGION or the credentials"
        case CredentialsRefused():
            words = (
                f"no accepted credentials for {address}: give the worker a role, or set AWS_PROFILE, or "
                "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; if they are right, check this machine's clock"
            )
        case QueueRefused(code="NoRegionError"):
            words = f"no region for {address}: set AWS_REGION, or give the queue as a URL or ARN"
        case QueueRefused():
            words = (
                f"refused for {address}: check the endpoint, and that the credentials may call sqs:ReceiveMessage, "
                "sqs:DeleteMessage, sqs:ChangeMessageVisibility, sqs:GetQueueAttributes and sqs:GetQueueUrl"
            )
        case _:
            return error
    return type(error)(error.operation, error.code, words + said)
