"""Who is measured: one table, each with its command, its settings, what it needs, and how it was set up.

Commands are started in an empty folder of their own; `{...}` in a setting is filled with the run's addresses and paths.
"""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT: Final = Path(__file__).parents[1]
PEERS: Final = ROOT / "bench" / "peers"
PEERS_PYTHON: Final = ROOT / ".bench-peers" / "bin" / "python"
_MEASURED: Final = ROOT / ".bench-worker" / "bin" / "python"
OUR_PYTHON: Final = str(_MEASURED) if _MEASURED.exists() else sys.executable
"""Makes us what the image is: an optimized build, if there is one here (see the Makefile)."""
OURS: Final[Mapping[str, str]] = {
    "PYTHONPATH": str(ROOT),
    "SQS_QUEUE_URL": "{queue_url}",
    "SQS_ENDPOINT_URL": "{endpoint}",
    "SQLITE_PATH": "{rows}",
    "NDJSON_PATH": "{folder}/messages.ndjson",
    "METRICS_PORT": "0",
    "LOG_FORMAT": "json",
}
THEIRS: Final[Mapping[str, str]] = {"QUEUE_URL": "{queue_url}", "ENDPOINT_URL": "{endpoint}", "THREADS": "16"}

Transport = Literal["native", "sdk"]


@dataclass(frozen=True, slots=True)
class Contestant:
    """A program that empties a queue."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    how: str = ""
    """How it is set up, in the words of the results."""
    ours: bool = False
    rows: bool = False
    """It writes rows that can be counted afterwards."""
    celery: bool = False
    """It understands only its own messages."""
    needs: Mapping[Path | str, str] = field(default_factory=dict)
    """Files, or programs on the PATH, that it cannot run without, and what brings them."""
    every_core: bool = False
    """It is given all cores, the loopback's too."""

    def missing(self) -> str | None:
        """Why it cannot run here; None if it can."""
        for what, remedy in self.needs.items():
            there = what.exists() if isinstance(what, Path) else shutil.which(what) is not None
            if not there:
                return f"{what.name if isinstance(what, Path) else what} is missing: {remedy}"
        return None

    def named(self, name: str, **environment: str) -> Contestant:
        """The same with another name and more settings."""
        return replace(self, name=name, environment={**self.environment, **environment})


def ourselves(transport: Transport, sink: str = "sqlite", **environment: str) -> Contestant:
    """`worker run`, with its defaults except for *environment*."""
    return Contestant(
        f"worker, {transport}, {sink}",
        (OUR_PYTHON, "-m", "worker", "run"),
        {**OURS, "SQS_TRANSPORT": transport, "SINK": sink, **environment},
        ours=True,
        rows=sink == "sqlite",
        how="defaults",
        needs={ROOT / "worker" / "sqs" / "native" / "queue.py": "this worker has no native path"}
        if transport == "native"
        else {},
    )


def quicker_transport() -> Transport:
    """The native path where it is there."""
    return "sdk" if ourselves("native").missing() else "native"


def observed(transport: Transport) -> Contestant:
    """Ourselves with a clock beside the sink; see `observed.py`."""
    arguments = (OUR_PYTHON, "-m", "bench.observed", "{folder}/spans.json", "run")
    return replace(ourselves(transport), name=f"worker, {transport}, sqlite", command=arguments)


def sampled(transport: Transport) -> Contestant:
    """Ourselves with a clock that looks where the event loop is; see `sampled.py`."""
    arguments = (OUR_PYTHON, "-m", "bench.sampled", "{folder}/parts.json", "run")
    return replace(ourselves(transport), name=f"worker, {transport}, sqlite", command=arguments)


def floor(sink: Literal["sqlite", "discard"]) -> Contestant:
    """What is left when all that makes a worker is left out; see `floor.py`."""
    rows = {"ROWS": "{rows}"} if sink == "sqlite" else {}
    return Contestant(
        f"floor, {sink}",
        (OUR_PYTHON, "-m", "bench.floor"),
        {**THEIRS, "PYTHONPATH": str(ROOT), **rows},
        how="no worker and no peer: our signing, parsing and table in callbacks of 64 connections, nothing around them",
        ours=True,
        rows=sink == "sqlite",
    )


_PIP: Final[Mapping[Path | str, str]] = {PEERS_PYTHON: "`make bench` installs it with pip"}

AIOBOTOCORE: Final = Contestant(
    "aiobotocore",
    (str(PEERS_PYTHON), str(PEERS / "aiobotocore_loop.py")),
    THEIRS,
    how="32 tasks over one client on uvloop, receive and DeleteMessageBatch",
    needs=_PIP,
)
SQS_CONSUMER: Final = Contestant(
    "sqs-consumer",
    ("node", str(PEERS / "sqs_consumer.mjs")),
    THEIRS,
    how="handleMessageBatch, batchSize 10, 16 consumers over one client",
    needs={
        "node": "install Node.js and npm to have sqs-consumer measured",
        PEERS / "node_modules" / "sqs-consumer": "npm installs it in `make bench`",
    },
)
BOTO3: Final = Contestant(
    "boto3",
    (str(PEERS_PYTHON), str(PEERS / "boto3_threads.py")),
    THEIRS,
    how="16 threads over one client, receive and DeleteMessageBatch",
    needs=_PIP,
)
CELERY: Final = Contestant(
    "celery",
    (str(PEERS_PYTHON), str(PEERS / "celery_worker.py")),
    THEIRS,
    how="SQS broker, 4 threads, prefetch multiplier 100, no results; its own envelope around the same bodies",
    celery=True,
    needs=_PIP,
)
PEERS_ALL: Final = (AIOBOTOCORE, SQS_CONSUMER, BOTO3, CELERY)
