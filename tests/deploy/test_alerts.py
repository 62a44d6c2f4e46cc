"""Alerts on workers that are really in trouble: each trouble is seen, by its queue or instance, and nothing else is."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from tests.deploy.live import prometheus, until
from tests.deploy.troubled import ALERTS, WELL, troubled
from tests.system.rig import rig

if TYPE_CHECKING:
    from pathlib import Path

    from tests.deploy.live import Prometheus


@pytest.mark.deploy("prometheus")
@pytest.mark.timeout(300)
@pytest.mark.xdist_group("live-trouble")
def test_each_trouble_is_seen_and_a_worker_that_is_well_has_none(tmp_path: Path) -> None:
    """Seven workers of one job, all with a pipeline of the same name, as seven deployments have."""
    with rig(tmp_path) as made, troubled(made) as workers:
        pages = {queue: page for queue, (page, _) in workers.items()}
        with prometheus(tmp_path, list(pages.values())) as server:
            until(lambda: len(server.query("sqs_worker_build_info")) == len(pages), lambda: "not all were scraped")
            workers["stopped"][1].tell(signal.SIGSTOP)
            wanted = {(queue, alert) for queue, alerts in ALERTS.items() for alert in alerts}
            until(lambda: wanted <= _begun(server, pages), lambda: wanted - _begun(server, pages))
            # A busy machine may be late for a moment: that passes, and stays where it is a trouble.
            until(lambda: not _of(server, pages, WELL), lambda: _of(server, pages, WELL))
            assert wanted <= _begun(server, pages)


def _of(server: Prometheus, pages: dict[str, str], wanted: str) -> set[str]:
    return {alert for queue, alert in _begun(server, pages) if queue == wanted}


def _begun(server: Prometheus, pages: dict[str, str]) -> set[tuple[str, str]]:
    """Queue and name of each alert that is pending or fires; its instance tells the queue where no label does."""
    queues = {urlsplit(page).netloc: queue for queue, page in pages.items()}
    labels = [alert["labels"] for alert in server.get("alerts")["alerts"]]
    return {(one.get("queue") or queues.get(one.get("instance", ""), ""), one["alertname"]) for one in labels}
