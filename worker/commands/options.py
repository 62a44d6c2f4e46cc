"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path

import click

config_option = click.option(
    "--config",
    type=click.Path(path_type=Path),
    help="A worker.toml; WORKER_CONFIG or ./worker.toml if it is not given.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="For machines.")
