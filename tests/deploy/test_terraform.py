"""The module of terraform: formatted, valid, and applied for real, to an AWS that plays on this machine."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.contract.servers import ministack
from tests.deploy.aws import ACCOUNT, ECOSYSTEM, REGION
from tests.deploy.played import Played, played
from worker.deploy.arn import tasks_of
from worker.deploy.places import place_of
from worker.deploy.rights import document, statements
from worker.settings import load

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.deploy("terraform"), pytest.mark.timeout(900)]

MODULE: Final = ECOSYSTEM / "terraform"
MIRRORS: Final = (
    "~/.terraform.d/plugins",
    "~/.local/share/terraform/plugins",
    "/usr/local/share/terraform/plugins",
    "/usr/share/terraform/plugins",
    "/opt/*",
)
"""Where a machine may keep providers, in folders of host, owner, name, version and platform."""
IMAGE: Final = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/sqs-worker-daemon:0.1.0"
FORGOTTEN: Final = {"aws_ecs_service"}
"""moto does not keep the capacity providers of a service, so that terraform would make it anew."""


def mirror() -> Path:
    """The folder in which this machine keeps the provider of AWS; the test is skipped where there is none."""
    named = os.environ.get("TERRAFORM_PLUGIN_DIR")
    for pattern in [named] if named else MIRRORS:
        expanded = Path(pattern).expanduser()
        for folder in sorted(expanded.parent.glob(expanded.name)):
            if any(folder.glob("*/hashicorp/aws/*/*/terraform-provider-aws_*")):
                return folder
    pytest.skip("terraform is here, but not its provider of AWS: name a mirror of it in TERRAFORM_PLUGIN_DIR")


@pytest.fixture
def aws(tmp_path: Path) -> Iterator[Played]:
    """An AWS without anything in it."""
    folder = tmp_path / "queues"
    folder.mkdir()
    with played() as url, ministack(folder) as queues:
        yield Played(url, queues)


class Terraform:
    """One example, in a folder of its own."""

    def __init__(self, example: str, folder: Path, aws: Played, **values: object) -> None:
        shutil.copytree(MODULE, folder / "terraform", ignore=shutil.ignore_patterns(".terraform*", "*.tfstate*"))
        self._at = folder / "terraform" / "examples" / example
        subnets, group = aws.network
        network = {"image": IMAGE, "subnet_ids": subnets, "security_group_ids": [group]}
        self._at.joinpath("terraform.tfvars.json").write_text(json.dumps(network | values))
        configuration = folder / "terraformrc"
        configuration.write_text("disable_checkpoint = true\n")
        known = {"PATH": os.environ["PATH"], "HOME": str(folder), "TF_CLI_CONFIG_FILE": str(configuration)}
        self._environ = {**aws.environ, **known, "TF_IN_AUTOMATION": "1"}
        self("init", "-input=false", f"-plugin-dir={mirror()}")

    def __call__(self, *arguments: str) -> str:
        """What it prints; a failing one fails the test."""
        done = self._run(*arguments)
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-8000:]
        return done.stdout

    def refusal(self, **values: object) -> str:
        """What it says against *values*; fails the test if it takes them."""
        self._at.joinpath("wrong.tfvars.json").write_text(json.dumps(values))
        done = self._run("plan", "-input=false", "-refresh=false", "-var-file=wrong.tfvars.json")
        assert done.returncode == 1, done.stdout[-4000:]
        return " ".join(done.stderr.split())

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = ["terraform", *arguments, "-no-color"]
        return subprocess.run(
            command, cwd=self._at, env=self._environ, capture_output=True, text=True, check=False, timeout=600
        )

    def apply(self) -> None:
        """Make everything."""
        self("apply", "-input=false", "-auto-approve", "-parallelism=40")

    def differences(self) -> set[str]:
        """Kinds of resources that it would change, looking at what it has just made."""
        self("plan", "-input=false", "-out=again")
        changes = json.loads(self("show", "-json", "again"))["resource_changes"]
        return {one["type"] for one in changes if one["change"]["actions"] not in (["no-op"], ["read"])}


def test_it_is_formatted(tmp_path: Path) -> None:
    """As terraform itself would write it."""
    environ = {**os.environ, "TF_CLI_CONFIG_FILE": str(tmp_path / "none")}
    command = ["terraform", "fmt", "-check", "-diff", "-recursive", str(MODULE)]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_module_refuses_what_would_hurt(tmp_path: Path, aws: Played) -> None:
    """An image that cannot be rolled back to, and a drain that Fargate would cut off."""
    terraform = Terraform("video-site", tmp_path, aws)
    assert "cannot be rolled back to" in terraform.refusal(image="worker:latest")
    main = tmp_path / "terraform" / "examples" / "video-site" / "main.tf"
    main.write_text(main.read_text().replace("concurrency = 2,", "concurrency = 2, drain_seconds = 118,"))
    assert "drain_seconds is at most 115" in terraform.refusal()


def test_the_video_site(tmp_path: Path, aws: Played) -> None:
    """Four queues and dead-letter queues as asked for, a service each, alarms; and no difference afterwards."""
    terraform = Terraform("video-site", tmp_path, aws)
    terraform("validate")
    terraform.apply()
    sqs = aws.client("sqs")
    wanted = {
        "video-processing": (900, 345_600, 3),
        "thumbnail-generation": (300, 86_400, 3),
        "email": (60, 172_800, 5),
        "analytics": (30, 86_400, 2),
    }
    for name, (visibility, retention, receives) in wanted.items():
        said, dead = (_attributes(sqs, one) for one in (name, f"{name}-dead"))
        redrive = json.loads(said["RedrivePolicy"])
        assert (int(said["VisibilityTimeout"]), int(said["MessageRetentionPeriod"])) == (visibility, retention)
        assert (redrive["deadLetterTargetArn"], int(redrive["maxReceiveCount"])) == (dead["QueueArn"], receives)
        assert int(dead["MessageRetentionPeriod"]) == 1_209_600
        for one in (said, dead):
            (statement,) = json.loads(one["Policy"])["Statement"]
            assert (statement["Effect"], statement["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})
            assert statement["Resource"] == one["QueueArn"]
    names = {alarm["AlarmName"] for alarm in aws.client("cloudwatch").describe_alarms()["MetricAlarms"]}
    assert {f"video-site-{queue}-{kind}" for queue in wanted for kind in ("dead-letters", "late", "wake")} <= names
    assert terraform.differences() <= FORGOTTEN
    terraform("plan", "-destroy", "-input=false")  # ministack never forgets a RedriveAllowPolicy, so it is only planned


def test_the_backlog(tmp_path: Path, aws: Played) -> None:
    """10 to 30 tasks of 50,000 messages; the worker accepts its environment; its rights are those of `worker iam`."""
    secret = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:events/dsn-AbCdEf"
    topic = f"arn:aws:sns:{REGION}:{ACCOUNT}:alarms"
    Terraform("backlog", tmp_path, aws, postgres_dsn_arn=secret, alarm_topic_arns=[topic]).apply()
    ecs, scaling = aws.client("ecs"), aws.client("application-autoscaling")
    (task,) = ecs.list_task_definitions()["taskDefinitionArns"]
    definition = ecs.describe_task_definition(taskDefinition=task)["taskDefinition"]
    assert (definition["cpu"], definition["memory"]) == ("512", "1024")
    (container,) = definition["containerDefinitions"]
    (target,) = scaling.describe_scalable_targets(ServiceNamespace="ecs")["ScalableTargets"]
    assert (target["MinCapacity"], target["MaxCapacity"]) == (10, 30)
    policies = scaling.describe_scaling_policies(ServiceNamespace="ecs")["ScalingPolicies"]
    (tracking,) = (p for p in policies if p["PolicyType"] == "TargetTrackingScaling")
    assert tracking["TargetTrackingScalingPolicyConfiguration"]["TargetValue"] == 50_000
    loaded = load(_on_aws(container["environment"], aws) | {"POSTGRES_DSN": "postgresql://u@h/d"})
    assert (loaded.pipelines[0].sink, loaded.worker.drain_seconds, loaded.notices) == ("postgres", 90, ())
    cluster = f"arn:aws:ecs:{REGION}:{ACCOUNT}:cluster/events"
    found = statements("worker", [place_of(loaded.pipelines[0])], tasks=tasks_of(cluster))
    assert _allowed(_of_role(aws.client("iam"), "events-marketing-events-task")) == _allowed(document(found))


def test_the_shop(tmp_path: Path, aws: Played) -> None:
    """A FIFO queue and its dead-letter queue, a queue without a worker, a key of one's own, and the rights to it."""
    key = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    terraform = Terraform("shop", tmp_path, aws, kms_key_arn=key)
    terraform.apply()
    payments, dead = (_attributes(aws.client("sqs"), name) for name in ("payments.fifo", "payments-dead.fifo"))
    assert (payments["FifoQueue"], payments["ContentBasedDeduplication"]) == ("true", "true")
    assert json.loads(payments["RedrivePolicy"])["deadLetterTargetArn"] == dead["QueueArn"]
    assert payments["KmsMasterKeyId"] == dead["KmsMasterKeyId"] == key
    targets = aws.client("application-autoscaling").describe_scalable_targets(ServiceNamespace="ecs")["ScalableTargets"]
    assert {one["ResourceId"]: (one["MinCapacity"], one["MaxCapacity"]) for one in targets} == {
        "service/shop/shop-orders": (0, 20),
        "service/shop/shop-payments": (1, 5),
    }
    told = {
        "SQS_QUEUE_URL": f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/payments.fifo",
        "SQS_DLQ_URL": dead["QueueArn"],
    }
    places = [replace(place_of(load(told).pipelines[0]), looked_up=())]  # the task is told both by their URLs
    tasks = tasks_of(f"arn:aws:ecs:{REGION}:{ACCOUNT}:cluster/shop")
    wanted = statements("worker", places, keys=[key], tasks=tasks)
    assert _allowed(_of_role(aws.client("iam"), "shop-payments-task")) == _allowed(document(wanted))
    assert terraform.differences() <= FORGOTTEN


def _on_aws(environment: list[dict[str, str]], aws: Played) -> dict[str, str]:
    """The environment of a container, its queues by the URLs that AWS would give."""
    real = f"https://sqs.{REGION}.amazonaws.com"
    return {one["name"]: one["value"].replace(aws.queues, real) for one in environment}


def _attributes(sqs: Any, name: str) -> dict[str, str]:
    url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
    attributes: dict[str, str] = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    return attributes


def _of_role(iam: Any, role: str) -> dict[str, Any]:
    """All statements of a role, attached and its own."""
    found: list[Any] = []
    for policy in iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]:
        arn = policy["PolicyArn"]
        version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
        found += iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"]["Statement"]
    for name in iam.list_role_policies(RoleName=role)["PolicyNames"]:
        found += iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]["Statement"]
    return {"Statement": found}


def _allowed(policy: Any) -> dict[str, set[str]]:
    """Resource → actions."""
    by_resource: dict[str, set[str]] = {}
    for one in policy["Statement"]:
        for resource in one["Resource"]:
            by_resource.setdefault(resource, set()).update(one["Action"])
    return by_resource
