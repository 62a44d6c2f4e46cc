"""`make map`: draws the rooms of the worker from its imports, and writes the drawing into docs/internals.md.

It prints the drawing with all its figures, and which modules are long. Graphviz source goes to build/rooms.dot, and a
picture to build/rooms.svg where Graphviz is installed. Given the folder of another package, of an older commit perhaps,
it prints that one and writes nothing: `python -m tests.house.map OTHER/worker`.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.house.drawing import counts, graphviz, sizes, text
from tests.house.rooms import read

if TYPE_CHECKING:
    from tests.house.rooms import House

ROOT: Final = Path(__file__).resolve().parents[2]
PAGE: Final = ROOT / "docs" / "internals.md"
PACKAGE: Final = ROOT / "worker"
_MARKED: Final = re.compile(r"(?<=<!-- rooms: made by `make map` -->\n).*?(?=<!-- end of rooms -->)", re.DOTALL)


def marked(house: House) -> str:
    """What stands between the two marks of the page."""
    return f"\n{counts(house)}:\n\n{textwrap.indent(text(house, sizes=False), '    ')}\n"


def on_page(page: str) -> str:
    """What stands there now; empty without the marks."""
    found = _MARKED.search(page)
    return found[0] if found else ""


def main(arguments: list[str]) -> None:
    """Print the house in the folder of *arguments*, or draw ours."""
    house = read(Path(arguments[0]) if arguments else PACKAGE)
    print(counts(house), text(house, sizes=True), sizes(house), sep="\n\n")  # noqa: T201 - a program for the terminal
    if not arguments:
        PAGE.write_text(_MARKED.sub(lambda _: marked(house), PAGE.read_text()))
        print(f"\nwritten into {PAGE.relative_to(ROOT)}; {_picture(house)}")  # noqa: T201 - as above


def _picture(house: House) -> str:
    """Write the Graphviz source, and a picture where that can be had; a sentence about both."""
    source = ROOT / "build" / "rooms.dot"
    source.parent.mkdir(exist_ok=True)
    source.write_text(graphviz(house))
    if shutil.which("dot") is None:
        return "Graphviz (dot) is not installed: its source is build/rooms.dot, and there is no picture"
    subprocess.run(["dot", "-Tsvg", "-o", source.with_suffix(".svg"), source], check=True)
    return "the picture is build/rooms.svg"


if __name__ == "__main__":
    main(sys.argv[1:])
