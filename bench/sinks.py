"""`python -m bench.sinks [NAME …]`: what a sink costs, end to end from the loopback, with its destination beside that.

A run drains messages of 500 bytes for some seconds, with the settings of its row and the defaults otherwise.
"""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import click

from bench.contestants import ROOT, ourselves, quicker_transport
from bench.drain import Window, drain
from bench.load import Load
from bench.machine import core_of_loopback, pinned

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager

    from bench.drain import Figures

WAITING: Final = 100_000
WINDOW: Final = Window(1.0, 2.5)
ROUNDS: Final = 3


@contextmanager
def service(**settings: str) -> Iterator[Mapping[str, str]]:
    """For `SINK=http`: a service that accepts everything, on the loopback's core."""
    with pinned(core_of_loopback()):
        process = subprocess.Popen([sys.executable, "-m", "bench.service"], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    with process:
        try:
            assert process.stdout is not None  # noqa: S101 - it was asked for
            yield {"SINK": "http", "HTTP_URL": process.stdout.readline().strip(), **settings}
        finally:
            process.terminate()


RUNS: Final[Mapping[str, Callable[[], AbstractContextManager[Mapping[str, str]]]]] = {
    "http json": service,
    "http ndjson, gzip": lambda: service(HTTP_FORMAT="ndjson", HTTP_COMPRESSION="gzip"),
    "http single": lambda: service(HTTP_FORMAT="single", WORKER_CONCURRENCY="32"),
}
"""By name: a destination, and the settings of a worker that writes to it."""


def measured(name: str) -> Figures:
    """The middle of some rounds, by the rate."""
    found: list[Figures] = []
    for _ in range(ROUNDS):
        with RUNS[name]() as settings:
            sink, rest = settings["SINK"], {key: value for key, value in settings.items() if key != "SINK"}
            found.append(drain(ourselves(quicker_transport(), sink, **rest), Load(WAITING), WINDOW))
    return sorted(found, key=lambda figures: figures.rate)[ROUNDS // 2]


@click.command()
@click.argument("names", nargs=-1)
def main(names: tuple[str, ...]) -> None:
    """Measure the sinks whose rows begin with NAMES, or all."""
    click.echo("| sink | messages/s | CPU µs/message | peak MiB |\n|---|---|---|---|")
    for name in RUNS:
        if not names or name.startswith(names):
            figures = measured(name)
            peak = figures.peak_bytes / 2**20
            click.echo(f"| {name} | {figures.rate:,.0f} | {figures.cpu_microseconds:.1f} | {peak:.0f} |")


if __name__ == "__main__":
    main()
