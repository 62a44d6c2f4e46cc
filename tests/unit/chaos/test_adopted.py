"""Processes that another process started are followed and ended by their ids."""

from __future__ import annotations

import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.system.chaos.adopted import Adopted

if TYPE_CHECKING:
    from collections.abc import Iterator

PARENT = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=sys.stdin)
print(child.pid, flush=True)
child.wait()
"""


@pytest.fixture
def parent() -> Iterator[subprocess.Popen[str]]:
    """A process with a child that lives for as long as our end of its input is open."""
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", PARENT], stdin=pipe, stdout=pipe, text=True) as process:
        yield process


def child_of(parent: subprocess.Popen[str]) -> Adopted:
    assert parent.stdout is not None
    return Adopted(int(parent.stdout.readline()))


def test_one_that_ends_by_itself_is_seen_to_end(parent: subprocess.Popen[str]) -> None:
    """Its exit code is its parent's to read, so it counts as good."""
    child = child_of(parent)
    assert child.poll() is None
    assert parent.stdin is not None
    parent.stdin.close()
    assert child.wait() == 0


def test_one_that_we_killed_says_so_and_is_not_signalled_again(parent: subprocess.Popen[str]) -> None:
    """Its id may be somebody else's by then."""
    child = child_of(parent)
    child.kill()
    assert child.wait() == -signal.SIGKILL
    child.send_signal(signal.SIGTERM)
    assert parent.wait() == 0
