"""The documents for AWS by CloudFormation's linter: values, limits, combinations, policies and trust."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.deploy.tools import library
from tests.deploy.twin import template

if TYPE_CHECKING:
    from pathlib import Path

    from tests.deploy.aws import Doc

pytestmark = pytest.mark.deploy("cfnlint")


def said(document: Doc, folder: Path) -> list[str]:
    """What the linter says, with the rule of each."""
    library("cfnlint")
    from cfnlint.api import lint_file  # noqa: PLC0415 - found by the line above

    path = folder / "template.json"
    path.write_text(json.dumps(document))
    return [f"{match.rule.id} {match.message} at {'/'.join(map(str, match.path or []))}" for match in lint_file(path)]


def test_the_linter_has_nothing_to_say(tmp_path: Path) -> None:
    """No error and no warning over all documents."""
    assert said(template(), tmp_path) == []


@pytest.mark.parametrize(
    ("resource", "path", "value"),
    [
        ("Task", ("Memory",), "512"),
        ("Task", ("NetworkMode",), "bridge"),
        ("Service", ("LaunchType",), "FARGAT"),
        ("OrdersDeep", ("ComparisonOperator",), "Above"),
        ("OrdersDeep", ("Period",), 61),
        ("TargetTracking", ("PolicyType",), "Target"),
        ("RightsWorker", ("PolicyDocument", "Statement", 0, "Effect"), "Permit"),
        ("TrustEcsTasks", ("AssumeRolePolicyDocument", "Statement", 0, "Principals"), "*"),
    ],
)
def test_the_linter_sees_what_is_wrong(
    resource: str, path: tuple[str | int, ...], value: object, tmp_path: Path
) -> None:
    """Each kind of document has a defect that it sees."""
    document = template()
    place: Any = document["Resources"][resource]["Properties"]
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    assert said(document, tmp_path)
