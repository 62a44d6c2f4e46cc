"""What a person types. Takes argv and the environment, gives an exit code, and explains in sentences what went wrong.

0 clean · 2 settings or usage · 3 refused by AWS or by the sink · 1 anything else. Each command is a file of
`worker/commands`, imported only when it runs, so that `worker --help` answers at once.
"""

from __future__ import annotations

import errno
import os
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, NoReturn

import click

from worker import __version__
from worker.errors import QueueRefused, SettingsError, SinkRefused, StartRefused, WorkerError

if TYPE_CHECKING:
    from collections.abc import Mapping

COMMANDS: Final[Mapping[str, str]] = {
    "run": "Move messages until told to stop.",
    "check": "Look at the settings, the queue and the sink, and say what will hurt.",
    "config": "List every setting, its value and where it came from.",
    "demo": "Show it working: a loopback queue, a database, and every message accounted for.",
    "loopback": "Serve SQS on this machine, for any AWS client.",
    "health": "Ask a running worker whether it is alive.",
}

EXIT_FAILED: Final = 1
EXIT_SETTINGS: Final = 2
EXIT_REFUSED: Final = 3


class Commands(click.Group):
    """A group whose commands are imported on use and whose failures are sentences."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """The names, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, _ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, from its own file."""
        if cmd_name not in COMMANDS:
            return None
        command = import_module(f"worker.commands.{cmd_name}").command
        return command if isinstance(command, click.Command) else None

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The table itself: nothing is imported for the help."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; what a user can cause ends in a sentence and an exit code."""
        try:
            return super().invoke(ctx)
        except Exception as error:
            _explain(ctx, error)
            raise


def _explain(ctx: click.Context, error: Exception) -> None:
    cause: BaseException = error
    while isinstance(cause, BaseExceptionGroup) and len(cause.exceptions) == 1:
        cause = cause.exceptions[0]
    match cause:
        case SettingsError(problems=problems):
            _end(ctx, EXIT_SETTINGS, "the settings cannot work:\n" + "\n".join(f"  - {p}" for p in problems))
        case QueueRefused() | SinkRefused() | StartRefused():
            _end(ctx, EXIT_REFUSED, f"{cause}\n`worker check` says what to change")
        case WorkerError():
            _end(ctx, EXIT_FAILED, str(cause))
        case OSError(errno=errno.EADDRINUSE):
            _end(ctx, EXIT_FAILED, f"{cause}\nchoose another port (--port or METRICS_PORT); 0 takes any free one")
        case OSError(errno=number) if number != errno.EPIPE:  # click itself ends on a closed pipe
            _end(ctx, EXIT_FAILED, str(cause))


def _end(ctx: click.Context, code: int, text: str) -> NoReturn:
    click.echo(f"worker: {text}", err=True)
    ctx.exit(code)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="worker", message="%(prog)s %(version)s")
@click.pass_context
def main(ctx: click.Context) -> None:
    """Move every message of an Amazon SQS queue into your database, and lose none."""
    ctx.obj = dict(os.environ)
