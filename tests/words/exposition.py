"""The lists of docs/metrics.md, made from the registry itself: name, labels and meaning of every family, by type.

`python tests/words/exposition.py` writes them into the page; a test holds the page to them.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # run as a program, it is outside the package

from worker.process.instruments import Instruments
from worker.process.parent.figures import Figures
from worker.settings import load

PAGE: Final = Path(__file__).resolve().parents[2] / "docs" / "metrics.md"
_LISTS: Final = re.compile(r"(?<=<!-- families -->\n).*?(?=<!-- end -->)", re.DOTALL)
_SUFFIX: Final = {"counter": "_total", "info": "_info"}


def lists() -> str:
    """All families of a worker: a list for each type, in the order of the names."""
    rows = sorted(_rows())
    return "".join(
        f"\n**{kind}**\n\n" + "".join(f"{row}\n" for of, row in rows if of == kind)
        for kind in sorted({of for of, _ in rows})
    )


def on_page(text: str) -> str:
    """The lists that the page has."""
    found = _LISTS.search(text)
    return found[0] if found else ""


def _rows() -> Iterator[tuple[str, str]]:
    """Type and row of each family."""
    loaded = load({"SQS_QUEUE_URL": "orders", "METRICS_PORT": "0", "WORKER_ID": "page"})
    registry: Any = Instruments(loaded).metrics.registry
    for collector in list(registry._collector_to_names):
        families = [collector] if hasattr(collector, "_type") else list(collector.collect())
        for family in families:
            kind, row = _row(family)
            if row.startswith("- `sqs_"):
                yield kind, row
    yield from (_row(family) for family in Figures([]).known())


def _row(family: Any) -> tuple[str, str]:
    kind = getattr(family, "type", None) or family._type
    name = getattr(family, "name", None) or family._name
    documentation = getattr(family, "documentation", None) or family._documentation
    labels = " ".join(f"`{label}`" for label in getattr(family, "_labelnames", ()))
    return kind, f"- `{name}{_SUFFIX.get(kind, '')}`{labels and f' ({labels})'}: {documentation}"


if __name__ == "__main__":
    PAGE.write_text(_LISTS.sub(lambda _: lists(), PAGE.read_text()))
