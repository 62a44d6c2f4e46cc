"""The ARN of a queue, from its address and what the address leaves out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from worker.sqs.address import QueueAddress

ACCOUNT: Final = re.compile(r"\d{12}")
_CLUSTER: Final = re.compile(r"arn:(?P<partition>[a-z-]+):ecs:(?P<place>[a-z0-9-]+:\d{12}):cluster/(?P<name>[\w-]+)")
_KEY: Final = re.compile(r"arn:[a-z-]+:kms:(?P<region>[a-z0-9-]+):\d{12}:key/[\w-]+")


@dataclass(frozen=True, slots=True)
class Partition:
    """A part of AWS with accounts of its own."""

    name: str
    suffix: str
    """Its domain, which the name of a service ends in where a policy speaks of one."""


COMMERCIAL: Final = Partition("aws", "amazonaws.com")
_OTHERS: Final = (
    ("cn-", Partition("aws-cn", "amazonaws.com.cn")),
    ("us-gov-", Partition("aws-us-gov", "amazonaws.com")),
    ("us-isob-", Partition("aws-iso-b", "sc2s.sgov.gov")),
    ("us-isof-", Partition("aws-iso-f", "csp.hci.ic.gov")),
    ("us-iso-", Partition("aws-iso", "c2s.ic.gov")),
    ("eu-isoe-", Partition("aws-iso-e", "cloud.adc-e.uk")),
    ("eusc-", Partition("aws-eusc", "amazonaws.eu")),
)
"""How the regions of a partition begin. A test holds them to those that the SDK knows."""


def partition_of(region: str) -> Partition:
    """The partition that *region* is in."""
    return next((partition for prefix, partition in _OTHERS if region.startswith(prefix)), COMMERCIAL)


def queue_arn(address: QueueAddress, *, account: str | None) -> str:
    """The ARN of the queue; *account* is used where the address names none.

    Raises:
        ValueError: the account or the region is not known; the text says how to give it.
    """
    owner = address.account or account
    if owner is None:
        raise ValueError(f"the account of queue {address.name!r} is not known: give its URL or ARN, or --account")
    if address.region is None:
        raise ValueError(f"the region of queue {address.name!r} is not known: give its URL or ARN, or set AWS_REGION")
    return f"arn:{partition_of(address.region).name}:sqs:{address.region}:{owner}:{address.name}"


def tasks_of(cluster: str) -> str:
    """The ARN of every task of an ECS cluster, from the cluster's own.

    Raises:
        ValueError: *cluster* is none.
    """
    found = _CLUSTER.fullmatch(cluster)
    if found is None:
        raise ValueError(f"{cluster!r} is no ARN of an ECS cluster: arn:aws:ecs:REGION:ACCOUNT:cluster/NAME")
    return f"arn:{found['partition']}:ecs:{found['place']}:task/{found['name']}/*"


def region_of_key(key: str) -> str:
    """The region of a KMS key, from its ARN.

    Raises:
        ValueError: *key* is none. An alias is none either: a policy's resource cannot be one.
    """
    found = _KEY.fullmatch(key)
    if found is None:
        raise ValueError(f"{key!r} is no ARN of a KMS key: arn:aws:kms:REGION:ACCOUNT:key/ID (an alias will not do)")
    return found["region"]
