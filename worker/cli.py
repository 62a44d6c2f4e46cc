"""What a person types. Takes argv and the environment, gives an exit code, and explains in sentences what went wrong.

0 clean · 2 settings or usage · 3 refused by AWS or by the sink · 1 anything else. Each command is a file of
`worker/commands`, imported only when it runs, so that `worker --help` answers at once.
"""

from __future__ import annotations

import errno
import logging
import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, NoReturn

import click

from worker import __version__
from worker.errors import QueueRefused, SettingsError, SinkRefused, StartRefused, WorkerError
from worker.process import early

if TYPE_CHECKING:
    from collections.abc import Mapping

COMMANDS: Final[Mapping[str, str]] = {
    "run": "Move messages until told to stop.",
    "check": "Check settings, queue and sink; each finding comes with its fix.",
    "config": "List every setting, its value and where it came from.",
    "demo": "Show it working: a loopback queue, a database, and every message accounted for.",
    "loopback": "Serve SQS on this machine, for any AWS client.",
    "health": "Ask a running worker whether it is alive.",
    "iam": "Print the least IAM policy for the configured pipelines.",
    "scaling": "Compute replicas and autoscaling targets from measured rates and a deadline.",
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
        if cmd_name not in early.LONG_RUNNING:  # those listen in their own way
            early.interruptible()
        return command if isinstance(command, click.Command) else None

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The table itself: nothing is imported for the help."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; what a user can cause ends in a sentence and an exit code."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.Abort, click.exceptions.Exit):
            raise  # click's own ways to end, which it explains itself
        except Exception as error:
            _explain(ctx, error)
            raise


class LastWords(logging.StreamHandler[Any]):
    """What libraries log while nobody routes it (`telemetry/logs/stdlib.py`): a line for each, without tracebacks."""

    def format(self, record: logging.LogRecord) -> str:
        """Who says it, and what."""
        return f"worker: {record.name}: {record.getMessage()}"


def _explain(ctx: click.Context, error: Exception) -> None:
    cause: BaseException = error
    while isinstance(cause, BaseExceptionGroup):  # of several that ended it together the first is told
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
        case OSError(errno=errno.EPIPE):
            return  # click itself ends on a closed pipe
        case OSError():
            _end(ctx, EXIT_FAILED, str(cause))
        case _:
            _end(ctx, EXIT_FAILED, early.defect(cause))


def _end(ctx: click.Context, code: int, text: str) -> NoReturn:
    click.echo(f"worker: {text}", err=True)
    ctx.exit(code)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="worker", message="%(prog)s %(version)s")
@click.pass_context
def main(ctx: click.Context) -> None:
    """Move every message of an Amazon SQS queue into your database, and lose none."""
    if early.begun():
        logging.lastResort = LastWords(sys.stderr)
        logging.lastResort.setLevel(logging.WARNING)
        logging.captureWarnings(capture=True)
    ctx.obj = dict(os.environ)
