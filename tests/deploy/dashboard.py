"""The dashboard of ecosystem/grafana, from the table of its panels: `python tests/deploy/dashboard.py` writes the JSON.

A test holds the file to this, and every query is parsed, and asked of a Prometheus that scraped live workers.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # run as a program, it is outside the package

from tests.deploy.dashboard_panels import ROWS, J

if TYPE_CHECKING:
    from tests.deploy.dashboard_panels import Panel

FILE: Final = Path(__file__).resolve().parents[2] / "ecosystem" / "grafana" / "dashboards" / "sqs-worker.json"
SOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}
SCHEMA: Final = 41
"""Of Grafana 12; older ones read it too."""
WIDTH: Final = 24
"""Columns of Grafana's grid."""


def queries() -> list[tuple[str, str]]:
    """Title and expression of every query."""
    return [(f"{row}: {panel.title}", query) for row, panels in ROWS for panel in panels for query, _ in panel.queries]


def dashboard() -> dict[str, Any]:
    """The document that Grafana reads."""
    return {
        "uid": "sqs-worker",
        "title": "SQS workers",
        "description": "Is it keeping up, is it healthy, where is the bottleneck, and who is it?",
        "tags": ["sqs"],
        "schemaVersion": SCHEMA,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-1h", "to": "now"},
        "timezone": "browser",
        "annotations": {"list": [_restarts()]},
        "templating": {"list": _variables()},
        "panels": _placed(),
    }


def _restarts() -> dict[str, Any]:
    return {
        "name": "Starts",
        "enable": True,
        "datasource": SOURCE,
        "expr": f"changes(process_start_time_seconds{{{J}}}[1m]) > 0",
        "iconColor": "orange",
        "titleFormat": "{{instance}} started",
    }


def _variables() -> list[dict[str, Any]]:
    source = {"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus"}
    of = {
        "job": "label_values(sqs_worker_build_info, job)",
        "queue": f"label_values(sqs_worker_pipeline_info{{{J}}}, queue)",
    }
    return [source, *[_variable(name, query) for name, query in of.items()]]


def _variable(name: str, query: str) -> dict[str, Any]:
    return {
        "name": name,
        "label": name.capitalize(),
        "type": "query",
        "datasource": SOURCE,
        "query": {"query": query, "refId": name},
        "refresh": 2,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"text": "All", "value": "$__all"},
        "sort": 1,
    }


def _placed() -> list[dict[str, Any]]:
    placed: list[dict[str, Any]] = []
    top = 0
    for title, panels in ROWS:
        placed.append(_row(title, top, len(placed) + 1))
        left, top, tallest = 0, top + 1, 0
        for panel in panels:
            if left + panel.width > WIDTH:
                left, top, tallest = 0, top + tallest, 0
            placed.append(_panel(panel, left, top, len(placed) + 1))
            left, tallest = left + panel.width, max(tallest, panel.height)
        top += tallest
    return placed


def _row(title: str, top: int, number: int) -> dict[str, Any]:
    place = {"x": 0, "y": top, "w": WIDTH, "h": 1}
    return {"id": number, "type": "row", "title": title, "collapsed": False, "gridPos": place, "panels": []}


def _panel(panel: Panel, left: int, top: int, number: int) -> dict[str, Any]:
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.help,
        "datasource": SOURCE,
        "gridPos": {"x": left, "y": top, "w": panel.width, "h": panel.height},
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "targets": [
            {"refId": chr(ord("A") + n), "datasource": SOURCE, "expr": query, "legendFormat": legend}
            for n, (query, legend) in enumerate(panel.queries)
        ],
    }


def text() -> str:
    """The file."""
    return json.dumps(dashboard(), indent=2) + "\n"


if __name__ == "__main__":
    FILE.write_text(text())
