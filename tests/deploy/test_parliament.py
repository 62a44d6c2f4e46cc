"""Every policy by parliament, which knows each action of IAM, its resources and its conditions. Asks nobody."""

from __future__ import annotations

import copy
import itertools
import json
import warnings
from typing import TYPE_CHECKING, Any, get_args

import pytest

from tests.deploy.aws import ECOSYSTEM, RIGHTS, read
from tests.deploy.tools import library
from worker.deploy.arn import tasks_of
from worker.deploy.places import place_of
from worker.deploy.rights import Role, document, statements
from worker.settings import PipelineSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.deploy("parliament")

QUEUE = "https://sqs.eu-central-1.amazonaws.com/123456789012/orders"
DLQ = "arn:aws:sqs:eu-central-1:123456789012:orders-dead"
KEY = "arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
CLUSTER = "arn:aws:ecs:eu-central-1:123456789012:cluster/workers"
CONSOLE_ONLY = {"ecr:GetAuthorizationToken"}
"""Actions that have no resource to be narrowed to."""


def findings(policy: Any) -> list[str]:
    """What is wrong with *policy*."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # it leaves two files open while it is imported
        parliament = library("parliament")
    return [f"{one.issue}: {one.detail}" for one in parliament.analyze_policy_string(json.dumps(policy)).findings]


def made() -> Iterator[tuple[str, Any]]:
    """What the command prints, for every role with and without everything."""
    for role, dlq, keys, fifo in itertools.product(get_args(Role), (None, DLQ), ((), (KEY,)), ("", ".fifo")):
        if role == "operator" and dlq is None:
            continue
        places = [place_of(PipelineSettings(queue=QUEUE + fifo, dlq=dlq and dlq + fifo))]
        found = statements(role, places, keys=keys, tasks=tasks_of(CLUSTER) if role == "worker" else "")
        yield f"{role} {dlq} {keys} {fifo}", document(found)


@pytest.mark.parametrize("name", RIGHTS)
def test_a_policy_of_the_project_is_sound(name: str) -> None:
    """Known actions on resources and conditions that they have."""
    assert ECOSYSTEM.joinpath("iam", f"{name}.json").exists()
    assert findings(read(f"iam/{name}.json")) == []


def test_what_the_command_prints_is_sound() -> None:
    """For every role, with and without a dead-letter queue, a key and FIFO."""
    assert {name: found for name, policy in made() if (found := findings(policy))} == {}


@pytest.mark.parametrize(
    ("key", "value", "issue"),
    [
        ("Action", ["sqs:DeleteMessageBatch"], "UNKNOWN_ACTION"),
        ("Action", ["sqs:ReceiveMessages"], "UNKNOWN_ACTION"),
        ("Resource", ["arn:aws:sns:eu-central-1:123456789012:orders"], "RESOURCE_MISMATCH"),
        ("Resource", ["orders"], "INVALID_ARN"),
        ("Effect", "Permit", "MALFORMED"),
        ("Condition", {"Bool": {"sqs:SecureTransport": "true"}}, "UNKNOWN_CONDITION_FOR_ACTION"),
    ],
)
def test_a_broken_policy_is_seen(key: str, value: object, issue: str) -> None:
    """An action that does not exist, above all: SQS has none for batches."""
    policy = copy.deepcopy(read("iam/worker.json"))
    policy["Statement"][0][key] = value
    assert any(one.startswith(issue) for one in findings(policy)), findings(policy)


def test_only_what_has_no_resource_may_have_all() -> None:
    """A star stands nowhere alone but where IAM knows nothing narrower."""
    for name in RIGHTS:
        for statement in read(f"iam/{name}.json")["Statement"]:
            if "*" in statement["Resource"]:
                assert set(statement["Action"]) <= CONSOLE_ONLY, name
