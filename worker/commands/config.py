"""`worker config`: every setting, its value and where it came from."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import click

from worker.commands.options import config_option, json_option
from worker.settings import Loaded, load
from worker.settings.manual import manual

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@click.command("config")
@json_option
@click.option("--markdown", is_flag=True, hidden=True, help="The reference of all settings: docs/settings.md.")
@config_option
@click.pass_context
def command(ctx: click.Context, *, as_json: bool, markdown: bool, config: Path | None) -> None:
    """List every setting, its value and where it came from. Secrets are masked."""
    if markdown:
        click.echo(manual(), nl=False)
        return
    environ: Mapping[str, str] = ctx.obj
    loaded = load(environ, config=config, needs_queue=False)
    if as_json:
        click.echo(as_document(loaded))
    elif _on_terminal():
        _print_table(loaded)
    else:
        click.echo(as_lines(loaded))


def as_document(loaded: Loaded) -> str:
    """The settings for machines."""
    settings = {name: {"value": value, "origin": origin} for name, (value, origin) in loaded.origins.items()}
    return json.dumps({"settings": settings, "notices": list(loaded.notices)}, indent=2)


def as_lines(loaded: Loaded) -> str:
    """The settings in plain columns, for a file or a pipe."""
    names = max(len(name) for name in loaded.origins)
    values = max(len(value) for value, _ in loaded.origins.values())
    lines = [f"{name:{names}}  {value or '-':{values}}  {origin}" for name, (value, origin) in loaded.origins.items()]
    return "\n".join([*lines, *(f"notice: {notice}" for notice in loaded.notices)])


def _on_terminal() -> bool:
    return sys.stdout.isatty()


def _print_table(loaded: Loaded) -> None:
    from rich.console import Console  # noqa: PLC0415 - only a terminal pays for it
    from rich.table import Table  # noqa: PLC0415 - as above
    from rich.text import Text  # noqa: PLC0415 - as above

    table = Table("setting", "value", "origin", box=None, header_style="bold")
    for name, (value, origin) in loaded.origins.items():
        style = "dim" if origin == "default" else ""
        table.add_row(Text(name), Text(value or "-"), Text(origin), style=style)
    console = Console()
    console.print(table)
    for notice in loaded.notices:
        console.print(Text(f"notice: {notice}", style="yellow"))
