"""The rules of ecosystem/prometheus as the PrometheusRule of prometheus-operator: written once, read by both.

`python tests/deploy/prometheusrule.py` writes the component's file; a test holds it to the rules.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Final

import yaml

ROOT: Final = Path(__file__).resolve().parents[2]
RULES: Final = ROOT / "ecosystem" / "prometheus" / "rules"
FILE: Final = ROOT / "k8s" / "components" / "prometheusrule" / "prometheusrule.yaml"
_HEAD: Final = """\
# Written by `python tests/deploy/prometheusrule.py` from ecosystem/prometheus; change the rules there.
"""


def rendered() -> str:
    """The whole file."""
    groups = [group for file in sorted(RULES.glob("*.yml")) for group in _groups(file)]
    labels = {"app.kubernetes.io/name": "sqs-worker", "app.kubernetes.io/component": "worker"}
    made = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "worker", "labels": labels},
        "spec": {"groups": groups},
    }
    text: str = yaml.dump(made, Dumper=_Dumper, sort_keys=False, width=1_000, allow_unicode=True)
    return _HEAD + text


class _Dumper(yaml.SafeDumper):  # type: ignore[misc] # the library is not typed
    """Writes a text of several lines as several lines."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def _groups(file: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = yaml.safe_load(file.read_text(encoding="utf-8"))["groups"]
    return found


if __name__ == "__main__":
    FILE.write_text(rendered(), encoding="utf-8")
    sys.stdout.write(f"wrote {FILE.relative_to(ROOT)}\n")
