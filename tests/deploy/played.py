"""An AWS that plays on this machine: moto for all but SQS, ministack for SQS where a test says so. Nothing leaves it.

moto forgets a queue's policy whenever another attribute is set, and RedriveAllowPolicy at once, so whoever sets both
asks ministack for queues. It has no tags of scaling targets either; it is taught to have none.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from tests.contract.servers import moto
from tests.deploy.aws import ACCOUNT, REGION

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@dataclass(frozen=True, slots=True)
class Played:
    """Where it answers."""

    endpoint: str
    queues: str

    def client(self, service: str) -> Any:
        """A client of one service."""
        url = self.queues if service == "sqs" else self.endpoint
        keys = {"aws_access_key_id": ACCOUNT, "aws_secret_access_key": "any"}
        return boto3.client(service, endpoint_url=url, region_name=REGION, **keys)

    @property
    def environ(self) -> Mapping[str, str]:
        """What programs have to be told."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ENDPOINT_URL_SQS": self.queues,
            "AWS_ACCESS_KEY_ID": ACCOUNT,  # both take a key of 12 digits for the account
            "AWS_SECRET_ACCESS_KEY": "any",
            "AWS_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    @property
    def network(self) -> tuple[list[str], str]:
        """Subnets and a security group that are there."""
        ec2 = self.client("ec2")
        subnets = [one["SubnetId"] for one in ec2.describe_subnets()["Subnets"]][:2]
        return subnets, ec2.describe_security_groups()["SecurityGroups"][0]["GroupId"]


@contextmanager
def played() -> Iterator[str]:
    """The URL of moto, with what our tools ask for and it has not."""
    from moto.applicationautoscaling.responses import ApplicationAutoScalingResponse  # noqa: PLC0415 - a second

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            ApplicationAutoScalingResponse, "list_tags_for_resource", lambda _self: '{"Tags": {}}', raising=False
        )
        with moto() as url:
            connection = HTTPConnection(url.removeprefix("http://"))
            connection.request("POST", "/moto-api/reset")  # what an earlier test left: it lives as long as the process
            assert connection.getresponse().status == HTTPStatus.OK
            connection.close()
            yield url
