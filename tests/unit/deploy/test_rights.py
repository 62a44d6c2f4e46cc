"""The least policy for configured pipelines."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import botocore.session
import pytest

from tests.words.pages import ROOT
from worker.deploy.arn import partition_of, queue_arn, region_of_key, tasks_of
from worker.deploy.places import place_of, unnamed_letters
from worker.deploy.rights import PipelineQueues, document, statements
from worker.settings import PipelineSettings
from worker.sqs.address import parse_address

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.deploy.rights import Role, Statement

ORDERS = "arn:aws:sqs:eu-central-1:123456789012:orders"
LETTERS = "arn:aws:sqs:eu-central-1:123456789012:orders-dead"
URL = "https://sqs.eu-central-1.amazonaws.com/123456789012/orders"
KEY = "arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"


def allowed(found: Sequence[Statement]) -> dict[str, set[str]]:
    """Resource → actions."""
    by_resource: dict[str, set[str]] = {}
    for one in found:
        for resource in one.resources:
            by_resource.setdefault(resource, set()).update(one.actions)
    return by_resource


def place(**values: Any) -> PipelineQueues:
    return place_of(PipelineSettings(**values))


def test_a_worker_of_a_queue_by_its_url() -> None:
    """It receives, renews and settles; it need not look anything up, and may not send anywhere."""
    assert allowed(statements("worker", [place(queue=URL)])) == {
        ORDERS: {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility", "sqs:GetQueueAttributes"}
    }


def test_a_worker_that_sends_dead_letters() -> None:
    """To that queue alone, from which it may not receive."""
    found = allowed(statements("worker", [place(queue=URL, dlq=LETTERS)]))
    assert found[LETTERS] == {"sqs:SendMessage", "sqs:GetQueueAttributes", "sqs:GetQueueUrl"}
    assert "sqs:SendMessage" not in found[ORDERS]


def test_only_what_is_named_without_its_url_is_looked_up() -> None:
    """An ARN and a name both need GetQueueUrl."""
    found = allowed(statements("worker", [place(queue=ORDERS, dlq=URL + "-dead")]))
    assert "sqs:GetQueueUrl" in found[ORDERS]
    assert "sqs:GetQueueUrl" not in found[LETTERS]


def test_several_pipelines_share_statements() -> None:
    """Each queue once, however many pipelines send their dead letters to one."""
    other = "arn:aws:sqs:eu-central-1:123456789012:other"
    found = statements("worker", [place(queue=URL, dlq=LETTERS), place(queue=other, dlq=LETTERS)])
    assert [(one.sid, list(one.resources)) for one in found] == [
        ("ReceiveAndSettle", [ORDERS, other]),
        ("SendDeadLetters", [LETTERS]),
        ("LookUpUrls", [LETTERS, other]),
    ]


@pytest.mark.parametrize(
    ("source", "pattern"), [("native/queue", r'"AmazonSQS\.(\w+)"'), ("sdk/queue", r"settling\.(\w+)|receiving\.(\w+)")]
)
def test_the_policy_is_what_the_worker_asks_of_sqs(source: str, pattern: str) -> None:
    """Whatever call is in either request path is allowed, and nothing is allowed that is in neither."""
    text = ROOT.joinpath("worker", "sqs", f"{source}.py").read_text()
    calls = {
        "".join(part.title() if "_" in one else part for part in one.split("_")) for one in calls_in(text, pattern)
    }
    asked = {f"sqs:{one.removesuffix('Batch')}" for one in calls} | {"sqs:GetQueueUrl"}
    granted = allowed(statements("worker", [place(queue=ORDERS, dlq=LETTERS)]))
    assert granted[ORDERS] | granted[LETTERS] == asked


def calls_in(text: str, pattern: str) -> set[str]:
    """Names of SQS's calls in a source."""
    return {"".join(found) for found in re.findall(pattern, text)}


def test_a_producer_only_sends() -> None:
    """It sees no message of anybody."""
    found = allowed(statements("producer", [place(queue=URL)]))
    assert found == {ORDERS: {"sqs:SendMessage", "sqs:GetQueueUrl"}}


def test_an_operator_moves_letters_back() -> None:
    """Takes from the dead-letter queue, sends to the queue, and receives nothing from it."""
    found = allowed(statements("operator", [place(queue=URL, dlq=LETTERS)]))
    assert {"sqs:StartMessageMoveTask", "sqs:ReceiveMessage", "sqs:DeleteMessage"} <= found[LETTERS]
    assert found[ORDERS] == {"sqs:SendMessage", "sqs:GetQueueAttributes", "sqs:GetQueueUrl"}


def test_an_operator_without_a_dead_letter_queue_is_refused() -> None:
    """With the variable that names it."""
    with pytest.raises(ValueError, match="set SQS_DLQ_URL"):
        statements("operator", [place(queue=URL)])


@pytest.mark.parametrize(
    ("role", "dlq", "actions"),
    [
        ("worker", None, {"kms:Decrypt"}),
        ("worker", LETTERS, {"kms:Decrypt", "kms:GenerateDataKey"}),
        ("producer", None, {"kms:Decrypt", "kms:GenerateDataKey"}),
    ],
)
def test_a_key_is_used_through_sqs_alone(role: Role, dlq: str | None, actions: set[str]) -> None:
    """To read, and to write only by who sends."""
    (found,) = (one for one in statements(role, [place(queue=URL, dlq=dlq)], keys=[KEY]) if one.sid == "UseKey")
    assert set(found.actions) == actions
    assert found.condition == {"StringEquals": {"kms:ViaService": "sqs.eu-central-1.amazonaws.com"}}


def test_an_alias_of_a_key_is_no_resource() -> None:
    """A policy that names one allows nothing, silently."""
    with pytest.raises(ValueError, match="alias"):
        region_of_key("arn:aws:kms:eu-central-1:123456789012:alias/orders")


def test_keys_of_two_regions_have_a_statement_each() -> None:
    """SQS asks KMS in its own region, and no two statements have one name."""
    other = KEY.replace("eu-central-1", "cn-north-1").replace("arn:aws:", "arn:aws-cn:")
    found = [one for one in statements("worker", [place(queue=URL)], keys=[KEY, other]) if "Key" in one.sid]
    assert [one.sid for one in found] == ["UseKey1", "UseKey2"]
    assert found[1].condition == {"StringEquals": {"kms:ViaService": "sqs.cn-north-1.amazonaws.com.cn"}}


def test_a_task_keeps_itself() -> None:
    """Only tasks of that cluster."""
    (found,) = (
        one for one in statements("worker", [place(queue=URL)], tasks=tasks_of(CLUSTER)) if one.sid == "KeepBusyTasks"
    )
    assert found.resources == ("arn:aws:ecs:eu-central-1:123456789012:task/workers/*",)
    with pytest.raises(ValueError, match="no ARN of an ECS cluster"):
        tasks_of("workers")


CLUSTER = "arn:aws:ecs:eu-central-1:123456789012:cluster/workers"


def test_what_the_address_leaves_out() -> None:
    """A name alone says neither account nor region; the settings and --account do."""
    with pytest.raises(ValueError, match="--account"):
        place(queue="orders", region="eu-central-1")
    with pytest.raises(ValueError, match="set AWS_REGION"):
        queue_arn(parse_address("orders"), account="123456789012")
    made = place_of(PipelineSettings(queue="orders", region="us-gov-west-1"), account="123456789012")
    assert made.queue == "arn:aws-us-gov:sqs:us-gov-west-1:123456789012:orders"


def test_a_fifo_queue_whose_dead_letters_nobody_named_is_told() -> None:
    """The worker sends to or measures a queue that only SQS knows."""
    assert "sends messages" in unnamed_letters(PipelineSettings(queue=URL + ".fifo"))
    assert "measures" in unnamed_letters(PipelineSettings(queue=URL))
    assert unnamed_letters(PipelineSettings(queue=URL + ".fifo", dlq=LETTERS + ".fifo")) == ""


def test_what_the_redrive_policy_names() -> None:
    """Of a standard queue it is measured, of a FIFO queue sent to; where the settings name one, that alone counts."""
    standard = place_of(PipelineSettings(queue=URL), redrive=LETTERS)
    assert allowed(statements("worker", [standard]))[LETTERS] == {"sqs:GetQueueAttributes"}
    fifo = place_of(PipelineSettings(queue=URL + ".fifo"), redrive=LETTERS + ".fifo")
    assert allowed(statements("worker", [fifo]))[LETTERS + ".fifo"] == {"sqs:SendMessage", "sqs:GetQueueAttributes"}
    named = place_of(PipelineSettings(queue=URL, dlq=LETTERS), redrive=LETTERS + "-other")
    assert LETTERS + "-other" not in allowed(statements("worker", [named]))
    by_arn = place_of(PipelineSettings(queue=ORDERS), redrive=LETTERS)
    assert allowed(statements("worker", [by_arn]))[LETTERS] == {"sqs:GetQueueAttributes", "sqs:GetQueueUrl"}
    assert "sqs:StartMessageMoveTask" in allowed(statements("operator", [standard]))[LETTERS]


def test_no_statement_is_wide() -> None:
    """No star in an action, none alone in a resource; every statement has a name of its own and says what it is for."""
    for role in ("worker", "producer", "operator"):
        found = statements(role, [place(queue=URL, dlq=LETTERS)], keys=[KEY], tasks=tasks_of(CLUSTER))
        assert len({one.sid for one in found}) == len(found)
        assert all(one.purpose and one.sid.isalnum() for one in found)
        assert not any("*" in action for one in found for action in one.actions)
        assert not any(resource == "*" for one in found for resource in one.resources)
        assert document(found)["Version"] == "2012-10-17"


def test_partitions_are_those_of_the_sdk() -> None:
    """Every region that the SDK knows, and the suffix of its names."""
    session = botocore.session.get_session()
    suffixes = {one["partition"]: one["dnsSuffix"] for one in session.get_data("endpoints")["partitions"]}
    every = [(name, region) for name in suffixes for region in session.get_available_regions("sqs", name)]
    assert len(every) > 30
    assert [partition_of(region).name for _, region in every] == [name for name, _ in every]
    assert [partition_of(region).suffix for _, region in every] == [suffixes[name] for name, _ in every]
