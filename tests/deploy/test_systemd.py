"""The units for systemd: read by its own tools, and run by it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.deploy.systemd_instance import Instance, instance
from tests.system.rig import CREDENTIALS, ROOT, Rig, rig
from worker.settings import load

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER = ROOT / "ecosystem" / "systemd"
UNIT, TARGET = "worker@.service", "sqs-workers.target"
PROGRAM = "/opt/sqs-worker/bin/worker"
EXPOSURE_MAX = 2.0
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
def systemd(tmp_path: Path) -> Iterator[Instance]:
    folder = tmp_path / "systemd"
    folder.mkdir()
    with instance(folder) as made:
        yield made


class Service:
    """The unit as it is shipped, but for what a user's instance does not have, and where things are."""

    def __init__(self, systemd: Instance, queue: Rig, *changes: str, **settings: str) -> None:
        self.name = "worker@01.service"
        self.said = queue.folder / "worker.log"
        self._systemd = systemd
        environment = {
            **CREDENTIALS,
            "SQS_QUEUE_URL": queue.queue_url,
            "SQS_ENDPOINT_URL": queue.endpoint,
            "SQS_WAIT_TIME_SECONDS": "2",
            "SQLITE_PATH": str(queue.database),
            "METRICS_PORT": "0",
            "PYTHONPATH": str(queue.folder),
            **settings,
        }
        given = queue.folder / "worker.env"
        given.write_text("".join(f"{name}={value}\n" for name, value in environment.items()))
        drop_in = systemd.units / "worker@.service.d"
        drop_in.mkdir()
        drop_in.joinpath("here.conf").write_text(
            "[Service]\nDynamicUser=no\nUser=\nPrivateTmp=no\nProtectHome=no\nWatchdogSec=6\nRestartSec=100ms\n"
            f"ReadWritePaths={queue.folder}\nEnvironmentFile=\nEnvironmentFile={given}\n"
            f"StandardOutput=append:{self.said}\nStandardError=inherit\n"
            f"ExecStart=\nExecStart={Path(sys.executable).with_name('worker')} run\n" + "\n".join(changes)
        )
        for name in (UNIT, TARGET):
            systemd.units.joinpath(name).write_text(FOLDER.joinpath(name).read_text())
        systemd.ctl("daemon-reload")

    def ctl(self, *words: str, code: int | None = 0) -> str:
        """`systemctl` about it."""
        return self._systemd.ctl(*words, self.name, code=code)

    def show(self, name: str) -> str:
        """A property of it."""
        return self._systemd.show(self.name, name)


@pytest.mark.deploy("systemd-analyze")
def test_systemd_runs_it_from_ready_to_drained(systemd: Instance, queue: Rig) -> None:
    """`start` returns when it receives, *Status* says what it does, stopping loses nothing, and it was never failed."""
    service = Service(systemd, queue)
    queue.send(300)
    service.ctl("start")
    assert '"event":"worker_started"' in service.said.read_text()
    queue.until(lambda: len(queue.rows()) == 300, "all rows")
    systemd.until(lambda: service.show("StatusText").startswith("running; 300 received, 300 deleted"), "its status")
    queue.send(500)
    service.ctl("stop")
    assert service.show("Result") == "success"
    assert service.show("ExecMainStatus") == "0"
    assert queue.books()["not_visible"] == 0
    assert len(queue.rows()) + int(queue.books()["visible"]) == 800


@pytest.mark.deploy("systemd-analyze")
def test_systemd_gives_it_the_time_that_it_asks_for(systemd: Instance, queue: Rig) -> None:
    """SQS is away at the start, and work takes long at the stop: twice longer than the unit allows, and neither is cut.

    A unit whose times are shorter than the settings' costs nobody his work.
    """
    queue.folder.joinpath("slow.py").write_text(SLOW)
    changes = {"SINK": "handler", "HANDLER": "slow:handle", "WORKER_DRAIN_SECONDS": "60"}
    service = Service(systemd, queue, "TimeoutStartSec=5", "TimeoutStopSec=3", **changes)
    queue.faults([{"action": "status", "status": 503, "until_seconds": 10}])
    service.ctl("start")
    queue.send(1)
    queue.until_books("received", 1)
    service.ctl("stop")
    assert service.show("Result") == "success"
    assert service.show("ExecMainStatus") == "0"
    assert queue.books()["deleted"] == 1


@pytest.mark.deploy("systemd-analyze")
def test_systemd_ends_one_that_stands_still_and_starts_it_again(systemd: Instance, queue: Rig) -> None:
    """Its loop blocked, no sign of life is sent; the log says where it stood, and the next one runs."""
    queue.folder.joinpath("blocking.py").write_text(BLOCKING)
    service = Service(systemd, queue, SINK="handler", HANDLER="blocking:handle")
    service.ctl("start")
    queue.send(1)
    systemd.until(lambda: service.show("NRestarts") == "1", "it is started again")
    said = service.said.read_text()
    assert "Fatal Python error: Aborted" in said
    assert "blocking.py" in said
    systemd.until(lambda: service.show("ActiveState") == "active", "the next one is ready")
    service.ctl("kill", "--signal=SIGKILL")


@pytest.mark.deploy("systemd-analyze")
@pytest.mark.parametrize(("wrong", "code"), [({"SQS_MAX_MESSAGES": "11"}, "2"), ({"SQS_QUEUE_URL": "nowhere"}, "3")])
def test_systemd_does_not_start_again_what_no_start_mends(
    systemd: Instance, queue: Rig, wrong: dict[str, str], code: str
) -> None:
    """Wrong settings, a refusal: it is left failed, with the reason in its log and its status."""
    service = Service(systemd, queue, **wrong)
    service.ctl("start", code=1)
    assert service.show("ExecMainStatus") == code
    assert service.show("NRestarts") == "0"
    assert service.show("ActiveState") == "failed"
    assert (code == "2") or service.show("StatusText").startswith("refused: ")


@pytest.mark.deploy("systemd-analyze")
def test_the_target_starts_and_stops_all_of_them(systemd: Instance, queue: Rig) -> None:
    """Three workers of one target drain one queue; one command stops all, and nothing is lost."""
    Service(systemd, queue)
    wants = systemd.units / f"{TARGET}.wants"
    wants.mkdir()
    for number in ("01", "02", "03"):
        wants.joinpath(f"worker@{number}.service").symlink_to("../worker@.service")
    systemd.ctl("daemon-reload")
    queue.send(600)
    systemd.ctl("start", TARGET)
    running = [f"worker@{number}.service" for number in ("01", "02", "03")]
    systemd.until(lambda: all(systemd.show(one, "ActiveState") == "active" for one in running), "three workers")
    queue.until(lambda: len(queue.rows()) == 600, "all rows")
    systemd.ctl("stop", TARGET)
    systemd.until(lambda: all(systemd.show(one, "ActiveState") == "inactive" for one in running), "all have stopped")
    assert [systemd.show(one, "ExecMainStatus") for one in running] == ["0", "0", "0"]
    assert queue.books()["deleted"] == 600
