"""The files of `ecosystem/` that AWS takes, and what AWS's own models say of them. Reads; asks nobody.

`CALLS` says which file is the input of which call; `refusal` is the SDK's own validation of it. `Doc` is one document.
"""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.validate import ParamValidator

from tests.words.pages import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Doc = dict[str, Any]
ECOSYSTEM: Final = ROOT / "ecosystem"
ACCOUNT: Final = "123456789012"
"""The account of the examples, which belongs to nobody."""
REGION: Final = "eu-central-1"
SCALING: Final = "application-autoscaling"
CALLS: Final[Mapping[str, tuple[str, str]]] = {
    "ecs/task-definition.json": ("ecs", "RegisterTaskDefinition"),
    "ecs/service.json": ("ecs", "CreateService"),
    "ecs/scalable-target.json": (SCALING, "RegisterScalableTarget"),
    "ecs/target-tracking.json": (SCALING, "PutScalingPolicy"),
    "ecs/first-task.json": (SCALING, "PutScalingPolicy"),
    "ecs/more-tasks.json": (SCALING, "PutScalingPolicy"),
    **{
        f"cloudwatch/alarms/{path.name}": ("cloudwatch", "PutMetricAlarm")
        for path in sorted(ECOSYSTEM.glob("cloudwatch/alarms/*.json"))
    },
    **{
        f"cloudwatch/filters/{path.name}": ("logs", "PutMetricFilter")
        for path in sorted(ECOSYSTEM.glob("cloudwatch/filters/*.json"))
    },
}
"""File → service and call."""
TRUST: Final = ("trust-ecs-tasks", "trust-ecs-execution", "trust-irsa", "trust-pod-identity")
RIGHTS: Final = ("worker", "ecs-task", "producer", "operator", "ecs-execution")
"""Policies for a role, in `iam/`."""


def read(name: str) -> Any:
    """One file of `ecosystem/`."""
    return json.loads(ECOSYSTEM.joinpath(name).read_text(encoding="utf-8"))


def files() -> list[Path]:
    """Every JSON of ours for AWS."""
    return sorted(
        path for folder in ("ecs", "cloudwatch", "iam") for path in ECOSYSTEM.joinpath(folder).rglob("*.json")
    )


def alarms() -> dict[str, Doc]:
    """By name."""
    return {path.stem: json.loads(path.read_text()) for path in sorted(ECOSYSTEM.glob("cloudwatch/alarms/*.json"))}


@cache
def _model(service: str) -> ServiceModel:
    return ServiceModel(Loader().load_service_model(service, "service-2"), service)


def refusal(service: str, call: str, document: Doc) -> str:
    """What the SDK says against *document* as the input of *call*; empty if nothing."""
    shape = _model(service).operation_model(call).input_shape
    report: str = ParamValidator().validate(document, shape).generate_report()
    return report


def merged(document: Any, patch: Any) -> Any:
    """*document* after a JSON merge patch (RFC 7386)."""
    if not isinstance(patch, dict):
        return patch
    base = document if isinstance(document, dict) else {}
    changed = {key: merged(base.get(key), value) for key, value in patch.items() if value is not None}
    return {key: value for key, value in base.items() if key not in patch} | changed
