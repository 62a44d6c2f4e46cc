"""The conformance suite can fail: every test of it finds a defect that was made on purpose, and none finds fault with a
sound sink.
"""

from __future__ import annotations

import pytest

from tests.contract.broken.run import PASSED, what_it_said
from tests.contract.broken.sink_suite import DEFECTS, SOUND, Defect
from worker.sinks.discard.plugin import PLUGIN
from worker.sinks.discard.sink import DiscardSink
from worker.testing.sinks import Case, SinkConformance

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),  # of the first one, which waits for the run of the suite
    pytest.mark.xdist_group("conformance"),  # which is shared
]

TESTS = {name for name in dir(SinkConformance) if name.startswith("test_")}


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> dict[str, list[str]]:
    return what_it_said("tests/contract/broken/sink_suite.py", pytestconfig.rootpath, tmp_path_factory.mktemp("sinks"))


def test_every_test_of_the_suite_has_a_defect_that_it_finds() -> None:
    """A test that nothing can fail would be none."""
    assert {defect.test for defect in DEFECTS} == TESTS


def test_a_sound_sink_passes_everything(said: dict[str, list[str]]) -> None:
    """With every ability: nothing is skipped, nothing fails."""
    assert {*said[f"{SOUND.kind.__name__}:"]} == {PASSED}
    assert len(said[f"{SOUND.kind.__name__}:"]) >= len(TESTS)


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: f"{defect.kind.__name__}:{defect.test}")
def test_a_defect_is_found_by_the_test_that_should(defect: Defect, said: dict[str, list[str]]) -> None:
    """And the failure says what was promised and what was seen."""
    failures = [words for words in said[f"{defect.kind.__name__}:{defect.test}"] if words != PASSED]
    assert failures
    assert any(defect.words in words for words in failures), failures
    assert all(f"the sink {defect.kind.__name__}" in words for words in failures), failures


def test_what_a_case_leaves_out_in_silence_is_refused() -> None:
    """All at once: what is neither given nor excused, what is both, and what is no ability."""
    with pytest.raises(ValueError, match="the case mine") as refused:
        Case(
            name="mine",
            make=DiscardSink,
            keys=list,
            guarantee=PLUGIN.guarantee,
            ordered=True,
            cannot={"ordered": "no", "colour": "no", **dict.fromkeys(("away", "slow", "locked", "refused"), "no")},
        )
    assert [line.partition(":")[0] for line in str(refused.value).splitlines()[1:]] == [
        "bad", "child", "colour", "ordered", "too_large"
    ]  # fmt: skip
