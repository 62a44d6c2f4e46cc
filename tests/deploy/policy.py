"""What has to hold of manifests and no schema says. Pure: documents in, complaints out, each a sentence with its place.

`RULES` are asked one by one, so that a test can say which of them saw a defect.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from tests.deploy.manifests import environment, pods, template
from worker import __version__
from worker.errors import SettingsError
from worker.settings import load
from worker.settings.names import KNOWN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tests.deploy.manifests import Doc

WORKER: Final = {"app.kubernetes.io/name": "sqs-worker", "app.kubernetes.io/component": "worker"}
MARGIN_SECONDS: Final = 5
"""What a worker's end takes beyond its drain."""
RESTRICTED_VOLUMES: Final = frozenset(
    {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}
)
SECRET_NAME: Final = re.compile(r"PASSWORD|SECRET|TOKEN|DSN|ACCESS_KEY")
LOOPBACK_KEY: Final = "demo"
"""The invented keys of the loopback, which checks none."""
AWS_NAMES: Final = frozenset({"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"})
"""Read by the SDK, not by our settings."""
PATHS: Final = {"metrics": {"/livez", "/readyz"}, "sqs": {"/_loopback/health"}}


def stops_in_time(docs: Sequence[Doc]) -> Iterator[str]:
    """The kubelet's kill comes after the worker has given everything back."""
    for where, pod in _workers(docs):
        grace = pod["spec"].get("terminationGracePeriodSeconds", 30)
        drain = load(environment(docs, pod["spec"]["containers"][0])).worker.drain_seconds
        if grace < drain + MARGIN_SECONDS:
            yield f"{where}: a grace of {grace} s is less than the drain of {drain:g} s and {MARGIN_SECONDS} s"


def settings_load(docs: Sequence[Doc]) -> Iterator[str]:
    """The worker accepts its environment, knows every name in it, and has nothing to remark."""
    for where, pod in _workers(docs):
        told = environment(docs, pod["spec"]["containers"][0])
        yield from (f"{where}: {name} is no setting" for name in told.keys() - {*KNOWN} - AWS_NAMES)
        try:
            yield from (f"{where}: {notice}" for notice in load(told).notices)
        except SettingsError as error:
            yield f"{where}: {error}"


def rows_stay(docs: Sequence[Doc]) -> Iterator[str]:
    """Whoever takes from a real queue writes to what outlives the pod."""
    for where, pod in _workers(docs):
        told = environment(docs, pod["spec"]["containers"][0])
        sink = load(told).pipelines[0].sink
        if sink in {"sqlite", "ndjson", "discard"} and told.get("AWS_SECRET_ACCESS_KEY") != LOOPBACK_KEY:
            yield f"{where}: SINK={sink} goes with the pod"


def names_itself(docs: Sequence[Doc]) -> Iterator[str]:
    """WORKER_ID is the pod's name."""
    for where, pod in _workers(docs):
        wanted = {"name": "WORKER_ID", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}
        if wanted not in pod["spec"]["containers"][0].get("env", ()):
            yield f"{where}: WORKER_ID is not the pod's name"


def images_are_pinned(docs: Sequence[Doc]) -> Iterator[str]:
    """Each image has a tag that is a version of ours, or a digest."""
    for where, pod in pods(docs):
        for container in _containers(pod):
            image = container["image"]
            if "@sha256:" not in image and not image.endswith(f"/sqs-worker-daemon:{__version__}".lstrip("/")):
                yield f"{where}: {image} is not pinned to {__version__} or a digest"


def has_no_secret(docs: Sequence[Doc]) -> Iterator[str]:
    """What is secret is referred to, never written down."""
    yield from (f"a Secret is written down: {doc['metadata']['name']}" for doc in docs if doc["kind"] == "Secret")
    for doc in docs:
        if doc["kind"] == "ConfigMap":
            yield from _written_down(doc["metadata"]["name"], doc.get("data", {}))
    for where, pod in pods(docs):
        for container in _containers(pod):
            values = {one["name"]: one["value"] for one in container.get("env", ()) if "value" in one}
            yield from _written_down(where, values)


def _written_down(where: str, values: dict[str, str]) -> Iterator[str]:
    for name, value in values.items():
        if SECRET_NAME.search(name) and value != LOOPBACK_KEY:
            yield f"{where}: {name} is written down"


def is_restricted(docs: Sequence[Doc]) -> Iterator[str]:
    """Every pod is admitted by the level `restricted` of the pod security standards, and has a read-only root."""
    for where, pod in pods(docs):
        spec, security = pod["spec"], pod["spec"].get("securityContext", {})
        yield from (f"{where}: {word} is shared" for word in ("hostNetwork", "hostPID", "hostIPC") if spec.get(word))
        if security.get("runAsNonRoot") is not True or security.get("runAsUser", 1) == 0:
            yield f"{where}: may run as root"
        if security.get("seccompProfile", {}).get("type") not in {"RuntimeDefault", "Localhost"}:
            yield f"{where}: no seccomp profile"
        for volume in spec.get("volumes", ()):
            yield from (f"{where}: volume {k}" for k in volume.keys() - {"name"} - RESTRICTED_VOLUMES)
        for container in _containers(pod):
            yield from (f"{where}: {complaint}" for complaint in _unlocked(container.get("securityContext", {})))
            yield from (f"{where}: hostPort" for port in container.get("ports", ()) if "hostPort" in port)


def _unlocked(security: Doc) -> Iterator[str]:
    if security.get("allowPrivilegeEscalation") is not False or security.get("privileged"):
        yield "privileges may grow"
    if security.get("capabilities") != {"drop": ["ALL"]}:
        yield "capabilities are kept"
    if security.get("readOnlyRootFilesystem") is not True:
        yield "the root can be written to"


def has_no_token(docs: Sequence[Doc]) -> Iterator[str]:
    """Nobody here speaks to Kubernetes, so nobody has its token, nor the variables of its Services."""
    for where, pod in pods(docs):
        if pod["spec"].get("automountServiceAccountToken") is not False:
            yield f"{where}: has a token of Kubernetes"
        if pod["spec"].get("enableServiceLinks") is not False:
            yield f"{where}: has the variables of Services"
    for doc in docs:
        if doc["kind"] == "ServiceAccount" and doc.get("automountServiceAccountToken") is not False:
            yield f"ServiceAccount/{doc['metadata']['name']}: hands out a token of Kubernetes"


def is_bounded(docs: Sequence[Doc]) -> Iterator[str]:
    """Every container asks for CPU and memory and has a limit of memory; the worker those of the plan."""
    for where, pod in pods(docs):
        for container in _containers(pod):
            resources = container.get("resources", {})
            if not {"cpu", "memory"} <= resources.get("requests", {}).keys() or "memory" not in resources.get(
                "limits", {}
            ):
                yield f"{where}: {container['name']} has no bounds"
    for where, pod in _workers(docs):
        resources = pod["spec"]["containers"][0].get("resources", {})
        asked = resources.get("requests", {}).get("cpu"), resources.get("requests", {}).get("memory")
        if (*asked, resources.get("limits", {}).get("memory")) != ("250m", "512Mi", "1Gi"):
            yield f"{where}: not 250m and 512Mi, at most 1Gi"


def is_probed(docs: Sequence[Doc]) -> Iterator[str]:
    """What runs for long has all three probes, at a port and a path that are served."""
    for where, pod in pods(docs):
        for container in _containers(pod):
            ports = {port["name"] for port in container.get("ports", ())}
            probes = {name: container.get(f"{name}Probe") for name in ("startup", "liveness", "readiness")}
            missing = [name for name, probe in probes.items() if probe is None]
            if missing and not where.startswith("Job/"):
                yield f"{where}: no {' and no '.join(missing)} probe"
            for name, probe in probes.items():
                asked = (probe or {}).get("httpGet")
                if asked and (asked["port"] not in ports or asked["path"] not in PATHS[asked["port"]]):
                    yield f"{where}: nobody answers its {name} probe at {asked['port']} {asked['path']}"


def liveness_asks_nobody_else(docs: Sequence[Doc]) -> Iterator[str]:
    """A restart mends no queue and no sink: only readiness asks about those."""
    for where, pod in _workers(docs):
        container = pod["spec"]["containers"][0]
        for name in ("startup", "liveness"):
            if container.get(f"{name}Probe", {}).get("httpGet", {}).get("path") == "/readyz":
                yield f"{where}: {name} asks /readyz"


def has_one_who_scales(docs: Sequence[Doc]) -> Iterator[str]:
    """A Deployment's number is set by one only: itself or one autoscaler."""
    for doc in docs:
        if doc["kind"] != "Deployment":
            continue
        name = doc["metadata"]["name"]
        scalers = [
            other["kind"]
            for other in docs
            if other["kind"] in {"HorizontalPodAutoscaler", "ScaledObject"}
            and other["spec"]["scaleTargetRef"]["name"] == name
        ]
        scalers += ["its own replicas"] if "replicas" in doc["spec"] else []
        if len(scalers) != 1:
            yield f"Deployment/{name} is scaled by {' and '.join(scalers) or 'nobody'}"


def selects_its_pods(docs: Sequence[Doc]) -> Iterator[str]:
    """Whatever selects pods finds some, by labels that they have."""
    labels = [pod["metadata"]["labels"] for _, pod in pods(docs)]
    for doc in docs:
        for selector in _selectors(doc):
            if not selector or not any(selector.items() <= found.items() for found in labels):
                yield f"{doc['kind']}/{doc['metadata']['name']} selects no pod: {selector}"


def _selectors(doc: Doc) -> Iterator[dict[str, str]]:
    spec = doc.get("spec", {})
    if doc["kind"] in {"Deployment", "PodDisruptionBudget", "PodMonitor"}:
        yield spec["selector"]["matchLabels"]
    if doc["kind"] == "Service":
        yield spec["selector"]
    if doc["kind"] == "NetworkPolicy":
        yield spec["podSelector"]["matchLabels"]
    for spread in (template(doc) or {}).get("spec", {}).get("topologySpreadConstraints", ()):
        yield spread["labelSelector"]["matchLabels"]


def asks_known_ports(docs: Sequence[Doc]) -> Iterator[str]:
    """Ports that are named are ports of a container."""
    named = {port["name"] for _, pod in pods(docs) for one in _containers(pod) for port in one.get("ports", ())}
    for doc in docs:
        spec = doc.get("spec", {})
        asked = [one["port"] for one in spec.get("podMetricsEndpoints", ())]
        asked += [one["targetPort"] for one in spec.get("ports", ()) if doc["kind"] == "Service"]
        if doc["kind"] == "NetworkPolicy":
            asked += [port["port"] for rule in spec["ingress"] for port in rule["ports"]]
        yield from (f"{doc['kind']}: no port {name}" for name in asked if name not in named)


def is_labelled(docs: Sequence[Doc]) -> Iterator[str]:
    """Workloads and their pods say what they are part of, by the labels that everybody's tools know."""
    for doc in docs:
        made = template(doc)
        for labels in (doc["metadata"].get("labels", {}), made["metadata"].get("labels", {})) if made else ():
            if not WORKER.keys() <= labels.keys():
                yield f"{doc['kind']}/{doc['metadata']['name']}: no {' or '.join(WORKER)}"


def namespaces_are_restricted(docs: Sequence[Doc]) -> Iterator[str]:
    """Every namespace that is made enforces `restricted`, and everything is in it."""
    made = {doc["metadata"]["name"]: doc for doc in docs if doc["kind"] == "Namespace"}
    for name, doc in made.items():
        if doc["metadata"].get("labels", {}).get("pod-security.kubernetes.io/enforce") != "restricted":
            yield f"namespace {name} does not enforce restricted"
    for doc in docs:
        if made and doc["kind"] != "Namespace" and doc["metadata"].get("namespace") not in made:
            yield f"{doc['kind']}/{doc['metadata']['name']} is in no namespace that is made here"


def evictions_go_on(docs: Sequence[Doc]) -> Iterator[str]:
    """A drained node is neither held up for ever nor takes all workers at once."""
    for doc in docs:
        if doc["kind"] == "PodDisruptionBudget":
            most = str(doc["spec"].get("maxUnavailable", ""))
            if not most.endswith("%") or not 0 < int(most[:-1]) <= 50:
                yield f"PodDisruptionBudget: maxUnavailable {most or 'is not set'}"
            if doc["spec"].get("unhealthyPodEvictionPolicy") != "AlwaysAllow":
                yield "PodDisruptionBudget: workers that are not ready hold up a drain"


RULES: Final[tuple[Callable[[Sequence[Doc]], Iterator[str]], ...]] = (
    stops_in_time,
    settings_load,
    rows_stay,
    names_itself,
    images_are_pinned,
    has_no_secret,
    is_restricted,
    has_no_token,
    is_bounded,
    is_probed,
    liveness_asks_nobody_else,
    has_one_who_scales,
    selects_its_pods,
    asks_known_ports,
    is_labelled,
    namespaces_are_restricted,
    evictions_go_on,
)


def complaints(docs: Sequence[Doc]) -> dict[str, list[str]]:
    """Rule → what it has against *docs*; rules that have nothing are left out."""
    return {rule.__name__: found for rule in RULES if (found := list(rule(docs)))}


def _containers(pod: Doc) -> list[Doc]:
    return [*pod["spec"].get("initContainers", ()), *pod["spec"]["containers"]]


def _workers(docs: Sequence[Doc]) -> Iterator[tuple[str, Doc]]:
    for where, pod in pods(docs):
        if pod["metadata"]["labels"].items() >= WORKER.items():
            yield where, pod
