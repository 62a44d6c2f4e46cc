"""`worker health`: the health check of a container. Exit 0 if the worker answers that it is alive, else 1."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from worker.commands.options import config_option
from worker.errors import SettingsError
from worker.settings import load
from worker.telemetry.server import fetch

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from worker.settings import WorkerSettings

ALIVE = 200
EVERY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - nothing is bound here: where to ask instead


@click.command("health")
@click.option("--url", help="Where to ask, such as http://127.0.0.1:9100; from METRICS_HOST and METRICS_PORT else.")
@config_option
@click.pass_context
def command(ctx: click.Context, *, url: str | None, config: Path | None) -> None:
    """Ask a running worker whether it is alive."""
    environ: Mapping[str, str] = ctx.obj
    # Docker reserves exit code 2 of a health check, so that bad settings end in 1 here as well.
    try:
        base, path = _place(url or url_of(load(environ, config=config, needs_queue=False).worker))
    except (ValueError, SettingsError) as error:
        raise click.ClickException(f"no answer, for nobody is asked: {error}") from None
    try:
        status, body = fetch(base, path)
    except (OSError, ValueError) as error:
        why = getattr(error, "reason", error)
        raise click.ClickException(
            f"no answer from {base}: {why}\nno worker runs there, or it stands still, or its METRICS_HOST and"
            " METRICS_PORT are others than here; --url asks elsewhere"
        ) from None
    click.echo(body.strip())
    ctx.exit(0 if status == ALIVE else 1)


def _place(url: str) -> tuple[str, str]:
    """Base and path of *url*; a URL without a path asks whether the worker is alive."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}", parts.path.rstrip("/") or "/livez"


def url_of(worker: WorkerSettings) -> str:
    """Where the metrics server of a worker with these settings answers.

    Raises:
        ValueError: the port is 0, so only the worker's log knows.
    """
    if worker.metrics_port == 0:
        raise ValueError("METRICS_PORT is 0, so the port is only known from the worker's log; give --url")
    host = EVERY_ADDRESS.get(worker.metrics_host, worker.metrics_host)
    return f"http://[{host}]:{worker.metrics_port}" if ":" in host else f"http://{host}:{worker.metrics_port}"
