"""k8s/ as files: each is used, every setting is one, and what they name elsewhere is so named there."""

from __future__ import annotations

import json
import re
import subprocess
from typing import TYPE_CHECKING, Any, Final

import pytest
import yaml

from tests.deploy.aws import read, refusal
from tests.deploy.prometheusrule import FILE, rendered
from tests.words.exposition import lists
from tests.words.pages import ROOT
from worker.settings import load

if TYPE_CHECKING:
    from pathlib import Path

K8S: Final = ROOT / "k8s"
KUSTOMIZATIONS: Final = sorted(K8S.rglob("kustomization.yaml"))
SETTINGS: Final = sorted(K8S.rglob("*.env"))
BESIDE: Final = {"components/pod-identity/association.json"}
"""Files that no kustomization takes: what stands in it is given to the aws command."""


def name(path: Path) -> str:
    """As it is shown."""
    return str(path.relative_to(K8S))


def taken(kustomization: Path) -> set[Path]:
    """Files and folders that *kustomization* names."""
    said: dict[str, Any] = yaml.safe_load(kustomization.read_text(encoding="utf-8"))
    named = [one for word in ("resources", "components", "configurations") for one in said.get(word, ())]
    generators = said.get("configMapGenerator", ())
    named += [one for made in generators for word in ("envs", "files") for one in made.get(word, ())]
    return {kustomization.parent.joinpath(one).resolve() for one in named}


@pytest.mark.parametrize("kustomization", KUSTOMIZATIONS, ids=name)
def test_a_kustomization_names_what_is_there(kustomization: Path) -> None:
    """Files, and folders with a kustomization."""
    for one in taken(kustomization):
        assert one.is_file() or one.joinpath("kustomization.yaml").is_file(), one


def test_every_file_is_taken_by_a_kustomization() -> None:
    """Nothing lies about that no `kubectl apply -k` can reach."""
    reached = {one for file in KUSTOMIZATIONS for one in taken(file)}
    files = {path for path in K8S.rglob("*") if path.is_file() and path.name != "kustomization.yaml"}
    assert {name(path) for path in files - reached} == BESIDE


@pytest.mark.parametrize("file", SETTINGS, ids=name)
def test_the_settings_of_a_file_load(file: Path) -> None:
    """The worker knows every name in it, and finds nothing wrong with a value."""
    told = dict(line.split("=", 1) for line in file.read_text().splitlines() if line and not line.startswith("#"))
    queue = {"SQS_QUEUE_URL": "https://sqs.eu-central-1.amazonaws.com/123456789012/orders"}
    assert load(queue | told).notices == ()


def test_no_image_is_the_latest_one() -> None:
    """Whoever applies the same files twice runs the same program twice."""
    texts = [path.read_text(encoding="utf-8") for path in K8S.rglob("*.yaml")]
    assert [found for text in texts for found in re.findall(r"\S*:latest\b|newTag: latest", text)] == []


def test_the_rules_of_the_operator_are_those_of_prometheus() -> None:
    """`python tests/deploy/prometheusrule.py` writes them; nobody edits them."""
    assert FILE.read_text(encoding="utf-8") == rendered()


def test_the_association_of_pod_identity_is_what_the_aws_command_takes() -> None:
    """By AWS's own model of the call."""
    association = json.loads(K8S.joinpath("components/pod-identity/association.json").read_text(encoding="utf-8"))
    assert refusal("eks", "CreatePodIdentityAssociation", association) == ""
    assert refusal("eks", "CreatePodIdentityAssociation", association | {"serviceaccount": "worker"}) != ""


def test_the_role_trusts_the_service_account_of_production() -> None:
    """The trust policies of ecosystem/iam name its namespace and its name."""
    (namespace,) = re.findall(
        r"^namespace: (\S+)$", K8S.joinpath("overlays/prod/kustomization.yaml").read_text(), re.MULTILINE
    )
    account = yaml.safe_load(K8S.joinpath("base/serviceaccount.yaml").read_text())["metadata"]["name"]
    irsa, agent = (json.dumps(read(f"iam/trust-{name}.json")) for name in ("irsa", "pod-identity"))
    assert f'"system:serviceaccount:{namespace}:{account}"' in irsa
    assert f'"aws:RequestTag/kubernetes-namespace": "{namespace}"' in agent
    assert f'"aws:RequestTag/kubernetes-service-account": "{account}"' in agent


def external_metric() -> dict[str, Any]:
    """The rule that prometheus-adapter is given."""
    text = K8S.joinpath("components/prometheus-adapter/config.yaml").read_text(encoding="utf-8")
    (rule,) = yaml.safe_load(text)["externalRules"]
    found: dict[str, Any] = rule
    return found


def test_the_metric_of_the_autoscaler_is_one_that_workers_serve() -> None:
    """Name and labels are those of the registry, and of the rule that stands between."""
    metric = yaml.safe_load(K8S.joinpath("base/autoscaler.yaml").read_text())["spec"]["metrics"][0]["external"][
        "metric"
    ]
    labels = {row.partition("(")[2].partition(")")[0] for row in lists().splitlines() if f"`{metric['name']}`" in row}
    assert labels == {" ".join(f"`{name}`" for name in metric["selector"]["matchLabels"])}
    rule = external_metric()
    assert rule["name"]["as"] == metric["name"]
    assert rule["seriesQuery"].startswith(f"{metric['name']}{{")


@pytest.mark.deploy("promtool")
@pytest.mark.parametrize(("aggregate", "holds"), [("max", True), ("sum", False)])
def test_the_depth_is_counted_once_however_many_workers_report_it(
    aggregate: str, tmp_path: Path, *, holds: bool
) -> None:
    """Prometheus itself answers the adapter's query over three workers of one queue; a sum would not pass."""
    query = external_metric()["metricsQuery"].replace("<<.Series>>", "sqs_queue_messages")
    query = query.replace("<<.LabelMatchers>>", 'namespace="sqs-worker",queue="orders",state="visible"')
    assert query.startswith("max by (queue, state)")
    pods = [
        f'sqs_queue_messages{{namespace="sqs-worker",queue="orders",state="visible",pod="worker-{n}"}}'
        for n in range(3)
    ]
    depth = {
        "expr": query.replace("max", aggregate, 1),
        "eval_time": "1m",
        "exp_samples": [{"labels": '{queue="orders", state="visible"}', "value": 2_800_000}],
    }
    series = [{"series": pod, "values": "2800000x4"} for pod in pods]
    told = {"tests": [{"interval": "30s", "input_series": series, "promql_expr_test": [depth]}]}
    file = tmp_path / "depth.yml"
    file.write_text(yaml.safe_dump(told))
    done = subprocess.run(["promtool", "test", "rules", file], capture_output=True, text=True, check=False)
    assert (done.returncode == 0) is holds, done.stdout + done.stderr
