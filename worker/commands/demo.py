"""`worker demo`: the whole path on this machine, with the account at the end."""

from __future__ import annotations

import click

from worker.commands.options import json_option
from worker.demo import run_demo


@click.command("demo")
@click.option(
    "--messages", type=click.IntRange(1, 10_000_000), default=100_000, show_default=True, help="How many to move."
)
@json_option
@click.pass_context
def command(ctx: click.Context, *, messages: int, as_json: bool) -> None:
    """Send messages into a loopback queue, drain them into SQLite, and account for every one of them."""
    ctx.exit(run_demo(messages, as_json))
