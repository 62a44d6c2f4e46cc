"""Which alert makes another one superfluous, asked of an Alertmanager that runs with our configuration.

It ends long before `group_wait` is over, so nobody is told of anything.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.deploy.live import free_port, until
from tests.words.pages import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

ROUTES = ROOT / "ecosystem" / "alertmanager" / "alertmanager.yml"
TEMPLATES = Path("/usr/share/prometheus/alertmanager/default.tmpl")
ORDERS = {"job": "worker", "queue": "orders"}
EMAIL = {"job": "worker", "queue": "email"}


@pytest.fixture(scope="module")
def alertmanager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The base address of its interface."""
    folder, port = tmp_path_factory.mktemp("alertmanager"), free_port()
    command = (
        *(*_with_templates(), f"--config.file={ROUTES}", f"--storage.path={folder}"),
        *(f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address="),
    )
    with folder.joinpath("log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    base = f"http://127.0.0.1:{port}/api/v2/"
    try:
        until(lambda: _answers(base) or process.poll() is not None, lambda: "no answer")
        assert process.poll() is None, folder.joinpath("log").read_text()
        yield base
    finally:
        process.terminate()
        process.wait(timeout=30)


@pytest.mark.deploy("prometheus-alertmanager")
def test_consequences_are_silent_where_their_cause_is_told_and_nowhere_else(alertmanager: str) -> None:
    """The sink of orders is away: that its queue grows old is no news. The queue beside it has trouble of its own."""
    told: dict[tuple[str, str, str], dict[str, str]] = {
        ("SqsSinkAway", "critical", "orders"): ORDERS,
        ("SqsConsumerStalled", "critical", "orders"): ORDERS,
        ("SqsOldestMessageLate", "warning", "orders"): ORDERS,
        ("SqsDeadLetterQueueNotEmpty", "critical", "orders-dead"): {"job": "worker", "queue": "orders-dead"},
        ("SqsConsumerStalled", "critical", "email"): EMAIL,
        ("SqsBacklogHigh", "critical", "email"): EMAIL,
        ("SqsMessagesFailing", "warning", "email"): EMAIL,
        ("SqsCannotReceive", "critical", "analytics"): {"job": "worker", "queue": "analytics"},
        ("SqsRequestsFailing", "warning", "analytics"): {"job": "worker", "queue": "analytics"},
        ("SqsRequestsFailing", "warning", "email"): EMAIL,
    }
    silent = {
        ("SqsConsumerStalled", "critical", "orders"),
        ("SqsOldestMessageLate", "warning", "orders"),
        ("SqsBacklogHigh", "critical", "email"),
        ("SqsRequestsFailing", "warning", "analytics"),
    }
    _post(
        alertmanager,
        [
            {"labels": {"alertname": name, "severity": severity, **labels}}
            for (name, severity, _), labels in told.items()
        ],
    )
    until(lambda: len(_get(alertmanager)) == len(told), lambda: _get(alertmanager))
    found = {
        (
            one["labels"]["alertname"],
            one["labels"]["severity"],
            one["labels"].get("queue", one["labels"].get("pipeline")),
        )
        for one in _get(alertmanager)
        if one["status"]["inhibitedBy"]
    }
    assert found == silent


def _with_templates() -> tuple[str, ...]:
    """The program, where it finds the templates that Debian's reads from /usr/share: in a namespace of its own."""
    program = Path(shutil.which("prometheus-alertmanager") or "").resolve()
    if TEMPLATES.exists():
        return (str(program),)
    ours = program.parents[1] / "share" / "prometheus"
    script = f'mount -t tmpfs none /usr/share && cp -r "{ours}" /usr/share/ && exec "$@"'
    apart = ("unshare", "--map-root-user", "--mount", "sh", "-c", script, "sh")
    if subprocess.run((*apart, "true"), capture_output=True, check=False, timeout=60).returncode:
        pytest.skip(
            "prometheus-alertmanager reads templates in /usr/share, and this machine allows no namespace for them"
        )
    return (*apart, str(program))


def _answers(base: str) -> bool:
    try:
        return bool(json.loads(_ask(f"{base}status"))["config"])
    except OSError:
        return False


def _get(base: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(_ask(f"{base}alerts?active=true&inhibited=true"))
    return found


def _post(base: str, alerts: list[dict[str, Any]]) -> None:
    request = urllib.request.Request(  # noqa: S310 - our own Alertmanager
        f"{base}alerts", data=json.dumps(alerts).encode(), headers={"Content-Type": "application/json"}, method="POST"
    )
    _ask(request)


def _ask(what: str | urllib.request.Request) -> bytes:
    with urllib.request.urlopen(what, timeout=10) as answer:  # noqa: S310 - our own Alertmanager
        read: bytes = answer.read()
        return read
