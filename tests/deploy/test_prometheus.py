"""Rules and routes as their own tools read them: promtool, amtool."""

from __future__ import annotations

import pytest

from tests.deploy.tools import run
from tests.words.pages import ROOT

PROMETHEUS = ROOT / "ecosystem" / "prometheus"
ROUTES = ROOT / "ecosystem" / "alertmanager" / "alertmanager.yml"
RULES = sorted(PROMETHEUS.joinpath("rules").glob("*.yml"))
CASES = sorted(PROMETHEUS.joinpath("tests").glob("*.yml"))


@pytest.mark.deploy("promtool")
def test_the_configuration_of_prometheus_and_its_rules_are_valid() -> None:
    """Every lint is fatal."""
    said = run("promtool", "check", "rules", "--lint=all", "--lint-fatal", *RULES)
    assert said.count("SUCCESS") == len(RULES)
    run("promtool", "check", "config", "--lint=all", "--lint-fatal", PROMETHEUS / "prometheus.yml")


@pytest.mark.deploy("promtool")
@pytest.mark.parametrize("cases", CASES, ids=[case.stem for case in CASES])
def test_each_alert_fires_where_it_should_and_nowhere_else(cases: object) -> None:
    """Labels and annotations are compared to the letter, so each says what it should, with its numbers."""
    run("promtool", "test", "rules", str(cases))


@pytest.mark.deploy("amtool")
def test_the_routes_are_valid() -> None:
    """Receivers, matchers and inhibitions are read by Alertmanager's own tool."""
    assert "SUCCESS" in run("amtool", "check-config", str(ROUTES))


@pytest.mark.deploy("amtool")
@pytest.mark.parametrize(
    ("receiver", "labels"),
    [
        ("night", ("alertname=SqsSinkAway", "severity=critical", "queue=orders")),
        ("dead-letters", ("alertname=SqsDeadLetterQueueNotEmpty", "severity=critical", "queue=orders-dead")),
        ("day", ("alertname=SqsMessagesFailing", "severity=warning", "queue=orders")),
        ("day", ("alertname=SomethingElse",)),
    ],
)
def test_an_alert_reaches_who_it_should(receiver: str, labels: tuple[str, ...]) -> None:
    """Critical ones by night, dead letters apart, all else by day."""
    run("amtool", "config", "routes", "test", f"--config.file={ROUTES}", f"--verify.receivers={receiver}", *labels)
