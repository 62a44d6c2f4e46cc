"""k8s/ without any tool: every file is used, every setting is one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import pytest
import yaml

from tests.deploy.prometheusrule import FILE, rendered
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
