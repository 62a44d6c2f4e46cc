"""The witness is not blind: each defect that is put into the core on purpose is seen, under its own number."""

from __future__ import annotations

import pytest

from tests.model.ablations import ABLATIONS, Ablation, look_for

FEWEST = 22


@pytest.mark.parametrize("ablation", ABLATIONS, ids=lambda ablation: ablation.name)
def test_a_defect_put_in_on_purpose_is_seen(ablation: Ablation) -> None:
    """An invariant that cannot fail proves nothing, so each is made to fail."""
    seen = look_for(ablation)
    assert seen is not None, "nothing was seen"
    assert seen.invariant in ablation.invariants, seen.violation


def test_every_invariant_is_made_to_fail() -> None:
    """The table leaves no invariant out, and names each defect once."""
    numbers = {number for ablation in ABLATIONS for number in ablation.invariants}
    assert numbers == {f"INV-{n}" for n in (*range(1, 12), 13)}
    assert len({ablation.name for ablation in ABLATIONS}) == len(ABLATIONS) >= FEWEST
