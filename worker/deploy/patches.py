"""A plan as patches of the files that start and scale the worker: those in `k8s/` and in `ecosystem/`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from worker.deploy.scaling import Plan

Platform = Literal["kubernetes", "ecs", "terraform"]
WHERE: Final[Mapping[Platform, str]] = {
    "kubernetes": "into the kustomization.yaml of your overlay of k8s/",
    "ecs": "onto the files of ecosystem/ecs/ that it names (a JSON merge patch each)",
    "terraform": "into the terraform.tfvars of your module over ecosystem/terraform/, or the worker of its queue",
}


def patch(plan: Plan, platform: Platform) -> str:
    """The patch, without a line's end behind it."""
    return _MAKE[platform](plan)


def _kubernetes(plan: Plan) -> str:
    """Two patches, of which the one that finds no such object does nothing."""
    return "\n".join(
        [
            "patches:",
            "  - target: {kind: HorizontalPodAutoscaler}",
            "    patch: |-",
            f"      - {{op: add, path: /spec/minReplicas, value: {plan.minimum}}}",
            f"      - {{op: add, path: /spec/maxReplicas, value: {plan.maximum}}}",
            f"      - {{op: add, path: /spec/metrics/0/external/target/averageValue, value: '{plan.target}'}}",
            "  - target: {kind: ScaledObject}",
            "    patch: |-",
            f"      - {{op: add, path: /spec/minReplicaCount, value: {plan.minimum}}}",
            f"      - {{op: add, path: /spec/maxReplicaCount, value: {plan.maximum}}}",
            f"      - {{op: add, path: /spec/triggers/0/metadata/queueLength, value: '{plan.keda_target}'}}",
        ]
    )


def _ecs(plan: Plan) -> str:
    files = {
        "scalable-target.json": {"MinCapacity": plan.minimum, "MaxCapacity": plan.maximum},
        "target-tracking.json": {"TargetTrackingScalingPolicyConfiguration": {"TargetValue": plan.target}},
    }
    return json.dumps(files, indent=2)


def _terraform(plan: Plan) -> str:
    return "\n".join(
        [
            f"min_tasks         = {plan.minimum}",
            f"max_tasks         = {plan.maximum}",
            f"messages_per_task = {plan.target}",
        ]
    )


_MAKE: Final[Mapping[Platform, Callable[[Plan], str]]] = {
    "kubernetes": _kubernetes,
    "ecs": _ecs,
    "terraform": _terraform,
}
