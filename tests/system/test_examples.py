"""The example of a sink of somebody else, installed as such a package is: the worker treats it like its own."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import venv
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.contract.servers import free_port
from tests.system.rig import CREDENTIALS, PATIENCE_SECONDS, ROOT, rig

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.system.rig import Rig

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),  # of the package's own tests, on a busy machine
    pytest.mark.xdist_group("examples"),  # it is installed once
]

MESSAGES = 300
TOKEN = "of-the-example"
TOLD = "the broker does not take the token: set KAFKA_LIKE_TOKEN to the one that it was started with"
SINKS = ("kafka-like", "kafka_like:PLUGIN")


class Installed:
    """An environment with the package in it, beside the worker of this tree."""

    def __init__(self, folder: Path) -> None:
        self.source = folder / "kafka-like-sink"
        shutil.copytree(
            ROOT / "examples" / "kafka-like-sink",
            self.source,
            ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"),
        )
        venv.create(folder / "venv", with_pip=False)
        self.python = str(folder / "venv" / "bin" / "python")
        # What is installed for these tests is lent to the environment: nothing is fetched.
        (place,) = (folder / "venv" / "lib").glob("python*/site-packages")
        lent = [str(ROOT), *(path for path in sys.path if path.endswith("site-packages"))]
        place.joinpath("lent.pth").write_text("\n".join(lent))
        pip = [
            sys.executable,
            "-m",
            "pip",
            "--python",
            self.python,
            "install",
            "--quiet",
            "--disable-pip-version-check",
        ]
        offline = ["--no-index", "--no-deps", "--no-build-isolation", "--no-cache-dir"]
        subprocess.run([*pip, *offline, str(self.source)], check=True, capture_output=True)
        command = folder / "venv" / "bin" / "worker"
        command.write_text('#!/bin/sh\nexec python -m worker "$@"\n')
        command.chmod(0o755)

    def run(
        self, *arguments: str, settings: Mapping[str, str] | None = None, cwd: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        """`python -m …` of that environment, with no more of this one's variables than a shell has."""
        return subprocess.run(
            [self.python, "-m", *arguments],
            env={"PATH": os.environ.get("PATH", ""), **CREDENTIALS, **(settings or {})},
            cwd=cwd,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=5 * PATIENCE_SECONDS,
            check=False,
        )

    @contextmanager
    def broker(self, folder: Path) -> Iterator[str]:
        """A broker that keeps its topics in *folder*, and its address."""
        command = [self.python, "-m", "kafka_like.broker", "--folder", str(folder), "--token", TOKEN]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            yield process.stdout.readline().split()[-1]
            process.kill()


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    return Installed(tmp_path_factory.mktemp("example"))


@pytest.fixture
def broker(installed: Installed, tmp_path: Path) -> Iterator[str]:
    with installed.broker(tmp_path / "topics") as address:
        yield address


@pytest.fixture
def loopback(tmp_path: Path) -> Iterator[Rig]:
    with rig(tmp_path) as made:
        yield made


def records(folder: Path, topic: str) -> list[dict[str, object]]:
    """What the broker has on its disk."""
    files = (folder / "topics" / topic).glob("*.log")
    return [json.loads(line) for file in files for line in file.read_bytes().splitlines()]


def settings_of(loopback: Rig, broker: str, sink: str) -> dict[str, str]:
    """A pipeline from the loopback into the broker."""
    return {
        "SQS_QUEUE_URL": loopback.queue_url,
        "SQS_ENDPOINT_URL": loopback.endpoint,
        "METRICS_PORT": "0",
        "LOG_FORMAT": "json",
        "SINK": sink,
        "KAFKA_LIKE_BROKER": broker,
        "KAFKA_LIKE_TOKEN": TOKEN,
        "KAFKA_LIKE_TOPIC": "orders",
    }


@pytest.mark.parametrize("sink", SINKS)
def test_a_queue_is_drained_into_it(
    sink: str, installed: Installed, broker: str, loopback: Rig, tmp_path: Path
) -> None:
    """By its name and by its place: every message is a record of some partition, and none is left in the queue."""
    loopback.send(MESSAGES)
    done = installed.run("worker", "run", "--drain", settings=settings_of(loopback, broker, sink))
    assert done.returncode == 0, done.stdout
    stored = records(tmp_path, "orders")
    assert len(stored) == len({record["key"] for record in stored}) == MESSAGES
    assert loopback.books()["deleted"] == MESSAGES
    assert len([*(tmp_path / "topics" / "orders").glob("*.log")]) == 4


@pytest.mark.parametrize("sink", SINKS)
def test_its_settings_are_shown_like_ours(sink: str, installed: Installed, broker: str, loopback: Rig) -> None:
    """With their origins, secrets masked, and its notices."""
    shown = installed.run(
        "worker", "config", settings=settings_of(loopback, broker, sink) | {"KAFKA_LIKE_ACKS": "memory"}
    )
    assert shown.returncode == 0, shown.stdout
    rows = [line.split() for line in shown.stdout.splitlines()]
    assert ["KAFKA_LIKE_BROKER", broker, "environment"] in rows
    assert ["KAFKA_LIKE_PARTITIONS", "4", "default"] in rows
    assert ["KAFKA_LIKE_TOKEN", "********", "environment"] in rows
    assert TOKEN not in shown.stdout
    assert "a broker that loses its power loses messages" in shown.stdout


def test_what_is_wrong_with_its_settings_is_told_in_sentences(installed: Installed, loopback: Rig) -> None:
    """All at once, with exit code 2: what is missing, misspelt, out of its choices, and what contradicts."""
    settings = settings_of(loopback, "nowhere", "kafka-like") | {"KAFKA_LIKE_ACKS": "none", "KAFKA_LIKE_TOPC": "x"}
    told = installed.run("worker", "config", settings=settings)
    assert told.returncode == 2
    assert "KAFKA_LIKE_TOPC is not a setting: did you mean KAFKA_LIKE_TOPIC?" in told.stdout
    assert "KAFKA_LIKE_BROKER is 'nowhere': give host:port" in told.stdout
    assert "KAFKA_LIKE_ACKS is 'none': give one of memory, disk" in told.stdout
    small = settings_of(loopback, "127.0.0.1:9", "kafka-like") | {"KAFKA_LIKE_MAX_REQUEST_BYTES": "2000"}
    told = installed.run("worker", "run", settings=small)
    assert told.returncode == 2
    assert "KAFKA_LIKE_MAX_REQUEST_BYTES is 2,000, but BATCH_MAX_BYTES is 4,194,304" in told.stdout
    assert "Traceback" not in told.stdout


def test_a_check_proves_the_start_and_makes_nothing(
    installed: Installed, broker: str, loopback: Rig, tmp_path: Path
) -> None:
    """The broker is asked whether the topic can be made; a wrong token is refused with the setting to change."""
    settings = settings_of(loopback, broker, "kafka-like")
    checked = installed.run("worker", "check", settings=settings)
    assert checked.returncode == 0, checked.stdout
    assert "topic orders can be made" in checked.stdout
    assert records(tmp_path, "orders") == []
    assert not (tmp_path / "topics" / "orders").exists()
    refused = installed.run("worker", "check", settings=settings | {"KAFKA_LIKE_TOKEN": "of-nobody"})
    assert refused.returncode == 3, refused.stdout
    assert TOLD in " ".join(refused.stdout.split())
    run = installed.run("worker", "run", "--drain", settings=settings | {"KAFKA_LIKE_TOKEN": "of-nobody"})
    assert run.returncode == 3, run.stdout
    assert TOLD in run.stdout


def test_its_page_works_as_printed(installed: Installed, tmp_path: Path) -> None:
    """Three terminals: a broker and a loopback that stay, and a worker that is configured, checked and run."""
    install, try_it, test_it = re.findall(
        r"```sh\n(.*?)```", installed.source.joinpath("README.md").read_text(), re.DOTALL
    )
    ports = {"9092": str(free_port()), "9324": str(free_port())}
    for printed, free in ports.items():
        install, try_it = install.replace(printed, free), try_it.replace(printed, free)
    pip, *stay = install.splitlines()
    assert (pip, len(stay)) == ("pip install . ./examples/kafka-like-sink", 2)
    path = os.pathsep.join((str(Path(installed.python).parent), os.environ["PATH"]))
    shell = {"PATH": path, "METRICS_PORT": "0"}
    with ExitStack() as terminals:
        for line, says in zip(stay, ("listening on", "SQS answers at"), strict=True):
            terminals.enter_context(terminal(line, says, shell, tmp_path))
        done = subprocess.run(
            ["sh", "-ec", try_it], env=shell, cwd=tmp_path, capture_output=True, text=True, check=False
        )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "topic messages can be made" in done.stdout
    assert len([*(tmp_path / "topics" / "messages").glob("*.log")]) == 4
    assert test_it.splitlines()[1] == "cd examples/kafka-like-sink && pytest"  # which the next test does


@contextmanager
def terminal(line: str, says: str, shell: dict[str, str], folder: Path) -> Iterator[None]:
    """A command that stays in the foreground, from when it *says* that it is there."""
    with subprocess.Popen(
        ["sh", "-c", f"exec {line}"], env=shell, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        assert any(says in told for told in process.stdout)
        yield
        process.kill()


def test_it_passes_the_conformance_suite_that_comes_with_the_worker(installed: Installed) -> None:
    """Its own tests, as its author runs them: all but what a log cannot do, which is said."""
    done = installed.run("pytest", "-p", "no:cacheprovider", "-q", cwd=installed.source)
    assert done.returncode == 0, done.stdout
    assert "1 skipped" in done.stdout.splitlines()[-1]
    assert "kafka-like has no `locked`: a log has no rows that somebody could hold" in done.stdout
