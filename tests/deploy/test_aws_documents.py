"""The documents for AWS: accepted by the SDK's models, and right where no model looks. Needs nothing but the SDK."""

from __future__ import annotations

import copy
import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.deploy.aws import ACCOUNT, CALLS, ECOSYSTEM, REGION, RIGHTS, TRUST, Doc, alarms, files, merged, read, refusal
from tests.deploy.aws_policy import (
    METRICS,
    alarm_troubles,
    dashboard_troubles,
    environment,
    names,
    scaling_troubles,
    task_troubles,
)
from worker.deploy.arn import tasks_of
from worker.deploy.patches import patch
from worker.deploy.places import place_of
from worker.deploy.rights import document, statements
from worker.deploy.scaling import Wishes, Worker, Workload, plan
from worker.settings import load
from worker.telemetry.report import KEYS

if TYPE_CHECKING:
    from worker.deploy.rights import Role

CLUSTER = f"arn:aws:ecs:{REGION}:{ACCOUNT}:cluster/workers"
TASK = read("ecs/task-definition.json")


@pytest.mark.parametrize("name", CALLS)
def test_the_sdk_accepts_it(name: str) -> None:
    """Each document is the input of its call, by the SDK's own model."""
    assert refusal(*CALLS[name], read(name)) == ""


def test_every_document_is_looked_at() -> None:
    """What is no input of a call is a policy, or the body of the dashboard."""
    known = {ECOSYSTEM / name for name in CALLS} | {ECOSYSTEM / "cloudwatch" / "dashboard.json"}
    known |= {ECOSYSTEM / "iam" / f"{name}.json" for name in (*TRUST, *RIGHTS, "queue-policy")}
    assert set(files()) == known
    assert len(alarms()) > 10


@pytest.mark.parametrize(
    ("name", "wrong", "words"),
    [
        ("ecs/task-definition.json", {"familly": "x"}, "familly"),
        ("ecs/service.json", {"desiredCount": "10"}, "desiredCount"),
        ("ecs/scalable-target.json", {"MaxCapacity": "30"}, "MaxCapacity"),
        ("ecs/target-tracking.json", {"TargetTrackingScalingPolicyConfiguration": {"TargetValues": 1}}, "TargetValues"),
        ("cloudwatch/alarms/orders-deep.json", {"AlarmName": None}, "AlarmName"),
    ],
)
def test_the_sdk_refuses_what_is_wrong(name: str, wrong: Doc, words: str) -> None:
    """A misspelt key, a number in quotes and something that is missing are seen, so that the test above can fail."""
    assert words in refusal(*CALLS[name], merged(read(name), wrong))


def test_the_task_fits_its_platform() -> None:
    """CPU with memory, stopTimeout above the drain, no secret in sight, settings that load without a remark."""
    assert list(task_troubles(TASK)) == []
    assert (TASK["cpu"], TASK["memory"]) == ("512", "1024")


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"memory": "512"}, "Fargate has no 512"),
        ({"stopTimeout": 300}, "do not fit"),
        ({"stopTimeout": 60}, "do not fit"),
        ({"image": "worker:latest"}, "another image"),
        ({"image": "worker"}, "another image"),
        ({"user": "root"}, "not root"),
        ({"readonlyRootFilesystem": False}, "root can be written to"),
        (
            {"environment": [*TASK["containerDefinitions"][0]["environment"], {"name": "PGPASSWORD", "value": "x"}]},
            "secret",
        ),
        ({"healthCheck": {"command": ["CMD-SHELL", "true"]}}, "health"),
        ({"logConfiguration": {"options": {"mode": "blocking"}}}, "blocks"),
        (
            {"environment": [*TASK["containerDefinitions"][0]["environment"], {"name": "SQS_WAIT", "value": "1"}]},
            "SQS_WAIT",
        ),
    ],
)
def test_a_task_that_does_not_fit_is_seen(wrong: Doc, words: str) -> None:
    """Each rule about tasks has a defect that it sees."""
    changed = copy.deepcopy(TASK)
    if "memory" in wrong:
        changed = merged(changed, wrong)
    else:
        changed["containerDefinitions"] = [merged(changed["containerDefinitions"][0], wrong)]
    try:
        said = " ".join(task_troubles(changed))
    except Exception as error:  # noqa: BLE001 - settings that do not load are one way to be seen
        said = str(error)
    assert words in said


def test_scaling_is_what_was_asked_for() -> None:
    """50,000 messages a task by metric math, out after 60 s and in after 300 s, between 10 and 30 tasks."""
    policy = read("ecs/target-tracking.json")
    assert list(scaling_troubles(policy)) == []
    wanted = policy["TargetTrackingScalingPolicyConfiguration"]
    assert (wanted["TargetValue"], wanted["ScaleOutCooldown"], wanted["ScaleInCooldown"]) == (50_000, 60, 300)
    target = read("ecs/scalable-target.json")
    assert (target["MinCapacity"], target["MaxCapacity"]) == (10, 30)


def test_every_document_is_about_one_service() -> None:
    """The same cluster, service and dimension in all that scale it, and the service runs the task's family."""
    service = read("ecs/service.json")
    resource = f"service/{service['cluster']}/{service['serviceName']}"
    for name in ("scalable-target", "target-tracking", "first-task", "more-tasks"):
        one = read(f"ecs/{name}.json")
        assert (one["ServiceNamespace"], one["ResourceId"]) == ("ecs", resource), name
    assert service["taskDefinition"] == TASK["family"]


@pytest.mark.parametrize("name", alarms())
def test_an_alarm_is_sound(name: str) -> None:
    """Metrics and dimensions that exist, math over its own metrics, missing data no alarm, words that help."""
    assert list(alarm_troubles(alarms()[name])) == []
    assert alarms()[name]["AlarmName"] == name


@pytest.mark.parametrize(
    ("name", "wrong", "words"),
    [
        ("orders-deep", {"MetricName": "ApproximateNumberOfMessages"}, "no metric"),
        ("orders-deep", {"Dimensions": [{"Name": "Queue", "Value": "orders"}]}, "no data"),
        ("orders-deep", {"Statistic": "Sum"}, "gauges"),
        ("orders-deep", {"TreatMissingData": "missing"}, "no alarm"),
        ("orders-deep", {"AlarmActions": []}, "nobody is told"),
        ("orders-deep", {"AlarmDescription": "It is deep."}, "what to do"),
        ("orders-deep", {"DatapointsToAlarm": 9}, "more points"),
        ("orders-stalled", {"Metrics": [{"Id": "a", "Expression": "b > 0"}]}, "nothing is called b"),
    ],
)
def test_an_alarm_that_never_fires_is_seen(name: str, wrong: Doc, words: str) -> None:
    """Each rule about alarms has a defect that it sees."""
    assert words in " ".join(alarm_troubles(merged(alarms()[name], wrong)))


def test_the_alarms_have_the_numbers_that_were_asked_for() -> None:
    """Depth 500,000 and 1,000,000, age 5 and 10 minutes; of the importer 1,000, 5 % and 5 minutes; any dead letter."""
    found = {name: (one["ComparisonOperator"], one["Threshold"]) for name, one in alarms().items()}
    above, at_least = "GreaterThanThreshold", "GreaterThanOrEqualToThreshold"
    assert {
        "orders-deep": (above, 500_000),
        "orders-very-deep": (above, 1_000_000),
        "orders-late": (above, 300),
        "orders-very-late": (above, 600),
        "orders-dead-letters": (at_least, 1),
        "certificates-deep": (above, 1_000),
        "certificates-failing": (above, 5),
        "certificates-late": (above, 300),
        "certificates-dead-letters": (above, 0),
    }.items() <= found.items()


def test_the_dashboard_is_sound() -> None:
    """No widget over another, every metric exists, every expression is over metrics above it."""
    body = read("cloudwatch/dashboard.json")
    assert list(dashboard_troubles(body)) == []
    shown = {widget["properties"].get("title") for widget in body["widgets"]}
    assert {
        "Depth now",
        "Processed per hour",
        "Rate per worker (messages a second)",
        "Age of the oldest message",
    } <= shown
    assert any("Failures" in str(title) for title in shown)


def test_a_broken_dashboard_is_seen() -> None:
    """A wrong name of a metric, an unknown id, and a widget over another."""
    body = read("cloudwatch/dashboard.json")
    wrong: list[dict[str, Any]] = [
        {"metrics": [["AWS/SQS", "Depth", "QueueName", "orders"]]},
        {"metrics": [[{"expression": "gone / 2"}]]},
    ]
    for properties in wrong:
        changed = copy.deepcopy(body)
        changed["widgets"][1]["properties"].update(properties)
        assert list(dashboard_troubles(changed))
    body["widgets"][2]["x"] = 0
    assert "lies over another" in " ".join(dashboard_troubles(body))


def test_the_filters_read_lines_that_a_worker_writes() -> None:
    """Their metrics are those of the dashboard, and their fields stand in the line of a minute and in every fact."""
    filters = [read(name) for name in CALLS if name.startswith("cloudwatch/filters/")]
    made = {one["metricTransformations"][0]["metricName"]: one["filterPattern"] for one in filters}
    assert made.keys() == METRICS["SqsWorker"]
    fields = {field for pattern in made.values() for field in re.findall(r"\$\.(\w+)", pattern)}
    assert fields == {"throughputPerSecond", "level"} <= {*KEYS, "level"}
    assert {one["logGroupName"] for one in filters} == {
        TASK["containerDefinitions"][0]["logConfiguration"]["options"]["awslogs-group"]
    }


def test_the_words_of_an_expression() -> None:
    """Functions of metric math are no metrics."""
    assert names("IF(FILL(tasks, 0) >= 30, visible, 0)") == {"tasks", "visible"}


@pytest.mark.parametrize(
    ("name", "role", "tasks"),
    [
        ("worker", "worker", ""),
        ("ecs-task", "worker", CLUSTER),
        ("producer", "producer", ""),
        ("operator", "operator", ""),
    ],
)
def test_policies_are_what_the_command_prints(name: str, role: Role, tasks: str) -> None:
    """For the queue of the task definition: `worker iam --role ROLE > ecosystem/iam/NAME.json` writes them."""
    places = [place_of(one) for one in load(environment(TASK["containerDefinitions"][0])).pipelines]
    made = document(statements(role, places, tasks=tasks_of(tasks) if tasks else ""))
    assert read(f"iam/{name}.json") == made


def test_the_roles_are_those_that_the_task_names() -> None:
    """The execution role reads the secret and writes the log that the task definition names, and nothing else."""
    container = TASK["containerDefinitions"][0]
    by_sid = {one["Sid"]: one for one in read("iam/ecs-execution.json")["Statement"]}
    (secret,) = by_sid["ReadTheSecrets"]["Resource"]
    assert container["secrets"][0]["valueFrom"].startswith(secret.removesuffix("*"))
    (log,) = by_sid["WriteTheLog"]["Resource"]
    assert f":log-group:{container['logConfiguration']['options']['awslogs-group']}:" in log
    (image,) = by_sid["PullTheImage"]["Resource"]
    assert container["image"].rpartition("/")[2].partition(":")[0] == image.rpartition("/")[2]


def test_the_patches_of_the_plan_fit_the_files() -> None:
    """`worker scaling --patch ecs` merged onto the files is what the SDK accepts, with the plan's numbers in it."""
    made = plan(Workload(600_000 / 86_400, 0.0, 2_800_000, 14 * 86_400), Worker(1.0), Wishes())
    for name, change in json.loads(patch(made, "ecs")).items():
        changed = merged(read(f"ecs/{name}"), change)
        assert changed != read(f"ecs/{name}")
        assert refusal(*CALLS[f"ecs/{name}"], changed) == ""
    assert merged({"a": {"b": 1, "c": 2}}, {"a": {"b": None, "d": 3}}) == {"a": {"c": 2, "d": 3}}
