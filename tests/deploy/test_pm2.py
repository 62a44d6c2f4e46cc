"""The PM2 file, read, and run by PM2 itself: started, reloaded, scaled and stopped under load, with nothing lost."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.system.rig import CREDENTIALS, ROOT, Rig, rig
from worker.settings import load
from worker.telemetry.http.fetch import fetch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FILE = ROOT / "ecosystem" / "pm2" / "ecosystem.config.js"
NAME = "sqs-worker"
PM2_SECONDS = 300.0
LONGER_THAN_A_PAUSE_SECONDS = 4.0
"""Four times that before the first restart."""
PATIENCE_SECONDS = 120.0


def app(**environ: str) -> dict[str, Any]:
    """What the file says in an environment, as Node reads it."""
    show = f"console.log(JSON.stringify(require({json.dumps(str(FILE))}).apps))"
    clean = {"PATH": os.environ["PATH"], **environ}
    (only,) = json.loads(subprocess.check_output(["node", "-e", show], env=clean, text=True))
    return dict(only)


@pytest.mark.deploy("node")
def test_the_file_says_what_stopping_needs() -> None:
    """Fifteen unless told otherwise; killed later than the drain ends; never restarted for what no restart mends."""
    said = app()
    assert (said["instances"], app(WORKERS="3")["instances"]) == (15, 3)
    drain = load({"SQS_QUEUE_URL": "orders"}).worker.drain_seconds
    assert said["kill_timeout"] >= (drain + 5) * 1000
    assert app(WORKER_DRAIN_SECONDS="300")["kill_timeout"] >= 305_000
    assert said["stop_exit_codes"] == [2, 3]
    assert said["instance_var"] == "WORKER_ID"
    assert (said["exec_mode"], said["interpreter"]) == ("fork", "none")
    assert said["exp_backoff_restart_delay"] > 0


@pytest.mark.deploy("node")
def test_the_environment_that_the_file_gives_is_accepted() -> None:
    """No setting of it is unknown to the worker."""
    given = {name: str(value) for name, value in app(WORKER_ID="mine")["env"].items()}
    assert "WORKER_ID" not in given
    assert load({"SQS_QUEUE_URL": "orders", "WORKER_ID": "0", **given}).notices == ()


def free_ports(count: int) -> int:
    """The first of *count* ports in a row that are free, looked for from where no other test of this run begins."""
    begin = 21_000 + os.getpid() % 300 * count
    for first in range(begin, begin + 300 * count, count):
        try:
            for port in range(first, first + count):
                with closing(socket.socket()) as probe:
                    probe.bind(("127.0.0.1", port))
        except OSError:
            continue
        return first
    raise AssertionError("no free ports")


class Pm2:
    """One that has a home of its own, and a queue to work at."""

    def __init__(self, queue: Rig) -> None:
        self.first = free_ports(10)
        self.home = queue.folder / "pm2"
        self._folder = queue.folder
        self._environ = {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": str(queue.folder),
            "PM2_HOME": str(self.home),
            "PYTHONPATH": str(ROOT),
            **CREDENTIALS,
            "SQS_QUEUE_URL": queue.queue_url,
            "SQS_ENDPOINT_URL": queue.endpoint,
            "SQS_WAIT_TIME_SECONDS": "2",
            "SINK": "sqlite",
            "SQLITE_PATH": str(queue.database),
            "METRICS_PORT": str(self.first),
            "WORKERS": "3",
        }

    def __call__(self, *words: str | Path, **environ: str) -> str:
        """`pm2` with *words*; what it prints."""
        done = subprocess.run(
            ["pm2", *words],
            cwd=self._folder,
            env={**self._environ, **environ},
            capture_output=True,
            text=True,
            check=False,
            timeout=PM2_SECONDS,
        )
        assert done.returncode == 0, f"pm2 {words}: {done.stdout}{done.stderr}\n{self.logs()}"
        return done.stdout

    def listed(self) -> list[dict[str, Any]]:
        """What PM2 knows of each worker."""
        said = self("jlist")
        return [one for one in json.loads(said[said.index("[") :]) if one["name"] == NAME]

    def statuses(self) -> list[str]:
        """`online`, `stopped` and the like."""
        return [str(one["pm2_env"]["status"]) for one in self.listed()]

    def workers(self) -> dict[str, int]:
        """WORKER_ID → port, of those that answer and are ready."""
        found = {}
        for port in range(self.first, self.first + 10):
            try:
                status = json.loads(fetch(f"http://127.0.0.1:{port}", "/status")[1])
            except OSError:
                continue
            if status["ready"]["ok"]:
                found[status["worker_id"]] = port
        return found

    def until(self, holds: Callable[[], bool], what: str) -> None:
        """Wait until it holds."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not holds():
            assert time.monotonic() < deadline, f"never: {what}; {self.statuses()} {self.workers()}\n{self.logs()}"
            threading.Event().wait(0.1)

    def ends(self) -> list[str]:
        """Every end of a worker that PM2 has seen."""
        return re.findall(r"exited with code \[\d+\]", (self.home / "pm2.log").read_text())

    def logs(self) -> str:
        """What the workers have said."""
        return "\n".join(path.read_text()[-5000:] for path in self.home.glob("logs/*"))


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[Rig]:
    with rig(tmp_path) as made:
        yield made


@pytest.fixture
def pm2(queue: Rig) -> Iterator[Pm2]:
    made = Pm2(queue)
    try:
        yield made
    finally:
        made("kill")


@contextmanager
def load_on(queue: Rig) -> Iterator[list[int]]:
    """Messages that keep coming while the context lasts; the list holds how many there were."""
    over, sent = threading.Event(), [0]

    def send() -> None:
        while not over.wait(0.02):
            queue.send(10, seed=sent[0])
            sent[0] += 10

    sender = threading.Thread(target=send)
    sender.start()
    try:
        yield sent
    finally:
        over.set()
        sender.join()


@pytest.mark.deploy("pm2")
@pytest.mark.timeout(600)
def test_pm2_starts_reloads_scales_and_stops_them_under_load(pm2: Pm2, queue: Rig) -> None:
    """Each has a name and a port of its own, whatever is done to their number; each message ends as one row."""
    with load_on(queue) as sent:
        pm2("start", FILE)
        pm2.until(lambda: pm2.workers() == {str(n): pm2.first + n for n in range(3)}, "three workers")
        before = {one["pid"] for one in pm2.listed()}
        pm2("reload", FILE, BATCH_MAX_ROWS="77", WORKER_DRAIN_SECONDS="40")
        pm2.until(lambda: pm2.workers() == {str(n): pm2.first + n for n in range(3)}, "three new workers")
        assert not before & {one["pid"] for one in pm2.listed()}
        given = [Path(f"/proc/{one['pid']}/environ").read_bytes().split(b"\0") for one in pm2.listed()]
        assert all({b"BATCH_MAX_ROWS=77", b"WORKER_DRAIN_SECONDS=40"} <= {*environ} for environ in given)
        assert [one["pm2_env"]["kill_timeout"] for one in pm2.listed()] == [50_000] * 3
        pm2("scale", NAME, "5")
        pm2.until(lambda: len(pm2.workers()) == 5, "five workers")
        assert len(set(pm2.workers().values())) == 5
        victim = pm2.listed()[0]["pid"]
        os.kill(victim, signal.SIGKILL)
        pm2.until(lambda: pm2.listed()[0]["pid"] not in {0, victim} and len(pm2.workers()) == 5, "one started again")
        pm2("scale", NAME, "2")
        pm2.until(lambda: len(pm2.workers()) == 2, "two workers")
    queue.until(lambda: len(queue.rows("message_id")) == sent[0], "every message is a row")
    pm2("stop", NAME)
    assert pm2.statuses() == ["stopped", "stopped"]
    books = queue.books()
    assert (books["sent"], books["visible"], books["not_visible"]) == (sent[0], 0, 0)
    assert len(set(queue.rows("message_id"))) == sent[0] > 0


@pytest.mark.deploy("pm2")
@pytest.mark.timeout(300)
@pytest.mark.parametrize(("wrong", "code"), [({"SQS_MAX_MESSAGES": "11"}, 2), ({"SQS_QUEUE_URL": "nowhere"}, 3)])
def test_pm2_leaves_stopped_what_no_restart_mends(pm2: Pm2, wrong: dict[str, str], code: int) -> None:
    """Wrong settings, a refusal: one life, whose last lines say what to change, and none after it.

    PM2 lists it as "waiting restart", although it waits for people.
    """
    pm2("start", FILE, WORKERS="1", **wrong)
    pm2.until(lambda: pm2.ends() == [f"exited with code [{code}]"], "it ends")
    until = time.monotonic() + LONGER_THAN_A_PAUSE_SECONDS
    while time.monotonic() < until:
        threading.Event().wait(0.5)
        (one,) = pm2.listed()
        assert (one["pid"], one["pm2_env"]["exit_code"], one["pm2_env"]["restart_time"]) == (0, code, 0)
    assert len(pm2.ends()) == 1
