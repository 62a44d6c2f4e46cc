"""Every sink of ours passes the suite that anyone's sink has to pass, and what a destination cannot do is counted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from tests.contract.destinations import CASES
from worker.sinks.sink import Checkable
from worker.testing.sinks import ABILITIES, Case, SinkConformance

if TYPE_CHECKING:
    from pathlib import Path

    from tests.contract.conftest import StartedOnce

CANNOT: Final = {
    "sqlite": {"too_large", "locked"},
    "sqlite-by-key": {"too_large", "locked"},
    "postgres": {"ordered"},
    "ndjson": {"too_large", "locked"},
    "handler": {"too_large"},
    "handler-batch": {"too_large"},
    "discard": {*ABILITIES},
}
"""What is not tried, for the reasons that the cases give."""
CHECKED: Final = {"sqlite", "sqlite-by-key", "postgres", "ndjson"}
"""Those that have a check, which is optional."""


@pytest.fixture(params=sorted(CASES))
def case(request: pytest.FixtureRequest, tmp_path: Path, servers: StartedOnce, monkeypatch: pytest.MonkeyPatch) -> Case:
    return CASES[request.param](tmp_path, servers, monkeypatch)


class TestOurSinks(SinkConformance):
    """The suite, for each."""


def test_nothing_is_left_out_unseen(case: Case, request: pytest.FixtureRequest) -> None:
    """Which tests are skipped for which sink stands in a table here: none is added in silence."""
    name = request.node.callspec.params["case"]
    assert set(case.cannot) == CANNOT[name]
    assert isinstance(case.make(), Checkable) == (name in CHECKED)
