"""The overlays on a real API server, controller manager and scheduler: taken unedited, and their pods at work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.cluster.cluster import Refused
from tests.cluster.namespace import Namespace, namespace
from tests.cluster.node.surroundings import MACHINE
from tests.system.postgres import postgres

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cluster.cluster import Cluster

pytestmark = pytest.mark.cluster
DEV = "sqs-worker-dev"
PROD = "sqs-worker"
PRODUCED = 100_000
"""By the producer of k8s/overlays/dev."""
WANTED = 10


@pytest.fixture(scope="module")
def dev(cloud: Cluster) -> Iterator[Namespace]:
    with namespace(cloud, DEV, "k8s/overlays/dev") as made:
        yield made


def test_dev_needs_no_edit_and_drains_its_own_queue(dev: Namespace) -> None:
    """`kubectl apply -k` and nothing else: workers become ready, the producer ends, every order is deleted."""
    dev.cluster.until(lambda: len(dev.ready()) == 2, "two workers are ready")
    dev.cluster.until(lambda: dev.settled(PRODUCED), f"{PRODUCED} orders are deleted")
    job = f"/apis/batch/v1/namespaces/{DEV}/jobs/producer"
    dev.cluster.until(lambda: dev.cluster.ask(job)["status"].get("succeeded") == 1, "the producer's job is complete")
    books = dev.books()
    assert (books["sent"], books["deleted"], books["moved"]) == (PRODUCED, PRODUCED, 0)
    assert not [pod for pod in dev.pods() if any(each["restartCount"] for each in pod["status"]["containerStatuses"])]


def test_prod_needs_no_edit(cloud: Cluster) -> None:
    """Every kind is taken as it stands, KEDA's and the operator's too; the pod says that it waits for your Secret."""
    with namespace(cloud, PROD, "k8s/overlays/prod") as prod:
        cloud.until(lambda: "worker-postgres" in why_waiting(prod), "the worker says that it waits for its Secret")
        kinds = ("scaledobject", "podmonitor", "prometheusrule", "networkpolicy", "poddisruptionbudget")
        for kind in kinds:
            assert prod.kubectl("get", kind, "--output=name").strip(), kind


def why_waiting(namespace: Namespace) -> str:
    """Why containers of workers wait, other than that they are being created."""
    states = [each["state"] for pod in namespace.pods() for each in pod["status"].get("containerStatuses", [])]
    return " ".join(state["waiting"].get("message", "") for state in states if "waiting" in state)


def test_prod_drains_a_queue_into_a_database(cloud: Cluster, dev: Namespace) -> None:
    """With a queue and a PostgreSQL of this machine: ten workers are ready, and every order is in one row."""
    before = dev.books()["deleted"]
    with postgres() as database:
        secret = {"dsn": database.dsn.replace("127.0.0.1", MACHINE)}
        dev.kubectl("scale", "deployment/worker", "--replicas=0")
        dev.cluster.until(lambda: not dev.pods(), "the workers of dev are gone")
        with namespace(cloud, PROD, "tests/cluster/manifests/prod") as prod:
            made: dict[str, Any] = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "worker-postgres"}}
            prod.kubectl("apply", "-f", "-", given=made | {"stringData": secret})
            prod.kubectl("scale", "deployment/worker", f"--replicas={WANTED}")
            cloud.until(lambda: len(prod.ready()) == WANTED, f"{WANTED} workers are ready")
            dev.send(3000, seed=7)
            cloud.until(lambda: dev.settled(before + 3000), "every order is deleted")
            assert database.sql("SELECT count(*), count(DISTINCT body::json->>'order_id') FROM messages") == [
                "3000|3000"
            ]
            prod.kubectl("scale", "deployment/worker", "--replicas=0")
            cloud.until(lambda: not prod.pods(), "the workers are gone")
            assert [each["exitCode"] for each in prod.ended()] == [0] * WANTED


def test_a_namespace_lets_no_privileged_pod_in(dev: Namespace) -> None:
    """The label of the overlay's namespace is enforced by the server's own admission: a root container is refused."""
    container = {"name": "worker", "image": "sqs-worker-daemon:0.1.0", "securityContext": {"privileged": True}}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "root"}, "spec": {"containers": [container]}}
    with pytest.raises(Refused, match='violates PodSecurity "restricted'):
        dev.kubectl("apply", "-f", "-", given=pod)


def test_a_misspelt_field_of_keda_is_refused(cloud: Cluster) -> None:
    """The check on the kinds of others can fail: a field that the published definition does not have is named."""
    written = yaml.safe_load_all(cloud.kubectl("kustomize", "k8s/overlays/prod"))
    one = next(item for item in written if item["kind"] == "ScaledObject")
    one["spec"]["maxReplicas"] = 30
    one["metadata"]["namespace"] = "default"
    with pytest.raises(Refused, match="maxReplicas"):
        cloud.kubectl("apply", "--validate=strict", "-f", "-", given=one)
