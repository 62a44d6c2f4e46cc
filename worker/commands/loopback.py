"""`worker loopback`: SQS on this machine until SIGTERM, SIGINT, SIGHUP or SIGQUIT."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click
import uvloop

from worker.loopback.rules import Rules
from worker.loopback.serve import serve
from worker.process.early import stopping_signals

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command("loopback")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=9324, show_default=True, help="0 takes any free one.")
@click.option("--queue", "queues", multiple=True, metavar="SPEC", help="NAME, or NAME:dlq=OTHER,max=3,visibility=30.")
@click.option("--seed", type=int, default=0, show_default=True, help="Makes ids and faults repeatable.")
@click.option(
    "--rules",
    type=click.Choice([one.value for one in Rules]),
    default=Rules.RECORDED.value,
    show_default=True,
    help="Where AWS differs from its pages: as it was recorded, or as they say.",
)
@click.option("--ledger", type=click.Path(dir_okay=False, path_type=Path), help="Record all changes of messages here.")
@click.option("--tls-cert", type=_FILE, help="Speak https with this certificate (PEM); needs --tls-key.")
@click.option("--tls-key", type=_FILE, help="The certificate's private key (PEM).")
def command(
    *,
    host: str,
    port: int,
    queues: tuple[str, ...],
    seed: int,
    rules: str,
    ledger: Path | None,
    tls_cert: Path | None,
    tls_key: Path | None,
) -> None:
    """Serve SQS on this machine, for any AWS client."""
    if (tls_cert is None) != (tls_key is None):
        raise click.UsageError("--tls-cert and --tls-key go together")
    tls = None if tls_cert is None or tls_key is None else (tls_cert, tls_key)
    serving = partial(serve, host=host, port=port, queues=queues, seed=seed, rules=Rules(rules), ledger=ledger, tls=tls)
    uvloop.run(_until_stopped(serving))


async def _until_stopped(serving: Callable[..., Awaitable[None]]) -> None:
    stop = asyncio.Event()
    for number in stopping_signals():
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await serving(started=_started, stop=stop)


def _started(url: str) -> None:
    click.echo(f"SQS answers at {url}")
