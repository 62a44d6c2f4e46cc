"""The dashboard and the rules on live workers: every query of theirs is asked of a Prometheus that scraped them."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.deploy.dashboard import queries
from tests.deploy.live import Prometheus, prometheus, until, workers
from tests.deploy.promql import asked
from worker.telemetry.http.fetch import fetch

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.xdist_group("live-prometheus"), pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    with workers(tmp_path_factory.mktemp("workers")) as (_, found):
        yield found


@pytest.fixture(scope="module")
def server(pages: list[str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    with prometheus(tmp_path_factory.mktemp("prometheus"), pages) as found:
        yield found


@pytest.mark.deploy("prometheus")
def test_every_panel_has_data(server: Prometheus) -> None:
    """Each query of each panel returns a number, from live workers under load."""
    silent = [(where, asked(query, interval="30s", everything=".+")) for where, query in queries()]

    def all_speak() -> bool:
        silent[:] = [(where, query) for where, query in silent if not server.query(query)]
        return not silent

    until(all_speak, lambda: "\n".join(f"{where}: {query}" for where, query in silent))


@pytest.mark.deploy("prometheus")
def test_every_rule_was_evaluated_without_an_error(server: Prometheus) -> None:
    """On the labels of real workers, one of them with two processes: no join finds two where it wants one."""

    def states() -> list[tuple[str, str, str]]:
        groups = server.get("rules")["groups"]
        return [(rule["name"], rule["health"], rule.get("lastError", "")) for g in groups for rule in g["rules"]]

    until(lambda: all(health != "unknown" for _, health, _ in states()), states)
    found = states()
    assert len(found) > 50
    assert [state for state in found if state[1] != "ok"] == []


@pytest.mark.deploy("prometheus")
def test_a_depth_is_counted_once_however_many_report_it(server: Prometheus) -> None:
    """Three processes say how many wait; the rule gives one queue, and no more than any of them said."""
    recorded = "job_queue:sqs_queue_messages_visible:max"
    until(lambda: len(server.query('sqs_queue_messages{state="visible"}')) == 3, lambda: "not three processes")
    until(lambda: len(server.query(recorded)) == 1, lambda: "not one queue")
    most = server.query(f'max(max_over_time(sqs_queue_messages{{state="visible"}}[10m])) - max({recorded})')
    assert most
    assert most[0] >= 0


@pytest.mark.deploy("prometheus")
def test_an_alert_fires_on_live_workers(server: Prometheus) -> None:
    """Bodies that are no JSON became dead letters, the workers saw them, and a minute later somebody is told."""
    firing = (
        'ALERTS{alertname="SqsDeadLetterQueueNotEmpty",alertstate="firing",queue="orders-dead",severity="critical"}'
    )
    until(lambda: server.query(firing) == [1.0], lambda: server.get("query", query="ALERTS")["result"], seconds=240)


@pytest.mark.deploy("promtool")
def test_the_pages_of_metrics_are_as_prometheus_wants_them(pages: list[str]) -> None:
    """Names, units and help of a worker with one process and of one with several."""
    for page in pages:
        text = fetch(page, "/metrics")[1]
        assert "sqs_worker_backlog_seconds" in text
        done = subprocess.run(
            ("promtool", "check", "metrics"), input=text.encode(), capture_output=True, check=False, timeout=60
        )
        assert (done.returncode, done.stdout.decode() + done.stderr.decode()) == (0, "")
