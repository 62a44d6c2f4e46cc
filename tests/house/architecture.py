"""What docs/architecture.md says of rooms and rules, and what pyproject.toml and the tests say of them.

`python -m tests.house.architecture` writes the names of the contracts into the page.
"""

from __future__ import annotations

import re
import tomllib
from typing import Any, Final

from tests.house.map import ROOT

PAGE: Final = ROOT / "docs" / "architecture.md"
_CONTRACTS: Final = re.compile(
    r"(?<=<!-- contracts: their names in pyproject.toml -->\n).*?(?=<!-- end of contracts -->)", re.DOTALL
)
_FLOORS: Final = re.compile(r"<!-- floors: those of the contract -->(.*?)<!-- end of floors -->", re.DOTALL)


def contracts() -> list[dict[str, Any]]:
    """Those of import-linter, the one of the floors first."""
    told = tomllib.loads(ROOT.joinpath("pyproject.toml").read_text())
    found: list[dict[str, Any]] = told["tool"]["importlinter"]["contracts"]
    return found


def floors() -> list[list[str]]:
    """The rooms of each floor by the contract, from the top."""
    return [re.findall(r"\w+", layer) for layer in contracts()[0]["layers"]]


def floors_on_page() -> list[list[str]]:
    """The rooms of each row of the drawing, from the top."""
    drawn = _FLOORS.search(PAGE.read_text())
    return [re.findall(r"\w+", row) for row in re.findall(r"^ +│([^│]*)│", drawn[1] if drawn else "", re.MULTILINE)]


def names() -> str:
    """A line for each contract."""
    return "\n" + "".join(f"- {contract['name']}.\n" for contract in contracts()) + "\n"


def names_on_page() -> str:
    """What stands there now; empty without the marks."""
    found = _CONTRACTS.search(PAGE.read_text())
    return found[0] if found else ""


if __name__ == "__main__":
    PAGE.write_text(_CONTRACTS.sub(lambda _: names(), PAGE.read_text()))
