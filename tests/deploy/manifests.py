"""The manifests of k8s/, built as `kubectl apply -k` would, and what stands in them.

Takes folders of the repository or copies of them with one line changed; gives documents. Reads, applies nothing.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any, Final

import yaml

from tests.deploy.tools import run
from tests.words.pages import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

K8S: Final = ROOT / "k8s"
Doc = dict[str, Any]


def documents(text: str) -> list[Doc]:
    """Those of a stream of YAML."""
    return [one for one in yaml.load_all(text, Loader=yaml.CSafeLoader) if one is not None]


def built(folder: Path) -> list[Doc]:
    """What the kustomization in *folder* makes."""
    return documents(run("kubectl", "kustomize", folder))


def copy_of(folder: Path) -> Path:
    """k8s/ in *folder*, to be changed."""
    return shutil.copytree(K8S, folder / "k8s")


def base_with(folder: Path, components: Sequence[str]) -> Path:
    """A kustomization of the base and *components* in a copy under *folder*."""
    overlay = copy_of(folder) / "overlays" / "tried"
    overlay.mkdir()
    listed = "".join(f"  - ../../components/{name}\n" for name in components)
    overlay.joinpath("kustomization.yaml").write_text(
        "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [../../base]\n"
        + (f"components:\n{listed}" if listed else "")
    )
    return overlay


def production_with(folder: Path, *, lines: dict[str, str]) -> Path:
    """overlays/prod in a copy under *folder*, with components that *lines* names put in the place of others."""
    overlay = copy_of(folder) / "overlays" / "prod"
    file = overlay / "kustomization.yaml"
    text = file.read_text()
    for there, instead in lines.items():
        (line,) = (one for one in text.splitlines() if one.startswith(f"  - ../../components/{there}"))
        text = text.replace(line, f"  - ../../components/{instead}")
    file.write_text(text)
    return overlay


def one(docs: Sequence[Doc], kind: str, name: str = "worker") -> Doc:
    """The only document of *kind* and *name*; the hash behind a generated name does not count."""
    (found,) = (
        doc
        for doc in docs
        if doc["kind"] == kind and (doc["metadata"]["name"] == name or doc["metadata"]["name"].startswith(f"{name}-"))
    )
    return found


def kinds(docs: Sequence[Doc]) -> list[str]:
    """The kind of each, in order."""
    return [doc["kind"] for doc in docs]


def template(doc: Doc) -> Doc | None:
    """The pods that *doc* makes, None if it makes none."""
    if doc["kind"] == "ScaledJob":
        found: Doc = doc["spec"]["jobTargetRef"]["template"]
        return found
    if doc["kind"] in {"Deployment", "Job"}:
        of_workload: Doc = doc["spec"]["template"]
        return of_workload
    return None


def pods(docs: Sequence[Doc]) -> Iterator[tuple[str, Doc]]:
    """Who makes pods, and their template."""
    for doc in docs:
        if (made := template(doc)) is not None:
            yield f"{doc['kind']}/{doc['metadata']['name']}", made


def environment(docs: Sequence[Doc], container: Doc) -> dict[str, str]:
    """What the container is told, by name; what a Secret or the pod says is stood in for."""
    told: dict[str, str] = {}
    for source in container.get("envFrom", ()):
        if "configMapRef" in source:
            told |= one(docs, "ConfigMap", source["configMapRef"]["name"])["data"]
    for variable in container.get("env", ()):
        told[variable["name"]] = variable.get("value") or _stand_in(variable["valueFrom"])
    return told


def _stand_in(source: Doc) -> str:
    if "secretKeyRef" in source:
        return "postgresql://worker:any@postgres.sqs-worker.svc:5432/orders"
    assert source == {"fieldRef": {"fieldPath": "metadata.name"}}, source
    return "worker-7c9d8b6f4d-x2x7q"
