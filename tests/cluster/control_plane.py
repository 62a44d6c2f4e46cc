"""A control plane on this machine: etcd, kube-apiserver, kube-controller-manager and kube-scheduler, as published.

Takes the binary that `build.py` made and an empty folder; everything listens on 127.0.0.1, on free ports. Services get
addresses in 127.96.0.0/16, where `services.py` listens, and pods in 127.80.0.0/12, which `node` gives out: on Linux the
whole of 127.0.0.0/8 is this machine. Kubernetes takes no such address into an EndpointSlice, so those controllers rest.
"""

from __future__ import annotations

import json
import socket
import ssl
import urllib.request
from contextlib import ExitStack
from typing import TYPE_CHECKING

from tests.cluster.certificates import Authority
from tests.cluster.programs import Program, until

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

HERE = "127.0.0.1"
SERVICES = "127.96.0.0/16"
FIRST_SERVICE = "127.96.0.1"
START_SECONDS = 240.0
"""A busy machine of two cores; an idle one needs ten."""
RESTING = ("endpoints-controller", "endpointslice-controller", "endpointslice-mirroring-controller")
NODES = ("one", "two", "three")
OK = 200


def free_port() -> int:
    """A port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((HERE, 0))
        port: int = probe.getsockname()[1]
        return port


class ControlPlane:
    """The four programs, and the certificates of everybody who talks to them."""

    def __init__(self, binary: Path, folder: Path) -> None:
        self.binary = binary
        self.folder = folder
        self.certificates = folder / "certificates"
        self.kubeconfig = folder / "admin.kubeconfig"
        self.server = f"https://{HERE}:{free_port()}"
        self.programs: list[Program] = []
        self._ending = ExitStack()

    def start(self) -> None:
        """All four; returns when the API server says that it is ready.

        Raises:
            Gone: one of them ended, or it takes longer than `START_SECONDS`.
        """
        self.certificates.mkdir(parents=True)
        _issue(self.certificates)
        etcd = self._start_etcd()
        self._start("kube-apiserver", *self._api_server_flags(etcd))
        until(self._ready, "the API server is ready", seconds=START_SECONDS, programs=self.programs)
        self._write_kubeconfig("admin", self.kubeconfig)
        self._start_controllers()

    def stop(self) -> None:
        """Every program, the API server's database last."""
        self._ending.close()

    def run(self, name: str, command: list[str], environment: Mapping[str, str] | None = None) -> Program:
        """Any program that ends before the control plane does."""
        program = Program(name, command, self.folder / f"{name}.log", environment)
        self.programs.append(program)
        self._ending.callback(program.stop)
        return program

    def _start(self, name: str, *flags: str) -> None:
        self.run(name, [str(self.binary), name, *flags])

    def _start_etcd(self) -> str:
        clients, peers = f"http://{HERE}:{free_port()}", f"http://{HERE}:{free_port()}"
        self._start(
            "etcd",
            f"--data-dir={self.folder / 'etcd'}",
            f"--listen-client-urls={clients}",
            f"--advertise-client-urls={clients}",
            f"--listen-peer-urls={peers}",
            f"--initial-advertise-peer-urls={peers}",
            f"--initial-cluster=default={peers}",
            "--unsafe-no-fsync",
        )
        return clients

    def _api_server_flags(self, etcd: str) -> tuple[str, ...]:
        here = self.certificates
        return (
            f"--etcd-servers={etcd}",
            f"--bind-address={HERE}",
            f"--secure-port={self.server.rpartition(':')[2]}",
            f"--tls-cert-file={here / 'api.pem'}",
            f"--tls-private-key-file={here / 'api-key.pem'}",
            f"--client-ca-file={here / 'ca.pem'}",
            f"--service-account-key-file={here / 'accounts.pem'}",
            f"--service-account-signing-key-file={here / 'accounts-key.pem'}",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-cluster-ip-range={SERVICES}",
            "--endpoint-reconciler-type=none",
            "--authorization-mode=Node,RBAC",
            "--enable-admission-plugins=NodeRestriction",
            "--anonymous-auth=false",
            "--allow-privileged=true",  # as most clusters have it, so that the namespace is what refuses
            # The front proxy: how an aggregated API knows that it is the API server that asks.
            f"--requestheader-client-ca-file={here / 'front.pem'}",
            "--requestheader-allowed-names=front-proxy",
            "--requestheader-username-headers=X-Remote-User",
            "--requestheader-group-headers=X-Remote-Group",
            "--requestheader-extra-headers-prefix=X-Remote-Extra-",
            f"--proxy-client-cert-file={here / 'front-proxy.pem'}",
            f"--proxy-client-key-file={here / 'front-proxy-key.pem'}",
        )

    def _start_controllers(self) -> None:
        for name in ("controllers", "scheduler"):
            self._write_kubeconfig(name, self.folder / f"{name}.kubeconfig")
        alone = ("--leader-elect=false", "--secure-port=0")
        self._start(
            "kube-controller-manager",
            *alone,
            f"--kubeconfig={self.folder / 'controllers.kubeconfig'}",
            f"--service-account-private-key-file={self.certificates / 'accounts-key.pem'}",
            f"--root-ca-file={self.certificates / 'ca.pem'}",
            # Each controller as itself, with the rights that Kubernetes gives it.
            "--use-service-account-credentials=true",
            "--controllers=" + ",".join(["*", *(f"-{name}" for name in RESTING)]),
            "--horizontal-pod-autoscaler-sync-period=2s",
        )
        self._start("kube-scheduler", *alone, f"--kubeconfig={self.folder / 'scheduler.kubeconfig'}")

    def _ready(self) -> bool:
        """Whether the API server says so itself."""
        context = ssl.create_default_context(cafile=str(self.certificates / "ca.pem"))
        context.load_cert_chain(self.certificates / "admin.pem", self.certificates / "admin-key.pem")
        try:
            with urllib.request.urlopen(f"{self.server}/readyz", timeout=10, context=context) as answer:  # noqa: S310 - our own
                return bool(answer.status == OK)
        except OSError:
            return False

    def _write_kubeconfig(self, name: str, path: Path) -> None:
        """JSON, which is YAML."""
        here = self.certificates
        cluster = {"server": self.server, "certificate-authority": str(here / "ca.pem")}
        user = {"client-certificate": str(here / f"{name}.pem"), "client-key": str(here / f"{name}-key.pem")}
        whole = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "check", "cluster": cluster}],
            "users": [{"name": name, "user": user}],
            "contexts": [{"name": "check", "context": {"cluster": "check", "user": name}}],
            "current-context": "check",
        }
        path.write_text(json.dumps(whole))


def _issue(folder: Path) -> None:
    """Who may talk to the API server, and what it shows to whom."""
    cluster, front = Authority.new(folder, "ca"), Authority.new(folder, "front")
    hosts = (HERE, FIRST_SERVICE, "localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc")
    cluster.issue("api", user="kube-apiserver", hosts=hosts)
    cluster.issue("accounts", user="service-accounts")
    cluster.issue("admin", user="admin", group="system:masters")
    cluster.issue("controllers", user="system:kube-controller-manager")
    cluster.issue("scheduler", user="system:kube-scheduler")
    cluster.issue("services", user="check:services")
    cluster.issue("adapter", user="check:adapter", hosts=("localhost", "adapter.monitoring.svc"))
    for node in NODES:
        cluster.issue(f"node-{node}", user=f"system:node:{node}", group="system:nodes")
    front.issue("front-proxy", user="front-proxy")
