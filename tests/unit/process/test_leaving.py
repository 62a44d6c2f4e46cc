"""The process ends although something of yours does not."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

from worker.process.leaving import leave_soon

if TYPE_CHECKING:
    import pytest


def test_it_leaves_with_the_code_and_names_the_threads(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Without waiting for a thread that is no daemon, which Python itself would do."""
    left, end = threading.Event(), threading.Event()
    codes: list[int] = []

    def leave(code: int) -> None:
        codes.append(code)
        left.set()

    monkeypatch.setattr(os, "_exit", leave)
    yours = threading.Thread(target=end.wait, name="flusher")
    yours.start()
    try:
        leave_soon(3, seconds=0)
        assert left.wait(60)
    finally:
        end.set()
        yours.join()
    assert codes == [3]
    assert "flusher" in capfd.readouterr().err
