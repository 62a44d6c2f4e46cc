"""The loopback as a program: makes the queues that were named, serves until it is told to stop.

Takes an address and queue specifications, gives its URL to *started* once it listens; ends when *stop* is set.
"""

from __future__ import annotations

import random
import ssl
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

import orjson

from worker.errors import SettingsError
from worker.loopback.errors import SqsFault
from worker.loopback.faults import Faults
from worker.loopback.journal import JournalFile
from worker.loopback.rules import Rules
from worker.loopback.server import LoopbackServer
from worker.loopback.service import LoopbackSqs

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Sequence
    from pathlib import Path

_OPTIONS = {
    "visibility": "VisibilityTimeout",
    "delay": "DelaySeconds",
    "retention": "MessageRetentionPeriod",
    "wait": "ReceiveMessageWaitTimeSeconds",
}


async def serve(  # noqa: PLR0913 - one for each option of the command line
    *,
    host: str,
    port: int,
    account_id: str = "000000000000",
    region: str = "us-east-1",
    queues: Sequence[str] = (),
    seed: int = 0,
    rules: Rules = Rules.RECORDED,
    ledger: Path | None = None,
    tls: tuple[Path, Path] | None = None,
    started: Callable[[str], None],
    stop: asyncio.Event,
) -> None:
    """Serve SQS on *host*:*port* (0: any free one) with *queues* made first, until *stop* is set.

    With *ledger* every change of a message is booked in that file; without, nobody looks. With *tls*, the files of a
    certificate and its key, it speaks https only.

    Raises:
        SettingsError: a queue specification cannot be met, or a file of *tls* cannot be used.
    """
    rng = random.Random(seed)  # noqa: S311 - ids and faults, no secrets
    with ExitStack() as books:
        observe = None
        if ledger is not None:
            file = JournalFile(ledger)
            books.callback(file.close)
            observe = file.observe
        sqs = LoopbackSqs(rng=rng, clock=time.time, account_id=account_id, region=region, rules=rules, observe=observe)
        make_queues(sqs, queues)
        faults, context = Faults(rng=rng, clock=time.time), None if tls is None else tls_context(*tls)
        async with LoopbackServer(sqs, faults=faults, host=host, port=port, tls=context) as server:
            started(server.endpoint_url)
            await stop.wait()


def tls_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """What a server needs to speak TLS, 1.2 or newer as AWS does, with this certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = max(context.minimum_version, ssl.TLSVersion.TLSv1_2)
    try:
        context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        raise SettingsError([f"certificate {certificate} with key {key}: {error}"]) from error
    return context


def make_queues(sqs: LoopbackSqs, specifications: Sequence[str]) -> None:
    """Make queues from `NAME`, `NAME.fifo` or `NAME:dlq=OTHER,max=3,visibility=30`; a missing dead-letter queue too."""
    problems = []
    for one in specifications:
        try:
            _make(sqs, one)
        except (SqsFault, ValueError) as error:
            problems.append(f"queue {one!r}: {error}")
    if problems:
        raise SettingsError(problems)


def _make(sqs: LoopbackSqs, specification: str) -> None:
    name, _, rest = specification.partition(":")
    given = dict(_pair(option) for option in rest.split(",") if option)
    dead, most = given.pop("dlq", None), given.pop("max", "10")
    unknown = set(given) - set(_OPTIONS)
    if unknown:
        raise ValueError(f"no option {min(unknown)!r}; there are dlq, max, {', '.join(_OPTIONS)}")
    attributes = {_OPTIONS[option]: value for option, value in given.items()}
    if dead is not None:
        target = sqs.create_queue(dead, _fifo(dead))
        policy = {"deadLetterTargetArn": target.arn, "maxReceiveCount": most}
        attributes["RedrivePolicy"] = orjson.dumps(policy).decode()
    if name in sqs.registry.names(name):
        sqs.set_queue_attributes(name, attributes)  # it was made before, as somebody's dead-letter queue
    else:
        sqs.create_queue(name, attributes | _fifo(name))


def _fifo(name: str) -> dict[str, str]:
    return {"FifoQueue": "true", "ContentBasedDeduplication": "true"} if name.endswith(".fifo") else {}


def _pair(option: str) -> tuple[str, str]:
    key, equals, value = option.partition("=")
    if not equals:
        raise ValueError(f"{option!r} is not OPTION=VALUE")
    return key, value
