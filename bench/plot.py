"""The picture of the results: CPU a message and messages a second, ourselves beside our peers.

`python plot.py FILE` with the facts as JSON on standard input, in the peers' environment, which has matplotlib. The
same facts give the same bytes: no date, no random ids.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import matplotlib as mpl

mpl.use("svg")
mpl.rcParams["svg.hashsalt"] = "results"
mpl.rcParams["svg.fonttype"] = "none"

from matplotlib.figure import Figure  # noqa: E402 - after the backend is chosen

OURS, THEIRS = "#1b6ca8", "#b0b7be"
PANELS = (
    ("chart.cpu.", "CPU µs a message (less is better)", "{:,.0f}"),
    ("chart.rate.", "messages a second", "{:,.0f}"),
)


def bars(axes: Any, values: dict[str, float], title: str, form: str) -> None:
    """One panel."""
    names = list(values)
    drawn = axes.barh(
        names, list(values.values()), color=[OURS if name.startswith("worker") else THEIRS for name in names]
    )
    axes.bar_label(drawn, labels=[form.format(value) for value in values.values()], padding=4)
    axes.set_title(title, loc="left")
    axes.invert_yaxis()
    axes.margins(x=0.15)
    axes.spines[["top", "right", "bottom"]].set_visible(False)
    axes.xaxis.set_visible(False)
    axes.tick_params(axis="y", length=0)


def main() -> None:
    """Read the facts, draw the file."""
    facts = json.load(sys.stdin)
    figure = Figure(figsize=(9, 6.5), layout="constrained")
    for axes, (prefix, title, form) in zip(figure.subplots(2, 1), PANELS, strict=True):
        values = {name.removeprefix(prefix): value for name, value in facts.items() if name.startswith(prefix)}
        bars(axes, values, title, form)
    figure.savefig(sys.argv[1], metadata={"Date": None, "Creator": None})


if __name__ == "__main__":
    main()
