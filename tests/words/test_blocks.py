"""Every block of code on the pages, cut out and run as printed."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import threading
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Final

import pytest

from tests.words.blocks import PORT, blocks, typed
from tests.words.pages import ROOT, pages
from worker.facts import PerformanceReported
from worker.loopback.serve import serve
from worker.sinks.sqlite.statements import BY_TIME, create_table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

TYPED: Final = {"sh", "python", "toml"}
AWS: Final = {
    "SQS_ENDPOINT_URL": f"http://127.0.0.1:{PORT}",
    "AWS_ACCESS_KEY_ID": "any",
    "AWS_SECRET_ACCESS_KEY": "any",
}
"""What stands for an account: the same commands, spoken to a loopback."""
QUEUES: Final = {
    "README.md": ("orders:dlq=orders-dead,max=3",),
    "docs/sinks/your-own.md": ("orders",),
    "docs/settings.md": ("thumbnail-generation:dlq=dead", "analytics:dlq=dead"),
}
"""Pages that are about an account, and the queues that it would have."""
OUTSIDE: Final = {
    ("docs/deploy/aws.md", 2): "terraform; tests/deploy/test_terraform.py applies the module",
    **{("docs/deploy/ecs.md", n): "an account; typed in order by tests/deploy/test_aws_page.py" for n in range(1, 10)},
    ("docs/deploy/kubernetes.md", 1): "needs a cluster; held to k8s/ by tests/deploy/test_kubernetes_page.py",
    ("docs/deploy/kubernetes.md", 2): "as block 1, and an account",
    ("docs/deploy/kubernetes.md", 3): "as block 2",
    ("docs/deploy/kubernetes.md", 4): "as block 2",
    ("docs/deploy/local.md", 1): "two terminals and fixed ports; typed by tests/deploy/test_local_page.py",
    ("docs/deploy/pm2.md", 1): "needs npm and an account; PM2 runs its file in tests/deploy/test_pm2.py",
    ("docs/deploy/systemd.md", 1): "needs root and an account; systemd runs its units in tests/deploy/test_systemd.py",
    ("docs/loopback.md", 3): "needs packages of npm; held to the peer of the benchmark, which runs them",
    ("docs/performance.md", 1): "two keys of /status, which a reader compares; read as JSON",
    **{("docs/sinks/dynamodb.md", n): "needs DynamoDB; run by tests/unit/sinks/dynamodb/test_page.py" for n in (1, 2)},
    **{("docs/sinks/kinesis.md", n): "needs Kinesis; run by tests/unit/sinks/kinesis/test_page.py" for n in (1, 2)},
    **{
        ("docs/sinks/http.md", n): "what is sent and answered; held to the sink by tests/unit/sinks/http"
        for n in (1, 2)
    },
    ("docs/sinks/postgres.md", 1): "needs PostgreSQL; run by tests/system/test_postgres_start.py",
    ("docs/sinks/s3.md", 1): "the query of a reader; run by tests/unit/sinks/s3/test_s3.py",
    ("docs/sinks/sqlite.md", 1): "what the sink executes; held to it below",
    **{("examples/kafka-like-sink/README.md", n): "typed by tests/system/test_examples.py" for n in (1, 2, 3)},
    ("docs/tutorial.md", 22): "needs a cluster; held below to docs/deploy/kubernetes.md",
}
"""Blocks that are not typed: page and number → why, and what is done instead."""
ALL: Final = [block for page in pages() for block in blocks(str(page.relative_to(ROOT)))]
PAGES: Final = list(dict.fromkeys(block.page for block in ALL))


@pytest.fixture
def port() -> int:
    """A free one, for the loopback of a page."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def account(queues: Sequence[str], port: int) -> Iterator[None]:
    """The account that the pages name, on this machine."""
    ready, loops = threading.Event(), []

    async def serving() -> None:
        stop = asyncio.Event()
        loops.append((asyncio.get_running_loop(), stop))
        await serve(
            host="127.0.0.1",
            port=port,
            account_id="123456789012",
            region="eu-central-1",
            queues=queues,
            started=lambda _: ready.set(),
            stop=stop,
        )

    thread = threading.Thread(target=asyncio.run, args=(serving(),))
    thread.start()
    assert ready.wait(60)
    try:
        yield
    finally:
        loop, stop = loops[0]
        loop.call_soon_threadsafe(stop.set)
        thread.join()


@pytest.mark.parametrize("page", PAGES)
def test_the_blocks_of_a_page_do_what_it_says(page: str, tmp_path: Path, port: int) -> None:
    """Typed one after the other, all succeed; a block without a language is what the one before it prints."""
    every = [block for block in blocks(page) if (page, block.number) not in OUTSIDE]
    environ = {name: value.replace(PORT, str(port)) for name, value in AWS.items()} if page in QUEUES else {}
    with account(QUEUES[page], port) if page in QUEUES else nullcontext():
        sitting = typed([block for block in every if block.language in TYPED], tmp_path, environ, port)
    last = max(sitting.said, default=0)
    assert sitting.code == 0, f"block {last}: {sitting.said.get(last)}"
    for block in every:
        if not block.language:
            assert block.text in sitting.said[block.number - 1]


def test_no_block_is_left_out() -> None:
    """Whatever is neither typed nor printed by what was typed stands in the list of exceptions, and they all exist."""
    left = {(one.page, one.number) for one in ALL if one.language not in TYPED | {""}}
    assert left <= OUTSIDE.keys()
    assert OUTSIDE.keys() <= {(one.page, one.number) for one in ALL}
    assert len(ALL) - len(OUTSIDE) > 20


def test_the_block_of_the_other_language_is_what_the_benchmark_runs() -> None:
    """Its imports and calls are those of the peer, which `make bench` runs with the packages pinned."""
    peer = ROOT.joinpath("bench/peers/sqs_consumer.mjs").read_text(encoding="utf-8")
    (block,) = (one for one in ALL if (one.page, one.number) == ("docs/loopback.md", 3))
    for used in (*re.findall(r"^import .*;$", block.text, re.MULTILINE), "Consumer.create(", "new SQSClient("):
        assert used.replace("'", '"') in peer.replace("'", '"'), used


def test_the_table_of_the_sqlite_page_is_the_one_that_the_worker_makes() -> None:
    """Word for word, but for the space between them."""
    (block,) = (one for one in ALL if one.page == "docs/sinks/sqlite.md")
    printed = " ".join(block.text.replace("(", " ( ").replace(")", " ) ").split())
    made = create_table("messages", BY_TIME).replace("(", " ( ").replace(")", " ) ")
    assert printed == " ".join(made.split()) + " ;"


def test_the_cluster_of_the_tutorial_is_the_one_of_its_page() -> None:
    """Each line stands in the trial of the page on Kubernetes, whose commands are held to `k8s/`."""
    (lines,) = (one.text.splitlines() for one in ALL if (one.page, one.number) == ("docs/tutorial.md", 22))
    (trial,) = (one.text.splitlines() for one in ALL if (one.page, one.number) == ("docs/deploy/kubernetes.md", 1))
    assert len(lines) > 3
    assert set(lines) <= set(trial)


def test_the_keys_of_the_status_are_those_that_are_shown() -> None:
    """As JSON, and fields of what /status and the log tell."""
    (block,) = (one for one in ALL if one.page == "docs/performance.md")
    assert json.loads("{" + block.text + "}").keys() <= set(PerformanceReported.names())
