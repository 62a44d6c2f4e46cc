"""`python -m bench.sinks [NAME …]`: what a sink costs, end to end from the loopback, with its destination beside that.

A run drains messages of 500 bytes for some seconds, with the settings of its row and the defaults otherwise.
"""

from __future__ import annotations

import socket
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import boto3
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
OF_FILES: Final = (400_000, Window(2.0, 8.0))
"""For a sink of large files, whose messages are deleted 20,000 at a time: a short window would see more or fewer."""
ROUNDS: Final = 3


@contextmanager
def started(module: str) -> Iterator[str]:
    """The URL of a service that accepts everything, on the loopback's core."""
    with pinned(core_of_loopback()):
        process = subprocess.Popen([sys.executable, "-m", module], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    with process:
        try:
            assert process.stdout is not None  # noqa: S101 - it was asked for
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


@contextmanager
def service(**settings: str) -> Iterator[Mapping[str, str]]:
    """For `SINK=http`."""
    with started("bench.service") as url:
        yield {"SINK": "http", "HTTP_URL": url, **settings}


@contextmanager
def dynalite(**settings: str) -> Iterator[Mapping[str, str]]:
    """For `SINK=dynamodb`: an emulator in memory with an empty table, on the loopback's core."""
    program, port = ROOT / "tests" / "contract" / "npm" / "node_modules" / "dynalite" / "cli.js", free_port()
    url, words = f"http://127.0.0.1:{port}", ["--host", "127.0.0.1", "--port", str(port), "--createTableMs", "0"]
    with pinned(core_of_loopback()):
        process = subprocess.Popen(["node", str(program), *words], stdout=subprocess.PIPE, text=True)
    with process:
        try:
            assert process.stdout is not None  # noqa: S101 - it was asked for
            process.stdout.readline()  # that it listens
            make_table(url)
            yield {"SINK": "dynamodb", "DYNAMODB_TABLE": "orders", "DYNAMODB_ENDPOINT_URL": url, **settings}
        finally:
            process.terminate()


def free_port() -> int:
    """A port that was free a moment ago: dynalite does not say which it has chosen."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def make_table(url: str) -> None:
    """The table of the page."""
    key = {"aws_access_key_id": "any", "aws_secret_access_key": "any"}
    client = boto3.client("dynamodb", endpoint_url=url, region_name="us-east-1", **key)
    client.create_table(
        TableName="orders",
        AttributeDefinitions=[{"AttributeName": "message_id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "message_id", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )
    client.get_waiter("table_exists").wait(TableName="orders", WaiterConfig={"Delay": 1})
    client.close()


@contextmanager
def bucket(**settings: str) -> Iterator[Mapping[str, str]]:
    """For `SINK=s3`."""
    keys = {"AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any", "AWS_REGION": "us-east-1"}
    with started("bench.bucket") as url:
        yield {"SINK": "s3", "S3_BUCKET": "bench", "S3_ENDPOINT_URL": url, **keys, **settings}


@contextmanager
def stream() -> Iterator[Mapping[str, str]]:
    """For `SINK=kinesis`."""
    keys = {"AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any", "AWS_REGION": "us-east-1"}
    with started("bench.service") as url:
        yield {"SINK": "kinesis", "KINESIS_STREAM": "orders", "KINESIS_ENDPOINT_URL": url, **keys}


RUNS: Final[Mapping[str, Callable[[], AbstractContextManager[Mapping[str, str]]]]] = {
    "http json": service,
    "http ndjson, gzip": lambda: service(HTTP_FORMAT="ndjson", HTTP_COMPRESSION="gzip"),
    "dynamodb overwrite": dynalite,
    "dynamodb conditional": lambda: dynalite(DYNAMODB_MODE="conditional"),
    "http single": lambda: service(HTTP_FORMAT="single", WORKER_CONCURRENCY="32"),
    "s3 ndjson, gzip": bucket,
    "s3 ndjson, zstd": lambda: bucket(S3_COMPRESSION="zstd"),
    "s3 parquet, zstd": lambda: bucket(S3_FORMAT="parquet"),
    "s3 avro, gzip": lambda: bucket(S3_FORMAT="avro"),
    "kinesis": stream,
}
"""By name: a destination, and the settings of a worker that writes to it."""


def measured(name: str) -> Figures:
    """The middle of some rounds, by the rate."""
    found: list[Figures] = []
    for _ in range(ROUNDS):
        with RUNS[name]() as settings:
            sink, rest = settings["SINK"], {key: value for key, value in settings.items() if key != "SINK"}
            waiting, window = OF_FILES if sink == "s3" else (WAITING, WINDOW)
            found.append(drain(ourselves(quicker_transport(), sink, **rest), Load(waiting), window))
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
