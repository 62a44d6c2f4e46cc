"""The rooms are read from every kind of import, stand in no circle, and are drawn on the page as they are."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.house.drawing import counts, graphviz, text
from tests.house.map import PACKAGE, PAGE, marked, on_page
from tests.house.rooms import read

if TYPE_CHECKING:
    from pathlib import Path

    from tests.house.rooms import House


@pytest.fixture(scope="module")
def house() -> House:
    return read(PACKAGE)


def built(folder: Path, **files: str) -> House:
    """A package `shop` whose *files* (`a__b` is a/b.py) hold what is given."""
    package = folder / "shop"
    for name, source in files.items():
        path = package.joinpath(*name.split("__")) if "__init__" not in name else package / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.with_suffix(".py").write_text(source)
    return read(package)


def test_the_page_shows_the_rooms_as_they_are(house: House) -> None:
    """Whoever changes the rooms or their arrows draws the page again: `make map`."""
    assert on_page(PAGE.read_text()) == marked(house)


def test_no_room_stands_in_a_circle(house: House) -> None:
    """Every room can be read without those above it."""
    assert house.circles == []


@pytest.mark.parametrize(
    "source",
    [
        "from shop.low import x",
        "from shop.low.deep import x",
        "from shop import low",
        "import shop.low",
        "def f():\n    from shop.low import x",
        "if TYPE_CHECKING:\n    from shop.low import x",
        "import_module('shop.low')",
        "importlib.import_module(f'shop.low.{name}')",
    ],
)
def test_an_import_of_any_kind_is_an_arrow(tmp_path: Path, source: str) -> None:
    """For types, inside a function, by name: whatever ties two rooms is drawn."""
    assert built(tmp_path, high=source, low__deep="").arrows == {("high", "low"): 1}


@pytest.mark.parametrize(
    "source", ["import os", "from shopping import low", "from shop.high import x", "print('shop.low')"]
)
def test_what_ties_no_rooms_is_no_arrow(tmp_path: Path, source: str) -> None:
    """Other packages, a room's own modules, and words in a text."""
    assert built(tmp_path, high__a=source, high__b="", low="").arrows == {}


def test_an_arrow_counts_each_file_and_module_once(tmp_path: Path) -> None:
    """Two files that import one module are two; a second name of the same module is none."""
    twice = "from shop.low.one import x, y\nfrom shop.low.one import z"
    house = built(
        tmp_path, high__a=twice, high__b="from shop.low.one import x\nimport shop.low.two", low__one="", low__two=""
    )
    assert house.arrows == {("high", "low"): 3}


def test_a_name_of_the_package_itself_is_its_face(tmp_path: Path) -> None:
    """`from shop import __version__` needs the package's `__init__` and no room behind it."""
    house = built(tmp_path, __init__="__version__ = '1'", high="from shop import __version__")
    assert house.arrows == {("high", "__init__"): 1}


def test_a_circle_is_found_over_several_rooms_and_shares_a_floor(tmp_path: Path) -> None:
    """Three rooms that import each other in a ring are named together, and what is above them stands above all."""
    ring = {"a": "import shop.b", "b": "import shop.c", "c": "import shop.a\nimport shop.ground"}
    house = built(tmp_path, **ring, top="import shop.b", ground="")
    assert house.circles == [["a", "b", "c"]]
    assert house.floors == {"ground": 1, "a": 2, "b": 2, "c": 2, "top": 3}
    assert "a ⇄ b ⇄ c" in counts(house)


def test_a_room_stands_a_floor_above_the_highest_that_it_imports(house: House) -> None:
    """Of the house itself: every arrow goes down."""
    assert [arrow for arrow in house.arrows if house.floors[arrow[0]] <= house.floors[arrow[1]]] == []
    assert all(
        house.floors[room] == 1 + max((house.floors[to] for to in house.imports(room)), default=0)
        for room in house.rooms
    )


def test_both_drawings_show_every_room_and_every_arrow(house: House) -> None:
    """In words: a line for each room that imports, all its imports in it. For Graphviz: a box and an arrow each."""
    drawn, source = text(house, sizes=True), graphviz(house)
    folded = re.sub(r"\n {6,}", " ", drawn)
    for room in house.rooms:
        assert re.search(rf"\[ {room}/? {house.rooms[room].lines} \]", drawn)
        assert f'"{room}" [label=' in source
    for (one, to), count in house.arrows.items():
        assert re.search(rf"^{one}/? +→ .*\b{to} {count}\b", folded, re.MULTILINE), (one, to)
        assert f'"{one}" -> "{to}" [label={count},' in source
