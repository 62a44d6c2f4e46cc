"""docs/deploy/kubernetes.md says what is so: commands name what is there, numbers add up."""

from __future__ import annotations

import math
import re
import shlex
from typing import TYPE_CHECKING, Final

import pytest

from tests.deploy.manifests import K8S, built, one
from tests.words.pages import ROOT

if TYPE_CHECKING:
    from tests.deploy.manifests import Doc

PAGE: Final = ROOT.joinpath("docs/deploy/kubernetes.md").read_text(encoding="utf-8")
PROSE: Final = " ".join(PAGE.split())
OVERLAYS: Final = {"sqs-worker-dev": "dev", "sqs-worker": "prod"}
MADE_BY_HAND: Final = {"worker-postgres"}
VERBS: Final = {"annotate", "apply", "create", "delete", "get", "logs", "patch", "rollout", "set", "wait"}
KINDS: Final = {"deployment": "Deployment", "job": "Job", "scaledobject": "ScaledObject"}
INTO: Final = 600_000 / 86_400
SECONDS: Final = {"s": 1, "min": 60, "h": 3_600, "days": 86_400}


def typed() -> list[list[str]]:
    """Every kubectl command of the page, as words; also those in backquotes and in blocks of a list."""
    blocks = re.findall(r"^ *```sh\n(.*?)^ *```$", PAGE, re.MULTILINE | re.DOTALL)
    lines = [line.strip() for block in blocks for line in block.splitlines()]
    lines += [" ".join(text.split()) for text in re.findall(r"`(kubectl [^`]+)`", PAGE)]
    return [shlex.split(line) for line in lines if line.startswith("kubectl ")]


@pytest.fixture(scope="module")
def overlays() -> dict[str, list[Doc]]:
    """Both, built, by their namespace."""
    return {namespace: built(K8S / "overlays" / name) for namespace, name in OVERLAYS.items()}


def option(words: list[str], *names: str) -> str | None:
    """The value of an option."""
    return next((words[at + 1] for at, word in enumerate(words[:-1]) if word in names), None)


def test_commands_name_files_and_verbs_that_are_there() -> None:
    """Folders and files behind -k and -f exist."""
    assert len(typed()) > 12
    for words in typed():
        if (path := option(words, "-k", "-f")) is not None:
            assert ROOT.joinpath(path).exists(), words
        assert VERBS & set(words), words


@pytest.mark.deploy("kubectl")
def test_commands_name_what_the_overlays_make(overlays: dict[str, list[Doc]]) -> None:
    """Namespaces, and kinds by their names in them."""
    asked = 0
    for words in typed():
        if (namespace := option(words, "--namespace")) is not None:
            named = [found for word in words if (found := re.fullmatch(r"(deployment|job|scaledobject)/(\w+)", word))]
            for found in named:
                one(overlays[namespace], KINDS[found[1]], found[2])
                asked += 1
    assert asked > 6


@pytest.mark.deploy("kubectl")
def test_the_addresses_that_are_asked_through_the_server_are_served(overlays: dict[str, list[Doc]]) -> None:
    """A Service and its port, and the port of the worker's pods."""
    (path,) = re.findall(r"/api/v1/namespaces/\S+/services/\S+", PAGE)
    namespace, service = path.split("/")[4], path.split("/")[6]
    name, port = service.split(":")
    assert port in {served["name"] for served in one(overlays[namespace], "Service", name)["spec"]["ports"]}
    container = one(overlays["sqs-worker"], "Deployment")["spec"]["template"]["spec"]["containers"][0]
    assert f"/pods/POD:{container['ports'][0]['containerPort']}/proxy/status" in PAGE


@pytest.mark.deploy("kubectl")
def test_the_numbers_of_the_page_are_those_of_the_manifests(overlays: dict[str, list[Doc]]) -> None:
    """Grace, drain, bounds and target."""
    docs = overlays["sqs-worker"]
    pod, scaled = one(docs, "Deployment")["spec"]["template"]["spec"], one(docs, "ScaledObject")["spec"]
    drain = one(docs, "ConfigMap", "worker-settings")["data"]["WORKER_DRAIN_SECONDS"]
    assert (
        f"The grace of a pod is {pod['terminationGracePeriodSeconds']} s, above `WORKER_DRAIN_SECONDS` ({drain})"
        in PROSE
    )
    assert f"at least {scaled['fallback']['replicas']} (HPA) or {scaled['minReplicaCount']} (KEDA)" in PROSE
    assert f"at most {scaled['maxReplicaCount']}" in PROSE
    assert f"T + 2,500 = {int(scaled['triggers'][0]['metadata']['queueLength']):,}" in PROSE
    assert f"It looks every {scaled['pollingInterval']} s" in PROSE


def grown(workers: int, policy: Doc) -> int:
    """How many there may be after a period of *policy*."""
    more = policy["value"] if policy["type"] == "Pods" else workers * policy["value"] // 100
    return int(workers + more)


@pytest.mark.deploy("kubectl")
def test_the_steps_from_nothing_are_those_of_the_behaviour(overlays: dict[str, list[Doc]]) -> None:
    """One worker by KEDA, then the most that any policy of the HPA behind it allows, each 15 s."""
    scaled = one(overlays["sqs-worker"], "ScaledObject")["spec"]
    up = scaled["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]["scaleUp"]
    assert {policy["periodSeconds"] for policy in up["policies"]} == {15}
    steps = [1]
    while steps[-1] < 28:
        steps.append(min(28, max(grown(steps[-1], policy) for policy in up["policies"])))
    assert f"every 15 s: {', '.join(map(str, steps))}." in PROSE


def seconds(text: str) -> float:
    """A time as the page says it: `2 h 47 min`, `54 h`, `3 min`."""
    return sum(float(number) * SECONDS[unit] for number, unit in re.findall(r"([\d.]+) (s|min|h|days)", text))


def row(rate: float, target: float = 100_000, least: int = 10, depth: float = 2_800_000) -> tuple[float, float]:
    """Seconds while the number of workers follows the depth, and after it: the rule, step by step."""
    times, follows = [0.0, 0.0], True
    step = target / rate / 1_000
    while depth > 0:
        workers = max(least, math.ceil(depth / target))
        follows = depth > least * target
        times[0 if follows else 1] += step
        depth += (INTO - workers * rate) * step
    return times[0], times[1]


def test_the_table_of_the_backlog_is_what_comes_of_its_rates() -> None:
    """Each time is within a tenth of a simulation of the rule, or what it is rounded to."""
    rows = re.findall(r"^\| (\d+)[^|]*\| ([^|]+)\| [\d,]+[^|]*\| ([^|]+)\| ([^|]+)\| ([^|]+)\|$", PAGE, re.MULTILINE)
    assert [int(found[0]) for found in rows] == [1, 10, 100, 500]
    for rate, patience, following, rest, whole in rows:
        first, second = row(float(rate))
        made = (100_000 / float(rate), first, second, first + second)
        for text, value in zip((patience, following, rest, whole), made, strict=True):
            coarse = SECONDS[text.split()[-1]]
            assert seconds(text) == pytest.approx(value, rel=0.1, abs=0.6 * coarse), (rate, text, value)
