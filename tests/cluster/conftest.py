"""One cluster for all tests of this folder, which `make cluster-check` runs and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.cluster.build import build
from tests.cluster.cluster import Cluster, cluster, holds
from tests.cluster.namespace import Namespace, namespace

if TYPE_CHECKING:
    from collections.abc import Iterator

TEST_SECONDS = 600
"""For one test: some wait for minutes of an autoscaler's time, and the first builds the control plane."""
DEFINITIONS = "tests/deploy/crds"
KINDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """None of them is quick."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.timeout(TEST_SECONDS, func_only=True))


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """The cluster, with the kinds of KEDA and of the Prometheus operator."""
    with cluster(build(), tmp_path_factory.mktemp("cluster")) as made:
        made.kubectl("apply", "--server-side", "-f", DEFINITIONS)
        made.until(
            lambda: all(holds(each, "Established") for each in made.ask(KINDS)["items"]), "the kinds are established"
        )
        yield made


@pytest.fixture(scope="module")
def workers(cloud: Cluster) -> Iterator[Namespace]:
    """Two workers of k8s/base, up to ten by its autoscaler, on a loopback in their namespace."""
    keeper = Namespace(cloud, "scaling")
    keeper.keep_rows()
    with namespace(cloud, "scaling", "tests/cluster/manifests/scaling") as made:
        made.cluster.until(lambda: len(made.ready()) >= 2, "two workers are ready")
        yield made
