"""A whole cluster on this machine: the real control plane, stand-in nodes that run processes, Services, the adapter.

Takes the binary and an empty folder; gives `kubectl`, and the API by paths. Everything ends with the `with` block.
"""

from __future__ import annotations

import base64
import json
import os
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tests.cluster.control_plane import NODES, ControlPlane, free_port
from tests.cluster.programs import Gone, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.cluster.api import Object

ROOT: Final = Path(__file__).parents[2]
MANIFESTS: Final = Path(__file__).parent / "manifests"
PATIENCE_SECONDS: Final = 300.0
RULES: Final = "/apis/rbac.authorization.k8s.io/v1"


class Refused(AssertionError):
    """`kubectl` ended with an error: what it printed."""


class Cluster:
    """Made by `cluster`."""

    def __init__(self, binary: Path, folder: Path) -> None:
        self.folder = folder
        self._plane = ControlPlane(binary, folder)
        self._context: ssl.SSLContext | None = None

    def start(self) -> None:
        """Returns when every node is ready and the metrics API answers."""
        self._plane.start()
        here = self._plane.certificates
        self._context = ssl.create_default_context(cafile=str(here / "ca.pem"))
        self._context.load_cert_chain(here / "admin.pem", here / "admin-key.pem")
        whom = ["--server", self._plane.server, "--certificates", str(here)]
        self._allow()
        for at, (name, zone) in enumerate(zip(NODES, "abc", strict=True)):
            place = ["--name", name, "--zone", zone, "--folder", str(self.nodes), "--network", f"127.{81 + at}"]
            self._run(f"node-{name}", "tests.cluster.node", *place, *whom)
        self._run("services", "tests.cluster.services", *whom)
        port = free_port()
        self._run("adapter", "tests.cluster.adapter", "--port", str(port), *whom)
        self._register_adapter(port)
        self.until(lambda: len(self._ready_nodes()) == len(NODES), "every node is ready")
        self.until(self._metrics_served, "the metrics API is available")

    def stop(self) -> None:
        """End every program; the pods' processes end with their nodes."""
        self._plane.stop()

    @property
    def nodes(self) -> Path:
        """Where the nodes keep the logs and the journal of their containers."""
        return self.folder / "nodes"

    def kubectl(self, *arguments: str, given: object = None) -> str:
        """What `kubectl` prints; *given* is its input, as JSON.

        Raises:
            Refused: it ended with an error.
        """
        done = subprocess.run(
            [
                "kubectl",
                "--kubeconfig",
                str(self._plane.kubeconfig),
                "--cache-dir",
                str(self.folder / "kubectl"),
                *arguments,
            ],
            input=None if given is None else json.dumps(given),
            capture_output=True,
            text=True,
            check=False,
            cwd=ROOT,
            timeout=PATIENCE_SECONDS,
        )
        if done.returncode:
            raise Refused(f"kubectl {' '.join(arguments)}: {done.stderr}")
        return done.stdout

    def ask(self, path: str, body: object = None) -> Object:
        """GET *path* of the API, or POST *body* to it.

        Raises:
            urllib.error.HTTPError: the server refused.
        """
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._plane.server + path, data, {"Content-Type": "application/json"})  # noqa: S310 - our own server
        with urllib.request.urlopen(request, timeout=60, context=self._context) as answer:  # noqa: S310 - as above
            found: Object = json.load(answer)
            return found

    def until(self, holds: Callable[[], object], what: str, *, seconds: float = PATIENCE_SECONDS) -> None:
        """Wait until *holds()*, as long as all programs run."""
        until(holds, what, seconds=seconds, programs=self._plane.programs)

    def journal(self) -> list[Object]:
        """How every container ended so far."""
        path = self.nodes / "journal.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def _run(self, name: str, module: str, *arguments: str) -> None:
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        self._plane.run(name, [sys.executable, "-m", module, *arguments], environment)

    def _allow(self) -> None:
        """What our own stand-ins may read."""
        rules = [{"apiGroups": [""], "resources": ["pods", "services"], "verbs": ["get", "list", "watch"]}]
        self.ask(f"{RULES}/clusterroles", _object("rbac.authorization.k8s.io/v1", "ClusterRole", "check", rules=rules))
        reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "check"}
        users = [
            {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": f"check:{name}"}
            for name in ("services", "adapter")
        ]
        binding = _object(
            "rbac.authorization.k8s.io/v1", "ClusterRoleBinding", "check", roleRef=reference, subjects=users
        )
        self.ask(f"{RULES}/clusterrolebindings", binding)

    def _register_adapter(self, port: int) -> None:
        """An aggregated API outside the cluster: a Service that is the name of this machine."""
        self.ask("/api/v1/namespaces", _object("v1", "Namespace", "monitoring"))
        outside = {"type": "ExternalName", "externalName": "localhost"}
        self.ask("/api/v1/namespaces/monitoring/services", _object("v1", "Service", "adapter", spec=outside))
        spec = {
            "group": "external.metrics.k8s.io",
            "version": "v1beta1",
            "groupPriorityMinimum": 100,
            "versionPriority": 100,
            "service": {"namespace": "monitoring", "name": "adapter", "port": port},
            "caBundle": base64.b64encode((self._plane.certificates / "ca.pem").read_bytes()).decode(),
        }
        wanted = _object("apiregistration.k8s.io/v1", "APIService", "v1beta1.external.metrics.k8s.io", spec=spec)
        self.ask("/apis/apiregistration.k8s.io/v1/apiservices", wanted)

    def _ready_nodes(self) -> list[str]:
        return [
            node["metadata"]["name"]
            for node in self.ask("/api/v1/nodes")["items"]
            if holds(node, "Ready") and not node["spec"].get("taints")
        ]

    def _metrics_served(self) -> bool:
        return holds(
            self.ask("/apis/apiregistration.k8s.io/v1/apiservices/v1beta1.external.metrics.k8s.io"), "Available"
        )


def _object(version: str, kind: str, name: str, **rest: Any) -> Object:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name}, **rest}


def holds(thing: Object, condition: str) -> bool:
    """Whether a condition of *thing* is true."""
    told = thing.get("status", {}).get("conditions") or []
    return any(each["type"] == condition and each["status"] == "True" for each in told)


@contextmanager
def cluster(binary: Path, folder: Path) -> Iterator[Cluster]:
    """A cluster that ends with the block, with its logs in *folder*."""
    made = Cluster(binary, folder)
    try:
        made.start()
        yield made
    except Gone as gone:
        raise Gone(f"{gone}\nlogs are in {folder}") from gone
    finally:
        made.stop()
