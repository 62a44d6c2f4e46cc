"""The page about ECS, typed from its beginning to its end with AWS's own command line, to an AWS on this machine."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest

from tests.contract.servers import ministack
from tests.deploy.aws import ACCOUNT, ECOSYSTEM, REGION
from tests.deploy.played import Played, played
from tests.words.blocks import blocks

HEEDING: Final = """#!/usr/bin/env bash
# The older command line does not heed AWS_ENDPOINT_URL for SQS alone.
[ "$1" != sqs ] || set -- --endpoint-url "$AWS_ENDPOINT_URL_SQS" "$@"
exec {aws} "$@"
"""
pytestmark = [pytest.mark.deploy("awscli"), pytest.mark.timeout(600)]


def typed(folder: Path, aws: Played) -> str:
    """What came of typing every block, one after the other, in a folder that has `ecosystem/`."""
    shutil.copytree(ECOSYSTEM, folder / "ecosystem", ignore=shutil.ignore_patterns(".terraform*"))
    script = folder / "page.sh"
    script.write_text("set -e\n" + "".join(one.text for one in blocks("docs/deploy/ecs.md")))
    tools = folder / "tools"
    tools.mkdir()
    tools.joinpath("aws").write_text(HEEDING.format(aws=Path(sys.executable).parent / "aws"))
    tools.joinpath("aws").chmod(0o755)
    subnets, group = aws.network
    done = subprocess.run(
        ["bash", "-u", script],
        cwd=folder,
        env={
            **aws.environ,
            "PATH": os.pathsep.join((str(tools), "/usr/bin", "/bin")),
            "HOME": str(folder),
            "ACCOUNT": ACCOUNT,
            "SUBNETS": '","'.join(subnets),
            "GROUP": group,
            "AWS_PAGER": "",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


def attributes(sqs: Any, name: str) -> dict[str, str]:
    url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
    found: dict[str, str] = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    return found


def test_the_page_about_ecs_does_what_it_says(tmp_path: Path) -> None:
    """Queues with TLS alone, roles, a service, its scaling, alarms that start tasks; then the emergency's numbers."""
    work, state = tmp_path / "work", tmp_path / "queues"
    work.mkdir()
    state.mkdir()
    with played() as url, ministack(state) as queues:
        aws = Played(url, queues)
        typed(work, aws)
        sqs, scaling = aws.client("sqs"), aws.client("application-autoscaling")
        orders, dead = attributes(sqs, "orders"), attributes(sqs, "orders-dead")
        (service,) = aws.client("ecs").describe_services(cluster="workers", services=["orders-worker"])["services"]
        policies = scaling.describe_scaling_policies(ServiceNamespace="ecs")["ScalingPolicies"]
        (target,) = scaling.describe_scalable_targets(ServiceNamespace="ecs")["ScalableTargets"]
        alarms = {one["AlarmName"]: one for one in aws.client("cloudwatch").describe_alarms()["MetricAlarms"]}
        roles = {one["RoleName"] for one in aws.client("iam").list_roles()["Roles"]}
        dashboards = aws.client("cloudwatch").list_dashboards()["DashboardEntries"]
    assert json.loads(orders["RedrivePolicy"])["deadLetterTargetArn"] == dead["QueueArn"]
    for one in (orders, dead):
        (statement,) = json.loads(one["Policy"])["Statement"]
        assert (statement["Effect"], statement["Resource"]) == ("Deny", one["QueueArn"])
    assert {"orders-worker", "orders-worker-execution"} <= roles
    assert (target["MinCapacity"], target["MaxCapacity"], service["desiredCount"]) == (30, 60, 30)
    assert service["taskDefinition"].endswith("orders-worker:1")
    by_name = {one["PolicyName"]: one["PolicyARN"] for one in policies}
    assert alarms["orders-wake"]["AlarmActions"] == [by_name["orders-worker-first-task"]]
    assert by_name["orders-worker-more-tasks"] in alarms["orders-very-deep"]["AlarmActions"]
    assert alarms["orders-dead-letters"]["AlarmActions"] == [f"arn:aws:sns:{REGION}:{ACCOUNT}:worker-alarms"]
    assert [one["DashboardName"] for one in dashboards] == ["orders"]
