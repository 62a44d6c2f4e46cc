"""Results as people read them: tables in Markdown that are aligned for the terminal too, and the page `results.md`.

Takes rows and facts, gives text; no number is computed here that is not in the figures.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from bench.drain import Figures
    from bench.rounds import Result
    from bench.targets import Verdict

BUSY: Final = 0.9
"""A loopback that keeps its core so busy is what was measured, at least in part."""
DISTURBED: Final = 0.2
"""Cores busy with something else, which makes rates low and CPU figures high."""


@dataclass(frozen=True, slots=True)
class Table:
    """Columns and rows."""

    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]

    def text(self) -> str:
        """Aligned Markdown: the first column to the left, figures to the right."""
        widths = [max(map(len, column)) for column in zip(self.columns, *self.rows, strict=True)]
        rule = "|".join("-" * (width + 2) if at == 0 else "-" * (width + 1) + ":" for at, width in enumerate(widths))
        lines = [self._line(self.columns, widths), f"|{rule}|", *(self._line(row, widths) for row in self.rows)]
        return "\n".join(lines)

    @staticmethod
    def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
        first, *others = zip(cells, widths, strict=True)
        return "| " + " | ".join([first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in others)]) + " |"


@dataclass(frozen=True, slots=True)
class Section:
    """One question, and what was found."""

    title: str
    text: str
    table: Table
    notes: tuple[str, ...] = ()
    """Who was left out, and which rows are not to be trusted."""
    facts: Mapping[str, float] = field(default_factory=dict)
    """By name, for the targets and the picture."""

    def page(self) -> str:
        """Markdown."""
        notes = "".join(f"\n- {note}" for note in self.notes)
        return f"## {self.title}\n\n{self.text}\n\n{self.table.text()}\n" + (f"{notes}\n" if notes else "")


COLUMNS: Final = ("messages/s", "CPU µs/message", "requests/message", "peak MiB", "own core", "loopback's core")


def cells(result: Result) -> tuple[str, ...]:
    """The usual figures of one row, for `COLUMNS`."""
    return (
        spread(result, lambda one: one.rate, ",.0f"),
        spread(result, lambda one: one.cpu_microseconds, ".1f"),
        f"{result.middle(lambda one: one.requests_per_message):.3f}",
        f"{result.middle(lambda one: one.peak_bytes) / 2**20:.0f}",
        f"{result.middle(lambda one: one.core_share):.0%}",
        f"{result.middle(lambda one: one.loopback_share):.0%}" + ("*" if _loopback_was_measured(result) else ""),
    )


def spread(result: Result, figure: Callable[[Figures], float], form: str) -> str:
    """The middle, with the least and the most of all rounds behind it."""
    middle = format(result.middle(figure), form)
    least, most = (format(end, form) for end in result.spread(figure))
    return middle if len(result.runs) == 1 else f"{middle} ({least} to {most})"


def notes_of(results: Sequence[Result]) -> tuple[str, ...]:
    """What a reader must know of these rows."""
    notes = [f"**{one.name}** is left out: {one.left_out}" for one in results if one.left_out is not None]
    if any(one.ran and _loopback_was_measured(one) for one in results):
        notes.append(
            f"\\* The loopback's core was more than {BUSY:.0%} busy: the loopback is the limit, not the contestant."
        )
    disturbed = [one.name for one in results if one.ran and one.middle(lambda run: run.others_share) > DISTURBED]
    if disturbed:
        notes.append(f"Other programs were busy on this machine while these were measured: {', '.join(disturbed)}.")
    return tuple(notes)


def _loopback_was_measured(result: Result) -> bool:
    return result.middle(lambda one: one.loopback_share) > BUSY


def targets_table(verdicts: Sequence[Verdict]) -> Table:
    """What was promised beside what was found."""
    rows = [(one.what, one.bound, one.found, one.word) for one in verdicts]
    return Table(("target", "bound", "found", ""), rows)


def page(head: str, verdicts: Sequence[Verdict], sections: Sequence[Section]) -> str:
    """`results.md`, whole."""
    parts = [
        "# Results\n\nWritten by `make bench`; change the programs in `bench/`, not this page.",
        head,
        "![CPU a message, and messages a second](results.svg)",
        f"## Targets\n\n{targets_table(verdicts).text()}",
        *(section.page().rstrip("\n") for section in sections),
    ]
    return "\n\n".join(parts) + "\n"
