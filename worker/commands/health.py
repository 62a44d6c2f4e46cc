"""`worker health`: the health check of a container. Exit 0 if the worker answers that it is alive, else 1."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from worker.commands.options import config_option
from worker.errors import SettingsError
from worker.telemetry.http.fetch import fetch

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

ALIVE = 200
PORT_MAX = 65535
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
        base, path = _place(url or _said(environ) or _configured(environ, config))
    except (ValueError, SettingsError) as error:
        raise click.ClickException(f"no answer, because there is nowhere to ask: {error}") from None
    try:
        status, body = fetch(base, path)
    except (OSError, ValueError) as error:
        why = getattr(error, "reason", error)
        raise click.ClickException(
            f"no answer from {base}: {why}\nno worker runs there, or it hangs, or its METRICS_HOST and METRICS_PORT"
            " differ from those here; --url asks elsewhere"
        ) from None
    click.echo(body.strip())
    ctx.exit(0 if status == ALIVE else 1)


def _place(url: str) -> tuple[str, str]:
    """Base and path of *url*; a URL without a path asks whether the worker is alive."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}", parts.path.rstrip("/") or "/livez"


def _said(environ: Mapping[str, str]) -> str:
    """Where the environment alone says that the metrics server is, as in our image; empty if it does not.

    Reading all settings takes longer than everything else that a probe does.
    """
    host, port = environ.get("METRICS_HOST", ""), environ.get("METRICS_PORT", "")
    if not (port.isascii() and port.isdecimal() and host in {"127.0.0.1", "::1", *EVERY_ADDRESS}):
        return ""
    return url_of(host, int(port)) if int(port) <= PORT_MAX else ""


def _configured(environ: Mapping[str, str], config: Path | None) -> str:
    """Where the settings say that it is."""
    from worker.settings import load  # noqa: PLC0415 - see `_said`

    worker = load(environ, config=config, needs_queue=False).worker
    return url_of(worker.metrics_host, worker.metrics_port)


def url_of(host: str, port: int) -> str:
    """Where a metrics server that listens on *host* and *port* answers.

    Raises:
        ValueError: the port is 0, so only the worker's log knows.
    """
    if port == 0:
        raise ValueError("METRICS_PORT is 0, so the port is only known from the worker's log; give --url")
    asked = EVERY_ADDRESS.get(host, host)
    return f"http://[{asked}]:{port}" if ":" in asked else f"http://{asked}:{port}"
