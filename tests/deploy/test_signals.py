"""Rules, alerts, runbooks and the dashboard hang together: what one names, the other has. No tool is needed."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

import promql_parser
import pytest
import yaml

from tests.deploy.dashboard import FILE, dashboard, text
from tests.deploy.promql import expressions, labels, names, nodes, rules
from tests.words.exposition import PAGE, on_page
from tests.words.pages import ROOT

if TYPE_CHECKING:
    from pathlib import Path

RUNBOOKS: Final = ROOT / "docs" / "runbooks"
ALERTS: Final = [rule for rule in rules() if "alert" in rule]
NAMES: Final = sorted({str(rule["alert"]) for rule in ALERTS})
CASES: Final = [
    case
    for file in sorted(ROOT.joinpath("ecosystem", "prometheus", "tests").glob("*.yml"))
    for group in yaml.safe_load(file.read_text())["tests"]
    for case in group["alert_rule_test"]
]
OTHERS: Final = re.compile(r"process_\w+|up|ALERTS|kube_(horizontalpodautoscaler|deployment)_\w+")
"""Families that are not ours: every client's, Prometheus' own, and those of kube-state-metrics."""
PARTS: Final = re.compile(r"_(?:bucket|sum|count)$")
OURS: Final = {
    name: set(re.findall(r"`(\w+)`", labels))
    for name, labels in re.findall(r"^- `(\w+)`(?: \(([^)]*)\))?: ", on_page(PAGE.read_text()), re.MULTILINE)
}
"""Every family of a worker with its labels; another test holds that page to the registry."""
OURS["sqs_worker_pipeline_info"] |= {"queue", "codec", "sink"}
OURS["sqs_worker_build_info"] |= {"version", "worker_id", "python"}
SCRAPED: Final = {"job", "instance", "process", "le"}
"""Labels that Prometheus, a parent of several processes, or a histogram adds."""
RECORDED: Final = {str(rule["record"]) for rule in rules() if "record" in rule}


@pytest.mark.parametrize("alert", NAMES)
def test_an_alert_has_its_runbook_which_begins_with_its_words(alert: str) -> None:
    """Whoever was woken finds the page by the words on the screen; what changes in them is an ellipsis there."""
    page = RUNBOOKS.joinpath(f"{alert}.md").read_text()
    assert page.startswith(f"# {alert}\n")
    for rule in (rule for rule in ALERTS if rule["alert"] == alert):
        notes = rule["annotations"]
        assert notes["runbook_url"] == f"docs/runbooks/{alert}.md"
        for said in (notes["summary"], notes["description"]):
            assert f"> {re.sub(r'{{.*?}}', '…', said)}\n" in page
        assert f"*{rule['labels']['severity']}" in page or f", {rule['labels']['severity']}" in page
    assert re.search(r"\n## What it means\n.*\n## Look\n.*\n## Do\n", page, re.DOTALL)


def test_every_runbook_has_its_alert() -> None:
    """A page of an alert that is gone misleads whoever finds it."""
    assert sorted(page.stem for page in RUNBOOKS.glob("*.md")) == NAMES


@pytest.mark.parametrize("alert", NAMES)
def test_an_alert_is_tried_both_ways(alert: str) -> None:
    """It fires in one case of ecosystem/prometheus/tests at least, and stays silent in another."""
    fired = [bool(case["exp_alerts"]) for case in CASES if case["alertname"] == alert]
    assert set(fired) == {True, False}


def test_severities_are_those_that_alertmanager_routes() -> None:
    """A misspelt one would go nowhere."""
    assert {rule["labels"]["severity"] for rule in ALERTS} == {"critical", "warning"}


def test_the_page_of_monitoring_lists_every_alert() -> None:
    """And no other."""
    page = ROOT.joinpath("docs", "deploy", "monitoring.md").read_text()
    assert set(re.findall(r"\bSqs[A-Z]\w+", page)) == set(NAMES)


@pytest.mark.parametrize(("where", "expression"), expressions(), ids=[where for where, _ in expressions()])
def test_an_expression_parses_and_reads_what_exists(where: str, expression: str) -> None:
    """Every metric that it names is exposed by a worker, recorded by a rule, or named among the others."""
    del where
    unknown = {
        name
        for name in names(expression)
        if name not in RECORDED and name not in OURS and PARTS.sub("", name) not in OURS and not OTHERS.fullmatch(name)
    }
    assert unknown == set()


@pytest.mark.parametrize(("where", "expression"), expressions(), ids=[where for where, _ in expressions()])
def test_an_expression_asks_for_labels_that_there_are(where: str, expression: str) -> None:
    """A label that a family does not have matches nothing, for ever, and nobody notices."""
    del where
    unknown = {
        (node.name, label)
        for node in nodes(expression)
        if isinstance(node, promql_parser.VectorSelector) and PARTS.sub("", str(node.name)) in {*OURS}
        for label in labels(node)
        if label not in SCRAPED | OURS[PARTS.sub("", str(node.name))]
    }
    assert unknown == set()


def test_a_depth_is_a_maximum_over_workers_and_never_a_sum() -> None:
    """Each worker reports the whole queue: a sum would be the queue times the workers."""
    depths = {"sqs_queue_messages", "sqs_dead_letter_queue_messages"}
    summed = [
        (where, node)
        for where, expression in expressions()
        for node in nodes(expression)
        if isinstance(node, promql_parser.AggregateExpr)
        and str(node.op).lower().rpartition(".")[2] not in {"max", "group"}
        and getattr(node.expr, "name", "") in depths
    ]
    assert summed == []


def test_what_is_too_much_is_what_the_teams_said() -> None:
    """500,000 messages and 300 s by default, 1,000 certificates; critical at twice as much."""
    of = {str(rule["record"]): str(rule["expr"]) for rule in rules() if "record" in rule}
    assert "* 500000" in of["queue:sqs_queue_messages:limit"]
    assert "* 300" in of["queue:sqs_oldest_message_age_seconds:limit"]
    certificates = next(rule for rule in rules() if rule.get("labels") == {"queue": "certificates"})
    assert certificates["expr"] == "vector(1000)"
    for name in ("SqsBacklogHigh", "SqsOldestMessageLate"):
        critical = next(r for r in ALERTS if r["alert"] == name and r["labels"]["severity"] == "critical")
        assert "(2 * " in critical["expr"]


# ── the dashboard ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_dashboard_is_that_of_its_table() -> None:
    """`python tests/deploy/dashboard.py` was not forgotten."""
    assert FILE.read_text() == text()


def test_the_dashboard_names_no_data_source() -> None:
    """It is imported without an edit: whoever looks chooses theirs."""
    sources = _values(json.loads(text()), "datasource")
    assert sources
    assert {json.dumps(source, sort_keys=True) for source in sources} == {
        '{"type": "prometheus", "uid": "${datasource}"}'
    }
    first = dashboard()["templating"]["list"][0]
    assert (first["name"], first["type"], first["query"]) == ("datasource", "datasource", "prometheus")


def test_the_dashboard_asks_four_questions_and_panels_do_not_overlap() -> None:
    """Each place of the grid is one panel's."""
    panels = dashboard()["panels"]
    assert [panel["title"] for panel in panels if panel["type"] == "row"] == [
        "Is it keeping up?",
        "Is it healthy?",
        "Where is the bottleneck?",
        "Who?",
    ]
    taken = [
        (x, y)
        for place in (panel["gridPos"] for panel in panels)
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(taken) == len(set(taken))
    assert all(0 <= x < 24 for x, _ in taken)
    assert len({panel["id"] for panel in panels}) == len(panels)


def _values(node: Any, key: str) -> list[Any]:
    """Everything that stands under *key*, however deep."""
    if isinstance(node, list):
        return [found for one in node for found in _values(one, key)]
    if not isinstance(node, dict):
        return []
    here = [node[key]] if key in node else []
    return [*here, *(found for value in node.values() for found in _values(value, key))]


# ── what is written ─────────────────────────────────────────────────────────────────────────────────────────────────

WRITTEN: Final = re.compile(
    r"(?:\b(?:\w+:)?sqs_(?:worker|queue|dead)_[\w:]+|\b(?:job_queue|queue)\w*:[\w:]+)(?![\w:…])"
)
PAGES: Final = [*sorted(RUNBOOKS.glob("*.md")), *sorted(ROOT.joinpath("docs", "deploy").glob("*.md")), PAGE]


@pytest.mark.parametrize("page", PAGES, ids=[page.stem for page in PAGES])
def test_a_page_names_no_metric_that_is_not_there(page: Path) -> None:
    """At 3 a.m. nobody finds out that a query of the runbook returns nothing because its metric has another name."""
    known = {*RECORDED, *OURS, *(f"{name}_{part}" for name in OURS for part in ("bucket", "sum", "count"))}
    families = {name for name in WRITTEN.findall(page.read_text()) if not name.endswith("_")}
    assert families - known == set()
