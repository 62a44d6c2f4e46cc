"""What a person sees of the demonstration: two bars and the account as a table, or nothing at all with `--json`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars
from rich.table import Table

if TYPE_CHECKING:
    from worker.demo.account import DemoAccount
    from worker.demo.processes import Status


INTRODUCTION: Final = """\
Orders are sent into a queue of an SQS on this machine, such as {"order_id": "o-0-000000001", ...};
then `worker run --drain` moves each into a row of SQLite, and deletes it from the queue when it is there.
Nothing leaves this machine, no account is needed, and all of it is removed at the end."""
NEXT: Final = """
What to look at next:
  docs/tutorial.md       by hand in ten minutes, with your own function
  worker loopback        an SQS on this machine for whatever you write
  worker check           your own queue and sink, before anything moves"""


class Progress:
    """Two bars on a terminal: sending, then draining with rate, ETA and in flight."""

    def __init__(self, messages: int, *, silent: bool) -> None:
        self._bars = Bars(
            SpinnerColumn(),
            TextColumn("{task.description:<9}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]:>9} msg/s"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[in_flight]}"),
            disable=silent,
        )
        self._sending = self._bars.add_task("sending", total=messages, rate="", in_flight="")
        self._draining = self._bars.add_task("draining", total=messages, rate="", in_flight="", start=False)

    def __enter__(self) -> Self:
        if not self._bars.disable:
            self._bars.console.print(INTRODUCTION)
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def sent(self, messages: int) -> None:
        """So many are in the queue."""
        self._update(self._sending, messages, "")

    def drained(self, status: Status) -> None:
        """So many are rows, and gone from the queue."""
        if not self._bars.tasks[self._draining].started:
            self._bars.start_task(self._draining)
        self._update(self._draining, status.deleted, f"{status.in_flight} in flight")

    def finished(self, messages: int) -> None:
        """All of them."""
        self._update(self._draining, messages, "0 in flight")

    def _update(self, bar: int, completed: int, in_flight: str) -> None:
        task = self._bars.tasks[bar]
        speed = task.finished_speed or task.speed
        rate = f"{speed:,.0f}" if speed else ""
        self._bars.update(task.id, completed=completed, rate=rate, in_flight=in_flight)


def table(account: DemoAccount) -> None:
    """Print the account."""
    rows = Table(title="The account", show_header=False)
    rows.add_column(justify="left")
    rows.add_column(justify="right")
    for name, value in account.as_dict().items():
        rows.add_row(name.replace("_", " "), f"{value:,}")
    console = Console()
    console.print(rows)
    verdict = "exact: every message is one row" if account.exact else "NOT exact: see lost and duplicates"
    console.print(verdict, style="bold green" if account.exact else "bold red")
    console.print(NEXT, highlight=False)
