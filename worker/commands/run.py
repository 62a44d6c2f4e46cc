"""`worker run`: settings in, messages moved, exit code out."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from worker.commands.options import config_option
from worker.cpus import processes_of
from worker.errors import SettingsError
from worker.process.platform import VARIABLES, found
from worker.settings import load

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@click.command("run")
@click.option("--drain", is_flag=True, help="End when the queue is empty.")
@click.option("--lifeline", type=int, hidden=True, help="A parent's: the descriptor that ties this process to it.")
@config_option
@click.pass_context
def command(ctx: click.Context, *, drain: bool, lifeline: int | None, config: Path | None) -> None:
    """Move messages until told to stop: SIGTERM (SIGINT, SIGHUP, SIGQUIT) drains, a second one gives back."""
    platform = found(os.environ)
    environ: Mapping[str, str] = {name: value for name, value in ctx.obj.items() if name not in VARIABLES}
    loaded = load(environ, config=config)
    if drain and not loaded.worker.enable_consumer:
        raise SettingsError(["--drain with ENABLE_SQS_CONSUMER=false would never end: leave one of the two out"])
    processes = processes_of(loaded.worker.processes)
    if processes > 1 and lifeline is None:
        from worker.process.parent.run import run_parent  # noqa: PLC0415 - a parent needs nothing of a worker

        code = run_parent(loaded, processes=processes, environ=environ, config=config, drain=drain, platform=platform)
        ctx.exit(code)
    from worker.process.lifeline import Lifeline  # noqa: PLC0415 - as above
    from worker.process.run import run_worker  # noqa: PLC0415 - as above

    tied = None if lifeline is None else Lifeline(lifeline)
    ctx.exit(run_worker(loaded, drain=drain, lifeline=tied, platform=platform))
