"""The tables of docs/logs.md, made from the facts themselves: event and meaning of every line, loudest first.

Fields are not listed: whoever looks a line up has it before them, and the meaning explains those that are not plain.

`python tests/words/events.py` writes them into the page; a test holds the page to them.
"""

from __future__ import annotations

import inspect
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # run as a program, it is outside the package

from worker import facts
from worker.facts import Fact
from worker.telemetry.logs.logs import event_of

PAGE: Final = Path(__file__).resolve().parents[2] / "docs" / "logs.md"
_TABLES: Final = re.compile(r"(?<=<!-- events -->\n).*?(?=<!-- end -->)", re.DOTALL)
LEVELS: Final = ("error", "warning", "info", "debug")


def kinds() -> list[type[Fact]]:
    """Every fact that can be reported."""
    return [one for one in vars(facts).values() if inspect.isclass(one) and issubclass(one, Fact) and one is not Fact]


def tables() -> str:
    """One for each level."""
    return "\n".join("\n".join(_table(level)) + "\n" for level in LEVELS)


def on_page(text: str) -> str:
    """The tables that the page has."""
    found = _TABLES.search(text)
    return found[0] if found else ""


def _table(level: str) -> Iterator[str]:
    yield from (f"### {level}", "", "| event | what it means, and what to do |", "|---|---|")
    yield from sorted(_row(kind) for kind in kinds() if kind.level == level)


def _row(kind: type[Fact]) -> str:
    meaning = " ".join((kind.__doc__ or "").split())
    return f"| `{event_of(kind)}`{' ²' if kind.damped else ''} | {meaning} |"


if __name__ == "__main__":
    PAGE.write_text(_TABLES.sub(lambda _: tables(), PAGE.read_text()))
