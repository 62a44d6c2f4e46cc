"""The page for strangers tells of the house as it is."""

from __future__ import annotations

import re

from tests.house.architecture import PAGE, floors, floors_on_page, names, names_on_page
from tests.house.map import ROOT


def test_the_drawing_has_the_rooms_of_the_contract_floor_by_floor() -> None:
    """No room is missing, and none stands on another floor than the linter holds it to."""
    assert [sorted(row) for row in floors_on_page()] == [sorted(floor) for floor in floors()]


def test_the_contracts_are_listed_by_their_names() -> None:
    """`python -m tests.house.architecture` writes them there."""
    assert names_on_page() == names()


def test_every_test_that_the_page_names_exists() -> None:
    """One for each rule, with the numbers that the simulation watches."""
    page = PAGE.read_text()
    sources = "\n".join(path.read_text() for path in ROOT.joinpath("tests").rglob("test_*.py"))
    named = re.findall(r"^- INV-\d+: .*: `(test_\w+)`$", page, re.MULTILINE)
    assert [name for name in named if not re.search(rf"def {name}\(", sources)] == []
    watched = re.findall(r"^    (INV-\d+) ", ROOT.joinpath("tests", "model", "invariants.py").read_text(), re.MULTILINE)
    assert re.findall(r"^- (INV-\d+): ", page, re.MULTILINE) == watched
    assert len(named) == len(watched)
