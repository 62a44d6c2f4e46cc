"""The units for systemd: read by its own tools, and run by it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.deploy.systemd_machine import Machine, machine
from tests.system.rig import CREDENTIALS, ROOT, Rig, rig
from tests.words.blocks import blocks
from worker.settings import load

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER = ROOT / "ecosystem" / "systemd"
UNIT, TARGET, ONE = "worker@.service", "sqs-workers.target", "worker@01.service"
PROGRAM = "/opt/sqs-worker/bin/worker"
EXPOSURE_MAX = 2.0
DATABASE = "/var/lib/sqs-worker/messages.sqlite"
SLOW = "import asyncio\n\nasync def handle(message):\n    await asyncio.sleep(7)\n"
BLOCKING = "import time\n\nasync def handle(message):\n    time.sleep(3600)\n"


def setting(name: str) -> list[str]:
    """Every value that the unit gives *name*."""
    return re.findall(rf"^{name}=(.*)$", FOLDER.joinpath(UNIT).read_text(), re.MULTILINE)


def test_the_unit_waits_longer_than_the_worker_drains() -> None:
    """5 s more than the environment file says, and than the default; and the target stops them all."""
    given = dict(line.split("=", 1) for line in env_lines())
    drain = load(given).worker.drain_seconds
    assert int(setting("TimeoutStopSec")[0]) >= drain + 5
    assert setting("RestartPreventExitStatus") == ["2 3"]
    assert setting("Restart") == ["on-failure"]
    assert setting("PartOf") == [TARGET]
    assert setting("KillMode") == ["mixed"]


def test_two_workers_never_share_a_name_or_a_port() -> None:
    """Both end with the name of the instance."""
    (named,) = (line for line in setting("Environment") if "WORKER_ID" in line)
    assert "WORKER_ID=%H-%i" in named
    assert "METRICS_PORT=91%i" in named


def test_the_environment_file_is_accepted_as_it_is() -> None:
    """Its settings load, nothing in it is noticed, and it holds no secret."""
    given = dict(line.split("=", 1) for line in env_lines())
    assert load(given).notices == ()
    assert not any("SECRET" in name or "PASSWORD" in name for name in given)


def env_lines() -> list[str]:
    text = FOLDER.joinpath("worker.env").read_text()
    return [line for line in text.splitlines() if line and not line.startswith("#")]


@pytest.mark.deploy("systemd-analyze")
def test_systemd_finds_nothing_wrong_with_the_units(tmp_path: Path) -> None:
    """With the program of this environment in the place of the installed one, `verify` says nothing at all."""
    worker = str(Path(sys.executable).with_name("worker"))
    tmp_path.joinpath("worker@01.service").write_text(FOLDER.joinpath(UNIT).read_text().replace(PROGRAM, worker))
    tmp_path.joinpath(TARGET).write_text(FOLDER.joinpath(TARGET).read_text())
    for unit in ("worker@01.service", TARGET):
        done = subprocess.run(
            ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", tmp_path / unit],
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stdout + done.stderr) == (0, ""), unit


@pytest.mark.deploy("systemd-analyze")
def test_the_unit_is_exposed_to_little() -> None:
    """Systemd's own measure, 0 to 10."""
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", f"--threshold={EXPOSURE_MAX * 10:.0f}", UNIT],
        cwd=FOLDER,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    said = re.search(r"Overall exposure level for \S+: (\S+)", done.stdout)
    assert said is not None
    assert float(said[1]) <= EXPOSURE_MAX


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[Rig]:
    with rig(tmp_path) as made:
        yield made


@pytest.fixture
def there(tmp_path: Path) -> Iterator[Machine]:
    folder = tmp_path / "machine"
    folder.mkdir()
    with machine(folder) as made:
        yield made


class Site:
    """Three workers, installed on a machine as the page says; only what it says to edit is edited."""

    def __init__(self, there: Machine, queue: Rig, *changes: str, **settings: str) -> None:
        self.there = there
        self._install()
        environment = {
            **CREDENTIALS,
            "SQS_QUEUE_URL": queue.queue_url,
            "SQS_ENDPOINT_URL": queue.endpoint,
            "SQS_WAIT_TIME_SECONDS": "2",
            "SINK": "sqlite",
            "SQLITE_PATH": DATABASE,
            "METRICS_PORT": "0",  # the network is shared with whoever else is tested here
            "PYTHONPATH": "/opt",
            **settings,
        }
        lines = (f"{name}={value}\n" for name, value in environment.items())
        there.path("/etc/sqs-worker/worker.env").write_text("".join(lines))
        drop_in = there.path("/etc/systemd/system/worker@.service.d")
        drop_in.mkdir()
        log = ("StandardOutput=append:/var/log/worker.log", "StandardError=inherit")  # there is no journal
        drop_in.joinpath("here.conf").write_text("\n".join(["[Service]", *log, *changes, ""]))
        there.ctl("daemon-reload")

    def _install(self) -> None:
        """Type what the page says, up to where it starts them; the environment of Python is there already."""
        (block,) = blocks("docs/deploy/systemd.md")
        lines = [line for line in block.text.splitlines() if not line.startswith(("python3 -m venv", "systemctl"))]
        self.there.shell("\n".join(lines))

    def rows(self) -> int:
        """How many different messages are in the database."""
        count = "SELECT count(DISTINCT message_id) FROM messages"
        said = self.there.shell(
            f"test ! -e {DATABASE} || /opt/sqs-worker/bin/python -c"
            f' \'import sqlite3; print(sqlite3.connect("{DATABASE}").execute("{count}").fetchone()[0])\''
        )
        return int(said or 0)

    def said(self) -> str:
        """What the workers have logged."""
        return self.there.path("/var/log/worker.log").read_text()

    def show(self, name: str) -> str:
        """A property of the first worker."""
        return self.there.show(ONE, name)


@pytest.mark.deploy("systemd-analyze")
def test_systemd_runs_them_as_the_page_says(there: Machine, queue: Rig) -> None:
    """Enabled and started, ready when they receive, three names, one user; stopped by one word, with nothing lost."""
    site = Site(there, queue)
    queue.send(300)
    (block,) = blocks("docs/deploy/systemd.md")
    starting = [line for line in block.text.splitlines() if line.startswith("systemctl")]
    there.shell("\n".join(starting).replace("{01..15}", "{01..03}"))
    running = [f"worker@{number}.service" for number in ("01", "02", "03")]
    assert site.said().count('"event":"worker_started"') == len(running)
    assert [there.show(one, "ActiveState") for one in running] == ["active"] * 3
    assert {there.show(one, "UnitFileState") for one in running} == {"enabled"}
    queue.until(lambda: site.rows() == 300, "all rows")
    there.until(lambda: site.show("StatusText").startswith("running; "), "its status")
    (uid,) = {there.path(f"/proc/{there.show(one, 'MainPID')}").stat().st_uid for one in running}
    assert uid != 0
    assert there.path("/var/lib/private/sqs-worker/messages.sqlite").stat().st_uid == uid
    queue.send(500)
    there.ctl("stop", TARGET)
    there.until(lambda: all(there.show(one, "ActiveState") == "inactive" for one in running), "all have stopped")
    assert [(there.show(one, "Result"), there.show(one, "ExecMainStatus")) for one in running] == [("success", "0")] * 3
    books = queue.books()
    assert books["not_visible"] == 0
    assert site.rows() + int(books["visible"]) == 800


@pytest.mark.deploy("systemd-analyze")
def test_systemd_gives_it_the_time_that_it_asks_for(there: Machine, queue: Rig) -> None:
    """SQS is away at the start, and work takes long at the stop: twice longer than the unit allows, and neither is cut.

    A unit whose times are shorter than the settings' costs nobody his work.
    """
    there.path("/opt/slow.py").write_text(SLOW)
    changes = {"SINK": "handler", "HANDLER": "slow:handle", "WORKER_DRAIN_SECONDS": "60"}
    site = Site(there, queue, "TimeoutStartSec=5", "TimeoutStopSec=3", **changes)
    queue.faults([{"action": "status", "status": 503, "until_seconds": 10}])
    there.ctl("start", ONE)
    queue.send(1)
    queue.until_books("received", 1)
    there.ctl("stop", ONE)
    assert (site.show("Result"), site.show("ExecMainStatus")) == ("success", "0")
    assert queue.books()["deleted"] == 1


@pytest.mark.deploy("systemd-analyze")
def test_systemd_ends_one_that_stands_still_and_starts_it_again(there: Machine, queue: Rig) -> None:
    """Its loop blocked, no sign of life is sent; the log says where it stood, and the next one runs."""
    there.path("/opt/blocking.py").write_text(BLOCKING)
    site = Site(there, queue, "WatchdogSec=6", SINK="handler", HANDLER="blocking:handle")
    there.ctl("start", ONE)
    queue.send(1)
    there.until(lambda: site.show("NRestarts") == "1", "it is started again")
    assert "Fatal Python error: Aborted" in site.said()
    assert "blocking.py" in site.said()
    there.until(lambda: site.show("ActiveState") == "active", "the next one is ready")


@pytest.mark.deploy("systemd-analyze")
@pytest.mark.parametrize(("wrong", "code"), [({"SQS_MAX_MESSAGES": "11"}, "2"), ({"SQS_QUEUE_URL": "nowhere"}, "3")])
def test_systemd_does_not_start_again_what_no_start_mends(
    there: Machine, queue: Rig, wrong: dict[str, str], code: str
) -> None:
    """Wrong settings, a refusal: it is left failed, with the reason in its log and its status."""
    site = Site(there, queue, **wrong)
    there.ctl("start", ONE, code=1)
    assert (site.show("ExecMainStatus"), site.show("NRestarts"), site.show("ActiveState")) == (code, "0", "failed")
    assert (code == "2") or site.show("StatusText").startswith("refused: ")
