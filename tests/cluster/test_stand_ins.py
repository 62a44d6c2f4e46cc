"""The parts of the stand-in node and adapter that need no cluster: they would make every check on one worthless."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

from tests.cluster.adapter import largest, selected
from tests.cluster.node.container import Container, Recipe
from tests.cluster.node.environment import Configuration, NoConfig, expand, resolve
from tests.cluster.node.images import NoImage, find
from tests.cluster.node.surroundings import Surroundings

if TYPE_CHECKING:
    from tests.cluster.api import Api, Object


class Stored:
    """An API server with one ConfigMap."""

    async def get(self, path: str) -> Object:
        """It."""
        assert path == "/api/v1/namespaces/shop/configmaps/settings"
        return {"data": {"SINK": "sqlite", "LEVEL": "low"}}


POD: Any = {"metadata": {"name": "worker-1", "labels": {"app": "w"}}, "status": {"podIP": "127.81.0.1"}}


async def resolved(container: Object) -> dict[str, str]:
    return await resolve(container, POD, Configuration(cast("Api", Stored()), "shop"), {"LEVEL": "image"})


async def test_a_variable_is_resolved_as_the_kubelet_does_it() -> None:
    """The image's, then envFrom, then env in its order, with fields of the pod and references to what came before."""
    env: list[Object] = [
        {"name": "WORKER_ID", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        {"name": "APP", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['app']"}}},
        {"name": "LEVEL", "value": "$(WORKER_ID)-high"},
    ]
    found = await resolved({"envFrom": [{"configMapRef": {"name": "settings"}}], "env": env})
    assert found == {"SINK": "sqlite", "WORKER_ID": "worker-1", "APP": "w", "LEVEL": "worker-1-high"}


@pytest.mark.parametrize(
    "source",
    [
        {"configMapKeyRef": {"name": "settings", "key": "NO"}},
        {"fieldRef": {"fieldPath": "metadata.no"}},
        {"resourceFieldRef": {"resource": "limits.cpu"}},
    ],
)
async def test_what_cannot_be_resolved_is_an_error(source: Object) -> None:
    """A reference that leads nowhere starts no container with a hole in its environment."""
    with pytest.raises(NoConfig):
        await resolved({"env": [{"name": "X", "valueFrom": source}]})


def test_references_are_expanded_once() -> None:
    """$(NAME) of a known name, $$ for a dollar sign, and an unknown name stays as it was written."""
    assert expand("$(A)/$(B)/$$(A)/$", {"A": "$(A)"}) == "$(A)/$(B)/$(A)/$"


def test_a_text_is_translated_for_a_process_without_a_container() -> None:
    """The pod's own address, a Service by each of its names, and the folder of a volume; not what looks alike."""
    services = {("shop", "loopback"): "127.96.0.9", ("far", "queue"): "127.96.0.7"}
    mounts = {"/data": Path("/v/data"), "/data/in": Path("/v/in"), "/v": Path("/w/v")}
    around = Surroundings("127.81.0.1", "shop", mounts, services)
    for text, means in {
        "0.0.0.0": "127.81.0.1",  # noqa: S104 - the text of a manifest
        "http://127.0.0.1:9324/x": "http://127.81.0.1:9324/x",
        "http://loopback:9324/000000000000/orders": "http://127.96.0.9:9324/000000000000/orders",
        "loopback.shop.svc.cluster.local:9324": "127.96.0.9:9324",
        "http://queue.far.svc:1": "http://127.96.0.7:1",
        "queue:1": "queue:1",
        "my-loopback:1": "my-loopback:1",
        "loopback": "loopback",
        "/data/in/a /data/b": "/v/in/a /v/data/b",
        "/database /x/data": "/database /x/data",
        "/v/data": "/w/v/data",
        "postgresql://u:p@machine.internal:5432/d": "postgresql://u:p@127.0.0.1:5432/d",
    }.items():
        assert around.translate(text) == means


async def test_a_process_that_ignores_sigterm_is_killed_when_its_grace_is_over(tmp_path: Path) -> None:
    """And the journal says 137, without which "every worker ended with 0" would prove nothing."""
    ends: list[Object] = []
    running = asyncio.Event()
    container = Container({"name": "deaf", "image": "none"}, "127.0.0.1", "Always", running.set, ends.append)
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
    recipe = Recipe([sys.executable, "-c", deaf], {"PATH": os.environ["PATH"]}, tmp_path, tmp_path / "log")
    living = asyncio.create_task(container.run(recipe))
    async with asyncio.timeout(60):
        while not (recipe.log.exists() and "up" in recipe.log.read_text()):  # noqa: ASYNC110 - a file tells nobody
            await asyncio.sleep(0.02)
        assert "running" in container.state
        await container.stop(1.0)
        await living
    assert [(each["exitCode"], each["asked"]) for each in ends] == [(137, True)]
    assert container.restarts == 0


async def test_a_container_that_fails_is_started_again(tmp_path: Path) -> None:
    """Under a restart policy that wants it, with the count that the API server shows; the journal has each end."""
    ends: list[Object] = []
    container = Container({"name": "ill", "image": "none"}, "127.0.0.1", "OnFailure", lambda: None, ends.append)
    script = "test -e again && exit 0; touch again; exit 3"
    recipe = Recipe(["sh", "-c", script], {"PATH": os.environ["PATH"]}, tmp_path, tmp_path / "log")
    async with asyncio.timeout(60):
        await container.run(recipe)
    assert ([each["exitCode"] for each in ends], container.restarts) == ([3, 0], 1)


def test_an_image_is_what_the_dockerfile_says() -> None:
    """The worker's image under any registry and tag runs the Dockerfile's command; no other image is there."""
    image = find("123456789012.dkr.ecr.eu-central-1.amazonaws.com:443/sqs-worker-daemon:0.1.0")
    assert (image.entrypoint, image.command, image.environment["METRICS_PORT"]) == (("worker",), ("run",), "9100")
    with pytest.raises(NoImage):
        find("docker.io/library/nginx:1")


def test_the_adapter_takes_the_largest_and_never_the_sum() -> None:
    """Every worker reports the same queue, so two of them do not make it twice as deep."""
    pages = [
        f'# HELP x\nsqs_queue_messages{{queue="orders",state="visible"}} {depth}\nother 1\n' for depth in (40, 70, 55)
    ]
    found = largest(pages)
    assert found == {(("queue", "orders"), ("state", "visible")): 70}
    labels = dict(next(iter(found)))
    assert selected(labels, "queue=orders,state=visible")
    assert not selected(labels, "queue=orders,state=delayed")
