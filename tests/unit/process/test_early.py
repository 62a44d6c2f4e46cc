"""What holds before anything is imported, and the sentences about what nobody expected."""

from __future__ import annotations

import signal
import subprocess
import sys
from typing import TYPE_CHECKING

from click.testing import CliRunner

from worker.cli import main
from worker.process import early

if TYPE_CHECKING:
    import pytest


def test_what_is_ignored_on_purpose_stays_ignored() -> None:
    """`nohup worker run`: the end of the terminal is not the end of the worker."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert early.stopping_signals() == [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT]
    finally:
        signal.signal(signal.SIGHUP, before)
    assert signal.SIGHUP in early.stopping_signals()


def test_little_is_imported_before_signals_are_heard() -> None:
    """What takes time comes later: the package itself imports nothing of ours but how modules are found."""
    mine = "sorted(m for m in sys.modules if m.split('.')[0] in ('worker', 'click'))"
    program = f"import sys, worker.process.early; print({mine})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['worker', 'worker.process', 'worker.process.early']"


def test_the_public_names_are_there_all_the_same() -> None:
    """Looked up when they are used, the same objects as in their modules, and a wrong one is an AttributeError."""
    import worker  # noqa: PLC0415 - the subject
    from worker.message import Message  # noqa: PLC0415 - as above

    assert worker.Message is Message
    assert {"Attribute", "Message", "Reject", "Retry"} <= set(dir(worker))
    assert not hasattr(worker, "Nothing")


def test_a_defect_of_a_command_is_a_sentence_with_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """No traceback reaches stderr: the class, the words and the innermost places are enough to find it."""

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("of all things")

    monkeypatch.setattr("worker.commands.config.load", broken)
    result = CliRunner().invoke(main, ["config"])
    assert result.exit_code == 1
    assert result.stderr.startswith("worker: unexpected ZeroDivisionError: of all things (at process/test_early.py:")
    assert "Traceback" not in result.output


def test_a_missing_package_is_no_defect_of_ours() -> None:
    """Somebody copied the files without what they need: that is what is said, and no traceback."""
    program = "import sys; sys.modules['click'] = None; import runpy; runpy.run_module('worker')"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("worker: import of click halted")
    assert "not completely installed" in done.stderr
    assert "Traceback" not in done.stderr
