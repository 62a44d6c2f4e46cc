"""`worker iam`: the least policy for the configured pipelines, and what each statement of it is for."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, get_args

import click

from worker.commands.options import config_option
from worker.deploy.arn import ACCOUNT, tasks_of
from worker.deploy.places import place_of, unnamed_letters
from worker.deploy.rights import Role, Statement, document, statements
from worker.errors import SettingsError
from worker.settings import load
from worker.sinks.registry import SINKS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from worker.settings import Loaded


def _account(_ctx: click.Context, _option: click.Parameter, given: str | None) -> str | None:
    if given is not None and ACCOUNT.fullmatch(given) is None:
        raise click.BadParameter("an account has 12 digits")
    return given


@click.command("iam")
@click.option("--role", type=click.Choice(get_args(Role)), default="worker", show_default=True, help="Whose policy.")
@click.option("--account", metavar="ID", callback=_account, help="The account of queues given by their names alone.")
@click.option("--dead-letters", metavar="ARN", help="The redrive policy's queue, where SQS_DLQ_URL is not set.")
@click.option("--kms-key", "keys", metavar="ARN", multiple=True, help="A KMS key that encrypts the queues; repeatable.")
@click.option("--ecs-cluster", metavar="ARN", help="For a worker on ECS: protecting its own task while it works.")
@config_option
@click.pass_context
def command(
    ctx: click.Context,
    *,
    role: Role,
    account: str | None,
    dead_letters: str | None,
    keys: Sequence[str],
    ecs_cluster: str | None,
    config: Path | None,
) -> None:
    """Print the least IAM policy for the configured pipelines; on stderr, what each statement of it is for."""
    environ: Mapping[str, str] = ctx.obj
    loaded = load(environ, config=config)
    try:
        places = [place_of(settings, account=account, redrive=dead_letters) for settings in loaded.pipelines]
        found = statements(role, places, keys=keys, tasks=tasks_of(ecs_cluster) if ecs_cluster else "")
    except ValueError as error:
        raise SettingsError([str(error)]) from None
    click.echo(json.dumps(document(found), indent=2))
    for line in _remarks(role, loaded, found, named=dead_letters is not None):
        click.echo(line, err=True)


def _remarks(role: Role, loaded: Loaded, found: Sequence[Statement], *, named: bool) -> list[str]:
    width = max(len(one.sid) for one in found)
    lines = [f"{one.sid:{width}}  {one.purpose}" for one in found]
    if role == "worker":
        unnamed = [] if named else [words for settings in loaded.pipelines if (words := unnamed_letters(settings))]
        lines += [f"note: {words}" for words in unnamed]
        rights = [SINKS.find(settings.sink).rights for settings in loaded.pipelines]
        lines += dict.fromkeys(f"note: {words}" for words in rights if words)
    return lines
