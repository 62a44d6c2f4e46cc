"""k8s/ as the tools of Kubernetes read it: built, held to strict schemas, and to what no schema says."""

from __future__ import annotations

import json
import sys
from copy import deepcopy
from itertools import product
from typing import TYPE_CHECKING, Any, Final

import jsonschema
import pytest
import yaml

from tests.deploy.kinds import schemas
from tests.deploy.manifests import K8S, base_with, built, kinds, one, production_with
from tests.deploy.policy import RULES, complaints
from tests.deploy.tools import library, run
from worker.settings import load

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.deploy.manifests import Doc

pytestmark = pytest.mark.deploy("kubectl")

VERSIONS: Final = ("1.33", "1.35", "1.37")
"""Of Kubernetes: the oldest that providers still run, the newest, and one between."""
COMPONENTS: Final = sorted(folder.name for folder in (K8S / "components").iterdir() if folder.is_dir())
SCALERS: Final = ("keda", "prometheus-adapter", "scaledjob")
PLANNED: Final = {"keda": ["ScaledObject"], "prometheus-adapter": ["HorizontalPodAutoscaler"], "scaledjob": []}
"""Whom `worker scaling` has patches for."""
IDENTITIES: Final = ("irsa", "pod-identity")
TRIED: Final = [
    "dev",
    *(f"prod {identity} {scaler}" for identity, scaler in product(IDENTITIES, SCALERS)),
]


@pytest.fixture(scope="module")
def tried(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], list[Doc]]:
    """Gives the documents of one of `TRIED`, built once."""
    made: dict[str, list[Doc]] = {}

    def get(name: str) -> list[Doc]:
        if name not in made:
            overlay, *lines = name.split()
            folder = K8S / "overlays" / overlay
            if lines:
                chosen = dict(zip(("irsa", "keda"), lines, strict=True))
                folder = production_with(tmp_path_factory.mktemp(overlay), lines=chosen)
            made[name] = built(folder)
        return deepcopy(made[name])

    return get


@pytest.mark.parametrize("component", COMPONENTS)
def test_each_component_goes_with_the_base_alone(component: str, tmp_path: Path) -> None:
    """No component needs another one to be built."""
    docs = built(base_with(tmp_path, [component]))
    assert "ServiceAccount" in kinds(docs)


def test_the_production_overlay_as_it_stands_is_one_of_those_tried(tried: Callable[[str], list[Doc]]) -> None:
    """The lines that tests replace are those of the file."""
    assert built(K8S / "overlays" / "prod") == tried("prod irsa keda")


@pytest.mark.deploy("kubernetes_validate")
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", TRIED)
def test_the_kinds_of_kubernetes_fit_their_strict_schemas(
    name: str, version: str, tried: Callable[[str], list[Doc]]
) -> None:
    """Every field is known to that version, and has the type that it asks for."""
    validate = library("kubernetes_validate").validate
    core = [doc for doc in tried(name) if (doc["apiVersion"], doc["kind"]) not in schemas()]
    assert {"Namespace", "ServiceAccount", "ConfigMap"} <= {*kinds(core)}
    for doc in core:
        validate(doc, version, strict=True)


@pytest.mark.deploy("kubernetes_validate")
def test_a_strict_schema_refuses_a_slip(tried: Callable[[str], list[Doc]]) -> None:
    """The check above can fail."""
    docs = tried("dev")
    one(docs, "Deployment")["spec"]["template"]["spec"]["containers"][0]["livenessProb"] = {}
    with pytest.raises(library("kubernetes_validate").ValidationError):
        library("kubernetes_validate").validate(one(docs, "Deployment"), VERSIONS[-1], strict=True)


@pytest.mark.parametrize("name", TRIED)
def test_the_kinds_of_others_fit_their_definitions(name: str, tried: Callable[[str], list[Doc]]) -> None:
    """KEDA's and prometheus-operator's, by the definitions that they publish."""
    for doc in tried(name):
        if (schema := schemas().get((doc["apiVersion"], doc["kind"]))) is not None:
            jsonschema.Draft202012Validator(schema).validate(doc)


SLIPS: Final[dict[str, tuple[str, Callable[[Doc], Any]]]] = {
    "a field of the HPA": ("ScaledObject", lambda doc: doc["spec"].update(maxReplicas=30)),
    "a number for a text": ("ScaledObject", lambda doc: doc["spec"]["triggers"][0]["metadata"].update(queueLength=5)),
    "a field that KEDA gave up": ("TriggerAuthentication", lambda doc: doc["spec"]["podIdentity"].update(owner="keda")),
    "an endpoint without a name": ("PodMonitor", lambda doc: doc["spec"]["podMetricsEndpoints"][0].update(ports="x")),
    "an alert's typing error": (
        "PrometheusRule",
        lambda doc: doc["spec"].update(groups=[{"name": "a", "rules": [{"alert": "A", "expr": "1", "for": "soon"}]}]),
    ),
}


@pytest.mark.parametrize("slip", SLIPS)
def test_the_definitions_of_others_refuse_a_slip(slip: str, tried: Callable[[str], list[Doc]]) -> None:
    """The check above can fail, for each kind."""
    kind, spoil = SLIPS[slip]
    doc = one(tried("prod irsa keda"), kind)
    spoil(doc)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(schemas()[doc["apiVersion"], kind]).validate(doc)


@pytest.mark.parametrize("name", TRIED)
def test_what_no_schema_says_holds_as_well(name: str, tried: Callable[[str], list[Doc]]) -> None:
    """Grace above the drain, settings that load, pod security, no secret, and the other rules of `policy.py`."""
    assert complaints(tried(name)) == {}


def _pod(doc: Doc) -> Doc:
    pod: Doc = doc["spec"]["template"]["spec"]
    return pod


def _container(doc: Doc) -> Doc:
    container: Doc = _pod(doc)["containers"][0]
    return container


DEFECTS: Final[dict[str, tuple[str, Callable[[Doc], Any]]]] = {
    "stops_in_time": ("Deployment", lambda doc: _pod(doc).update(terminationGracePeriodSeconds=29)),
    "settings_load": ("ConfigMap", lambda doc: doc["data"].update(SQS_WAIT_TIME="20")),
    "rows_stay": ("ConfigMap", lambda doc: doc["data"].update(SINK="sqlite")),
    "names_itself": ("Deployment", lambda doc: _container(doc)["env"].pop()),
    "images_are_pinned": ("Deployment", lambda doc: _container(doc).update(image="sqs-worker-daemon:latest")),
    "has_no_secret": ("ConfigMap", lambda doc: doc["data"].update(POSTGRES_DSN="postgresql://a:b@db/c")),
    "is_restricted": (
        "Deployment",
        lambda doc: _container(doc)["securityContext"].update(readOnlyRootFilesystem=False),
    ),
    "has_no_token": ("ServiceAccount", lambda doc: doc.pop("automountServiceAccountToken")),
    "is_bounded": ("Deployment", lambda doc: _container(doc)["resources"].pop("limits")),
    "is_probed": ("Deployment", lambda doc: _container(doc).pop("startupProbe")),
    "liveness_asks_nobody_else": (
        "Deployment",
        lambda doc: _container(doc)["livenessProbe"]["httpGet"].update(path="/readyz"),
    ),
    "has_one_who_scales": ("Deployment", lambda doc: doc["spec"].update(replicas=3)),
    "selects_its_pods": ("PodDisruptionBudget", lambda doc: doc["spec"]["selector"]["matchLabels"].update(app="x")),
    "asks_known_ports": ("PodMonitor", lambda doc: doc["spec"]["podMetricsEndpoints"][0].update(port="http")),
    "is_labelled": ("Deployment", lambda doc: doc["metadata"]["labels"].pop("app.kubernetes.io/name")),
    "namespaces_are_restricted": ("Deployment", lambda doc: doc["metadata"].update(namespace="default")),
    "evictions_go_on": ("PodDisruptionBudget", lambda doc: doc["spec"].update(maxUnavailable="0%")),
}
"""Rule → a kind, and how one of it is spoilt so that this rule sees it."""


@pytest.mark.parametrize("rule", [rule.__name__ for rule in RULES])
def test_each_rule_sees_its_defect(rule: str, tried: Callable[[str], list[Doc]]) -> None:
    """No rule is one that cannot fail."""
    docs = tried("prod irsa keda")
    kind, spoil = DEFECTS[rule]
    spoil(one(docs, kind))
    assert rule in {seen.__name__ for seen in RULES if list(seen(docs))}


@pytest.mark.parametrize("name", [name for name in TRIED if name != "dev"])
def test_whatever_scales_looks_at_the_queue_of_the_workers(name: str, tried: Callable[[str], list[Doc]]) -> None:
    """The queue and its region stand once, in settings.env."""
    docs = tried(name)
    told = one(docs, "ConfigMap", "worker-settings")["data"]
    asked = [trigger["metadata"] for doc in docs for trigger in doc.get("spec", {}).get("triggers", ())]
    for trigger in asked:
        assert (trigger["queueURL"], trigger["awsRegion"]) == (told["SQS_QUEUE_URL"], told["AWS_REGION"])
    for doc in docs:
        if doc["kind"] == "HorizontalPodAutoscaler":
            labels = doc["spec"]["metrics"][0]["external"]["metric"]["selector"]["matchLabels"]
            assert labels == {"queue": told["SQS_QUEUE_URL"].rpartition("/")[2], "state": "visible"}
            asked.append(labels)
    assert len(asked) == 1


def test_another_queue_is_one_line(tmp_path: Path) -> None:
    """What scales follows settings.env, whichever it is."""
    for scaler in SCALERS:
        overlay = production_with(tmp_path / scaler, lines={"keda": scaler})
        file = overlay / "settings.env"
        file.write_text(file.read_text().replace("/orders", "/invoices"))
        scaling = [
            doc for doc in built(overlay) if doc["kind"] in {"HorizontalPodAutoscaler", "ScaledObject", "ScaledJob"}
        ]
        assert "invoices" in json.dumps(scaling)
        assert '"queue": "orders"' not in json.dumps(scaling)


def planner(*options: str) -> str:
    """What `worker scaling` prints for Kubernetes."""
    return run(sys.executable, "-m", "worker", "scaling", *options, "--patch", "kubernetes")


@pytest.mark.parametrize("scaler", SCALERS)
def test_the_patches_of_the_planner_fit(scaler: str, tmp_path: Path) -> None:
    """What `worker scaling` prints goes into the kustomization of the overlay, and changes only what scales."""
    said = planner("--rate", "40/s", "--in-flight", "500", "--incoming", "90/s", "--peak", "400/s")
    overlay = production_with(tmp_path, lines={"keda": scaler})
    before = built(overlay)
    file = overlay / "kustomization.yaml"
    text = yaml.safe_load(file.read_text())
    text["patches"] += yaml.safe_load(said)["patches"]
    file.write_text(yaml.safe_dump(text))
    changed = [(old, new) for old, new in zip(before, built(overlay), strict=True) if old != new]
    assert [new["kind"] for _, new in changed] == PLANNED[scaler]
    for old, new in changed:
        assert old["spec"].keys() == new["spec"].keys()
        assert "12000" in json.dumps(new) or "12500" in json.dumps(new)


def test_the_job_is_the_deployment_that_ends(tried: Callable[[str], list[Doc]]) -> None:
    """The pod of the ScaledJob differs from that of the Deployment by its command, and by not being restarted."""
    job = one(tried("prod irsa scaledjob"), "ScaledJob")["spec"]["jobTargetRef"]["template"]
    pod = one(tried("prod irsa keda"), "Deployment")["spec"]["template"]
    assert job["spec"].pop("restartPolicy") == "Never"
    assert job["spec"]["containers"][0].pop("command") == ["worker", "run", "--drain"]
    assert pod["spec"]["containers"][0].pop("command") == ["worker", "run"]
    assert job["spec"] == pod["spec"]


def test_both_autoscalers_behave_alike(tried: Callable[[str], list[Doc]]) -> None:
    """KEDA's HPA and ours go up at once and down slowly, to 30 at the most, 100,000 messages a worker."""
    hpa = one(tried("prod irsa prometheus-adapter"), "HorizontalPodAutoscaler")["spec"]
    keda = one(tried("prod irsa keda"), "ScaledObject")["spec"]
    assert keda["advanced"]["horizontalPodAutoscalerConfig"]["behavior"] == hpa["behavior"]
    assert keda["maxReplicaCount"] == hpa["maxReplicas"] == 30
    assert hpa["minReplicas"] == keda["fallback"]["replicas"] == 10
    target = hpa["metrics"][0]["external"]["target"]
    assert target == {"type": "AverageValue", "averageValue": "100000"}
    assert hpa["behavior"]["scaleUp"]["stabilizationWindowSeconds"] == 0
    assert hpa["behavior"]["scaleDown"]["stabilizationWindowSeconds"] >= 300


def test_their_targets_are_those_of_the_planner(tried: Callable[[str], list[Doc]]) -> None:
    """KEDA's counts what a worker holds as well, by the worker's own default."""
    held = str(load({"SQS_QUEUE_URL": "orders", "AWS_REGION": "eu-central-1"}).pipelines[0].in_flight_max_messages)
    planned = planner("--rate", "500/s", "--target", "100000", "--in-flight", held, "--incoming", "600000/day")
    hpa = one(tried("prod irsa prometheus-adapter"), "HorizontalPodAutoscaler")["spec"]
    assert f"averageValue, value: '{hpa['metrics'][0]['external']['target']['averageValue']}'" in planned
    for name, kind in (("prod irsa keda", "ScaledObject"), ("prod irsa scaledjob", "ScaledJob")):
        trigger = one(tried(name), kind)["spec"]["triggers"][0]["metadata"]
        assert f"queueLength, value: '{trigger['queueLength']}'" in planned


def test_the_association_of_pod_identity_names_what_is_there(tried: Callable[[str], list[Doc]]) -> None:
    """Its namespace and service account are those of the production overlay."""
    association = json.loads((K8S / "components/pod-identity/association.json").read_text())
    account = one(tried("prod pod-identity keda"), "ServiceAccount")
    assert association["serviceAccount"] == account["metadata"]["name"]
    assert association["namespace"] == account["metadata"]["namespace"]
    assert "annotations" not in account["metadata"]
    annotations = one(tried("prod irsa keda"), "ServiceAccount")["metadata"]["annotations"]
    assert association["roleArn"] == annotations["eks.amazonaws.com/role-arn"]
