"""The documents for AWS's calls as one CloudFormation template: its linter knows values where the SDK knows types.

Takes documents; gives a template. A call's input and CloudFormation's resource say the same with other capitals.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from tests.deploy.aws import RIGHTS, TRUST, alarms, read

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.deploy.aws import Doc

_VERBATIM: Final = frozenset({"options", "dockerLabels"})
"""Maps of the user's own words."""
_SPELLED: Final[Mapping[str, str]] = {"enableECSManagedTags": "EnableECSManagedTags"}


def template() -> Doc:
    """All of `ecosystem/`."""
    resources: dict[str, Doc] = {
        "Task": _resource("AWS::ECS::TaskDefinition", capitals(read("ecs/task-definition.json"))),
        "Service": _resource("AWS::ECS::Service", capitals(read("ecs/service.json"))),
        "Target": _resource("AWS::ApplicationAutoScaling::ScalableTarget", read("ecs/scalable-target.json")),
        "Dashboard": _resource(
            "AWS::CloudWatch::Dashboard",
            {"DashboardName": "orders", "DashboardBody": json.dumps(read("cloudwatch/dashboard.json"))},
        ),
    }
    for name in ("target-tracking", "first-task", "more-tasks"):
        resources[_id(name)] = _resource("AWS::ApplicationAutoScaling::ScalingPolicy", read(f"ecs/{name}.json"))
    for name, alarm in alarms().items():
        resources[_id(name)] = _resource("AWS::CloudWatch::Alarm", alarm)
    for name in ("throughput", "troubles"):
        resources[_id(name)] = _resource("AWS::Logs::MetricFilter", capitals(read(f"cloudwatch/filters/{name}.json")))
    for name in RIGHTS:
        resources[_id(f"rights-{name}")] = _resource(
            "AWS::IAM::ManagedPolicy", {"PolicyDocument": read(f"iam/{name}.json")}
        )
    for name in TRUST:
        resources[_id(name)] = _resource("AWS::IAM::Role", {"AssumeRolePolicyDocument": read(f"iam/{name}.json")})
    queue = "https://sqs.eu-central-1.amazonaws.com/123456789012/orders"
    resources["QueuePolicy"] = _resource(
        "AWS::SQS::QueuePolicy", {"Queues": [queue], "PolicyDocument": read("iam/queue-policy.json")}
    )
    return {"AWSTemplateFormatVersion": "2010-09-09", "Resources": resources}


def capitals(value: Any) -> Any:
    """*value* with its keys as CloudFormation spells them."""
    if isinstance(value, list):
        return [capitals(one) for one in value]
    if not isinstance(value, dict):
        return value
    return {_spelled(key): one if key in _VERBATIM else capitals(one) for key, one in value.items()}


def _spelled(key: str) -> str:
    return _SPELLED.get(key, key[:1].upper() + key[1:])


def _resource(kind: str, properties: Doc) -> Doc:
    return {"Type": kind, "Properties": properties}


def _id(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("-"))
