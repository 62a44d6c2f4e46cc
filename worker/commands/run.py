"""`worker run`: settings in, messages moved, exit code out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from worker.commands.options import config_option
from worker.errors import SettingsError
from worker.run import run_worker
from worker.settings import load

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@click.command("run")
@click.option("--drain", is_flag=True, help="End when the queue is empty.")
@config_option
@click.pass_context
def command(ctx: click.Context, *, drain: bool, config: Path | None) -> None:
    """Move messages until told to stop: SIGTERM or SIGINT drains, a second one gives back what is in hand."""
    environ: Mapping[str, str] = ctx.obj
    loaded = load(environ, config=config)
    if drain and not loaded.worker.enable_consumer:
        raise SettingsError(["--drain with ENABLE_SQS_CONSUMER=false would never end: leave one of the two out"])
    ctx.exit(run_worker(loaded, drain=drain))
