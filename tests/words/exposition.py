"""The table of docs/metrics.md, made from the registry itself: name, type, labels and meaning of every family.

`python tests/words/exposition.py` writes it into the page; a test holds the page to it.
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
_TABLE: Final = re.compile(r"(?<=<!-- families -->\n).*?(?=<!-- end -->)", re.DOTALL)
_SUFFIX: Final = {"counter": "_total", "info": "_info"}


def table() -> str:
    """All families of a worker, in the order of their names."""
    head = "| family | type | labels | meaning |\n|---|---|---|---|\n"
    return head + "".join(f"{row}\n" for row in sorted(_rows()))


def on_page(text: str) -> str:
    """The table that the page has."""
    found = _TABLE.search(text)
    return found[0] if found else ""


def _rows() -> Iterator[str]:
    loaded = load({"SQS_QUEUE_URL": "orders", "METRICS_PORT": "0", "WORKER_ID": "page"})
    registry: Any = Instruments(loaded).metrics.registry
    for collector in list(registry._collector_to_names):
        families = [collector] if hasattr(collector, "_type") else list(collector.collect())
        for family in families:
            row = _row(family)
            if row.startswith("| `sqs_"):
                yield row
    yield from (_row(family) for family in Figures([]).known())


def _row(family: Any) -> str:
    kind = getattr(family, "type", None) or family._type
    name = getattr(family, "name", None) or family._name
    documentation = getattr(family, "documentation", None) or family._documentation
    labels = " ".join(f"`{label}`" for label in getattr(family, "_labelnames", ()))
    return f"| `{name}{_SUFFIX.get(kind, '')}` | {kind} | {labels} | {documentation} |"


if __name__ == "__main__":
    PAGE.write_text(_TABLE.sub(lambda _: table(), PAGE.read_text()))
