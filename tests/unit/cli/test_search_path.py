"""Where modules of yours are found, and that none of them is taken for one of ours or of Python's."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from worker.errors import SinkRefused
from worker.search_path import in_order, namesake
from worker.sinks.handler.function import find_handler

ROOT = Path(__file__).parents[3]
DOOR = str(ROOT / "sqs_worker_daemon.py")
RAISES = "raise ImportError('a file of the user was taken for a module of another')\n"
HIDING = ("worker", "signal", "queue", "json", "typing", "logging", "asyncio")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder of somebody who calls files as others call theirs."""
    for name in HIDING:
        (tmp_path / f"{name}.py").write_text(RAISES)
    (tmp_path / "orders.py").write_text("import queue\n\ndef handle(message):\n    queue.Queue()\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    monkeypatch.delenv("PYTHONSAFEPATH", raising=False)
    return tmp_path


def started(folder: Path, *command: str, **environ: str) -> subprocess.CompletedProcess[str]:
    clean = {"PATH": os.environ["PATH"], "SQS_QUEUE_URL": "orders", "AWS_REGION": "us-east-1"}
    return subprocess.run(
        [sys.executable, *command], cwd=folder, env=clean | environ, capture_output=True, text=True, check=False
    )


def test_the_working_folder_is_last(folder: Path) -> None:
    """Behind what is installed, whether Python put it in front or left it out."""
    for given in ([str(folder), "/a", "/b"], ["", "/a", "/b"], ["/a", "/b"]):
        assert in_order(given) == ["/a", "/b", str(folder)]


def test_what_pythonpath_names_stays_in_front_unless_it_hides_others(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who names a folder wants it first; who also keeps a queue.py in it does not mean that one."""
    mine = tmp_path / "mine"
    mine.mkdir()
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join((".", str(mine))))
    assert in_order([str(folder), str(mine), "/a"]) == [str(mine), "/a", str(folder)]


def test_a_safe_path_is_without_the_working_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """PYTHONSAFEPATH means here what it means to Python."""
    monkeypatch.setenv("PYTHONSAFEPATH", "1")
    assert in_order([str(folder), "/a"]) == ["/a"]


@pytest.mark.parametrize("path", ["", ".", "ABSOLUTE"])
def test_files_called_like_modules_of_others_hide_nothing(folder: Path, path: str) -> None:
    """The program starts among them, and says in one sentence that the one called like itself is not used."""
    named = str(folder) if path == "ABSOLUTE" else path
    result = started(folder, "-P", DOOR, "config", PYTHONPATH=named) if not path else _by_script(folder, named)
    assert (result.returncode, result.stdout.split()[0]) == (0, "WORKER_ID"), result.stderr
    assert result.stderr == f"worker: {folder / 'worker.py'} is not used, for this program has its name: rename it\n"


def _by_script(folder: Path, path: str) -> subprocess.CompletedProcess[str]:
    """As the installed command starts it, which looks for the door on the path of modules."""
    (folder / "typing.py").unlink()  # the start of Python itself would fail with it, before any line of ours
    program = f"import sys; sys.path.append({str(ROOT)!r}); import sqs_worker_daemon as door; door.main()"
    return started(folder, "-P", "-c", program, "config", PYTHONPATH=path)


def test_python_m_finds_its_own_modules_first(folder: Path) -> None:
    """`python -m worker` puts the working folder in front; only a worker.py in it cannot be helped."""
    (folder / "worker.py").unlink()
    for early in ("typing", "asyncio"):
        (folder / f"{early}.py").unlink()
    result = started(folder, "-m", "worker", "config", PYTHONPATH=str(ROOT))
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("name", ["worker", "queue"])
def test_a_handler_in_a_file_called_like_another_module_is_told_so(name: str) -> None:
    """The sentence names the file and what to do, instead of an attribute that is missing elsewhere."""
    with pytest.raises(SinkRefused, match=rf"{name}\.py is not what Python finds as {name}.*rename yours"):
        find_handler(f"{name}:handle")


def test_a_module_is_not_its_own_namesake(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the folder of this project its package is not hidden by itself."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    assert namesake("worker") == ""
