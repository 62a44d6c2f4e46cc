"""Additions stay small: each is made in a copy as a newcomer would, git counts the files, and the program uses it.

The last test makes all five at once, and holds the copy to what every change is held to.
"""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import boto3
import pytest

from tests.house.additions import add_codec, add_command, add_metric, add_setting, add_sink
from tests.house.copied import Copy, copied
from worker.telemetry.http.fetch import fetch

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow
KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "us-east-1"}


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    return copied(tmp_path / "copy")


@contextmanager
def said_by(copy: Copy, *argv: str, environ: dict[str, str], until: str) -> Iterator[str]:
    """The first line of a worker of *copy* that says *until*; it is ended afterwards."""
    process = subprocess.Popen(
        [sys.executable, "-m", "worker", *argv],
        cwd=copy.root,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(copy.root), **environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield next(line for line in process.stdout if until in line)
    finally:
        process.terminate()
        process.communicate(timeout=60)


@contextmanager
def queue(copy: Copy, *bodies: str) -> Iterator[dict[str, str]]:
    """A loopback of *copy* with *bodies* in its queue; the settings of a worker for it."""
    argv = ("loopback", "--port", "0", "--queue", "orders", "--queue", "dead")
    with said_by(copy, *argv, environ={}, until="http://") as line:
        endpoint = next(word for word in line.split() if word.startswith("http://"))
        sqs = boto3.client(
            "sqs", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="a"
        )
        url = f"{endpoint}/000000000000/orders"
        for body in bodies:
            sqs.send_message(QueueUrl=url, MessageBody=body)
        yield {**KEYS, "SQS_QUEUE_URL": url, "SQS_ENDPOINT_URL": endpoint, "SQS_DLQ_URL": "dead", "LOG_FORMAT": "json"}


def drained(copy: Copy, settings: dict[str, str]) -> dict[str, int]:
    """The account of a worker that ran until the queue was empty."""
    lines = copy.python("-m", "worker", "run", "--drain", environ=settings).splitlines()
    (account,) = [json.loads(line) for line in lines if '"pipeline_stopped"' in line]
    return {name: account[name] for name in ("received", "deleted", "rejected")}


def test_a_sink_is_a_folder_and_its_page(copy: Copy) -> None:
    """It is chosen by its name, configured by its own variable, documented, checked, and fed."""
    add_sink(copy)
    assert copy.touched() == ["docs/settings.md", "docs/sinks/tally.md", "worker/sinks/tally/"]
    chosen = {"SINK": "tally", "TALLY_PATH": "counted.txt"}
    assert "counted.txt" in copy.python("-m", "worker", "config", environ=chosen)
    with queue(copy, '{"who": "Ann"}', '{"who": "Bo"}', '{"item": "tea"}') as settings:
        copy.python("-m", "worker", "check", environ={**settings, **chosen})
        assert drained(copy, {**settings, **chosen}) == {"received": 3, "deleted": 2, "rejected": 1}
    assert sorted(copy.root.joinpath("counted.txt").read_text().split()) == ["Ann", "Bo"]


def test_a_codec_is_a_folder(copy: Copy) -> None:
    """Bodies are read by it, and what it refuses is rejected."""
    add_codec(copy)
    assert copy.touched() == ["docs/settings.md", "worker/codecs/pairs/"]
    chosen = {"CODEC": "pairs", "SINK": "ndjson", "NDJSON_PATH": "read.ndjson"}
    with queue(copy, "who=Ann;item=tea", "nothing") as settings:
        assert drained(copy, {**settings, **chosen}) == {"received": 2, "deleted": 1, "rejected": 1}
    (line,) = copy.root.joinpath("read.ndjson").read_text().splitlines()
    assert json.loads(line)["body"] == {"who": "Ann", "item": "tea"}


def test_a_setting_is_a_field(copy: Copy) -> None:
    """It is shown with its origin, refused with its name when it is wrong, and guessed when it is misspelt."""
    add_setting(copy)
    assert copy.touched() == ["docs/settings.md", "worker/settings/worker.py"]
    assert copy.added_lines("docs/settings.md") == (1, 0)
    shown = json.loads(copy.python("-m", "worker", "config", "--json", environ={"WORKER_SITE": "berlin"}))["settings"]
    assert [told["value"] for name, told in shown.items() if "SITE" in name.upper()] == ["berlin"]
    assert "WORKER_SITE" in copy.python("-m", "worker", "config", environ={"WORKER_SITE": "B 1"}, code=2)
    assert "WORKER_SITE" in copy.python("-m", "worker", "config", environ={"WORKER_SITTE": "berlin"}, code=2)


def test_a_metric_is_a_line_above_its_fact(copy: Copy) -> None:
    """A running worker shows it on /metrics, with the labels that all have."""
    add_metric(copy)
    assert copy.touched() == ["docs/metrics.md", "worker/facts/receiving.py"]
    assert [copy.added_lines(name) for name in copy.touched()] == [(1, 0), (1, 0)]
    with queue(copy, '{"who": "Ann"}') as settings:
        environ = {**settings, "SINK": "discard", "METRICS_PORT": "0", "SQS_WAIT_TIME_SECONDS": "1"}
        with said_by(copy, "run", environ=environ, until='"worker_started"') as line:
            url = json.loads(line)["metrics_url"]
            text = shown(url, 'sqs_worker_messages_deleted_total{pipeline="default"} 1.0')
    assert 'sqs_worker_messages_asked_total{pipeline="default"} 10.0' in text


def shown(url: str, line: str) -> str:
    """The metrics at *url*, as soon as they have *line*."""
    while line not in (text := fetch(url, "/metrics")[1]):
        pass
    return text


def test_a_command_is_a_file_and_a_line(copy: Copy) -> None:
    """`worker --help` lists it, and it runs."""
    add_command(copy)
    assert copy.touched() == ["worker/cli.py", "worker/commands/variables.py"]
    assert copy.added_lines("worker/cli.py") == (1, 0)
    assert "List the variables that are read." in copy.python("-m", "worker", "--help")
    assert "SQS_QUEUE_URL" in copy.python("-m", "worker", "variables").split()
    copy.python("-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/unit/cli/test_commands.py", "-k", "listed")


def test_what_is_added_passes_what_every_change_passes(copy: Copy) -> None:
    """Style, format, types, contracts, pages and rooms, with all five in one tree."""
    for add in (add_sink, add_codec, add_setting, add_metric, add_command):
        add(copy)
    new = [
        "worker/sinks/tally",
        "worker/codecs/pairs",
        "worker/settings",
        "worker/facts",
        "worker/commands",
        "worker/cli.py",
    ]
    copy.ran("ruff", "check", "-q", *new)
    copy.ran("ruff", "format", "--check", "-q", *new)
    copy.ran("mypy", *new)
    copy.ran("lint-imports", "--no-cache")
    held = ("tests/words/test_pages.py", "tests/house/test_rooms.py", "tests/unit/settings/test_manual.py")
    copy.python("-m", "pytest", "-q", "-p", "no:cacheprovider", *held)
