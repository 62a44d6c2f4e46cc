"""`external.metrics.k8s.io` from what the workers themselves say: scrapes every worker's /metrics when it is asked.

Serves one metric, `sqs_queue_messages`, as the largest value that any worker of the namespace reports: each reports the
whole queue, so a sum would grow with the workers. Without a worker there is no value, and the autoscaler waits.
`python -m tests.cluster.adapter --server https://… --certificates DIR --port 6443`; ends on SIGTERM.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import ssl
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import aiohttp
from aiohttp import web
from prometheus_client.parser import text_string_to_metric_families

from tests.cluster.api import connect

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tests.cluster.api import Api, Object

METRIC: Final = "sqs_queue_messages"
GROUP: Final = "external.metrics.k8s.io/v1beta1"
PORT_NAME: Final = "metrics"
SCRAPE_SECONDS: Final = 3.0


def largest(pages: Iterable[str]) -> dict[tuple[tuple[str, str], ...], float]:
    """The largest value of each queue and state in these pages."""
    found: dict[tuple[tuple[str, str], ...], float] = {}
    for page in pages:
        of_it = "\n".join(line for line in page.splitlines() if line.startswith(METRIC + "{")) + "\n"
        for family in text_string_to_metric_families(of_it):
            for sample in family.samples:
                labels = tuple(sorted(sample.labels.items()))
                found[labels] = max(found.get(labels, 0.0), sample.value)
    return found


def selected(labels: Mapping[str, str], selector: str) -> bool:
    """Whether *labels* meet a selector of `key=value` parts."""
    parts = (part.split("=", 1) for part in selector.split(",") if part)
    return all(labels.get(key.strip()) == value.lstrip("=").strip() for key, value in parts)


class Adapter:
    """Answers the aggregated API."""

    def __init__(self, api: Api, session: aiohttp.ClientSession) -> None:
        self._api = api
        self._session = session

    async def resources(self, _: web.Request) -> web.Response:
        """What there is."""
        resource = {
            "name": METRIC,
            "singularName": "",
            "namespaced": True,
            "kind": "ExternalMetricValueList",
            "verbs": ["get"],
        }
        return web.json_response(
            {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": GROUP, "resources": [resource]}
        )

    async def values(self, request: web.Request) -> web.Response:
        """The metric, for a namespace and a selector of its labels."""
        if request.match_info["metric"] != METRIC:
            raise web.HTTPNotFound
        pages = await self._pages(request.match_info["namespace"])
        moment = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        wanted = request.query.get("labelSelector", "")
        items = [
            {"metricName": METRIC, "metricLabels": dict(labels), "timestamp": moment, "value": str(int(value))}
            for labels, value in largest(pages).items()
            if selected(dict(labels), wanted)
        ]
        return web.json_response(
            {"kind": "ExternalMetricValueList", "apiVersion": GROUP, "metadata": {}, "items": items}
        )

    async def _pages(self, namespace: str) -> list[str]:
        """What every worker that answers says."""
        pods = await self._api.get(f"/api/v1/namespaces/{namespace}/pods", fieldSelector="status.phase=Running")
        places = [place for pod in pods["items"] if (place := _place(pod))]
        return [page for page in await asyncio.gather(*map(self._scrape, places)) if page is not None]

    async def _scrape(self, place: str) -> str | None:
        try:
            async with self._session.get(place) as answer:
                return await answer.text()
        except (aiohttp.ClientError, TimeoutError):
            return None


def _place(pod: Object) -> str | None:
    """Where a pod has its metrics, by the name of its port."""
    ports = [port for container in pod["spec"]["containers"] for port in container.get("ports", [])]
    named = [port["containerPort"] for port in ports if port.get("name") == PORT_NAME]
    return f"http://{pod['status']['podIP']}:{named[0]}/metrics" if named and "podIP" in pod["status"] else None


async def _main(asked: argparse.Namespace) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(asked.certificates / "front.pem"))
    context.load_cert_chain(asked.certificates / "adapter.pem", asked.certificates / "adapter-key.pem")
    context.verify_mode = ssl.CERT_REQUIRED  # nobody but the API server's front proxy
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    limit = aiohttp.ClientTimeout(SCRAPE_SECONDS)
    async with (
        connect(asked.server, asked.certificates, "adapter") as api,
        aiohttp.ClientSession(timeout=limit) as session,
    ):
        adapter, application = Adapter(api, session), web.Application()
        application.router.add_get(f"/apis/{GROUP}", adapter.resources)
        application.router.add_get(f"/apis/{GROUP}/namespaces/{{namespace}}/{{metric}}", adapter.values)
        runner = web.AppRunner(application)
        await runner.setup()
        await web.TCPSite(runner, "localhost", asked.port, ssl_context=context).start()
        await stopped.wait()
        await runner.cleanup()


def main() -> None:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--server", required=True)
    parser.add_argument("--certificates", required=True, type=Path)
    parser.add_argument("--port", required=True, type=int)
    asyncio.run(_main(parser.parse_args()))


if __name__ == "__main__":
    main()
