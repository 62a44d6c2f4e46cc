"""Every sink of ours passes the suite that anyone's sink has to pass, and what a destination cannot do is counted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from tests.contract.destinations import CASES
from worker.sinks.registry import SINKS
from worker.sinks.sink import Checkable
from worker.testing.messages import make_message, make_messages
from worker.testing.sinks import ABILITIES, Case, SinkConformance

if TYPE_CHECKING:
    from pathlib import Path

    from tests.contract.conftest import StartedOnce

CANNOT: Final = {
    "sqlite": {"too_large", "locked"},
    "sqlite-by-key": {"too_large", "locked"},
    "postgres": {"ordered"},
    "dynamodb": {"ordered", "locked"},
    "kinesis": {"locked"},
    "ndjson": {"too_large", "locked"},
    "handler": {"too_large"},
    "handler-batch": {"too_large"},
    "http": set(),
    "http-single": {"child"},
    "discard": {*ABILITIES},
    "s3": {"ordered", "too_large", "locked"},
}
"""What is not tried, for the reasons that the cases give."""
CHECKED: Final = {"sqlite", "sqlite-by-key", "postgres", "dynamodb", "kinesis", "ndjson", "http", "http-single", "s3"}
"""Those that have a check, which is optional."""


@pytest.fixture(params=sorted(CASES))
def case(request: pytest.FixtureRequest, tmp_path: Path, servers: StartedOnce, monkeypatch: pytest.MonkeyPatch) -> Case:
    return CASES[request.param](tmp_path, servers, monkeypatch)


class TestOurSinks(SinkConformance):
    """The suite, for each."""


@pytest.mark.parametrize("case", ["ndjson", "handler", "handler-batch", "http", "http-single"], indirect=True)
async def test_what_comes_again_is_stored_again_where_at_least_once_is_said(case: Case) -> None:
    """More than the suite asks: these know no repeats, so a batch twice is two of each, whatever is in it."""
    sink = case.make()
    await sink.open()
    batch = [*make_messages(20), make_message("m-0")]
    step = sink.demand.max_rows or len(batch)
    for start in [*range(0, len(batch), step)] * 2:
        part = batch[start : start + step]
        assert list(await sink.write(part)) == [None] * len(part)
    await sink.close()
    assert [*case.keys()] == [message.key for message in batch] * 2


def test_every_sink_of_ours_has_a_case() -> None:
    """A new folder of `worker/sinks` is held to the suite like the others."""
    assert {name.partition("-")[0] for name in CASES} == {*SINKS.built_in}


def test_nothing_is_left_out_unseen(case: Case, request: pytest.FixtureRequest) -> None:
    """Which tests are skipped for which sink stands in a table here: none is added in silence."""
    name = request.node.callspec.params["case"]
    assert set(case.cannot) == CANNOT[name]
    assert isinstance(case.make(), Checkable) == (name in CHECKED)
