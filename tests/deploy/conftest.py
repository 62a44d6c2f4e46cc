"""Checks by the tools of the platforms: each needs what its markers name, and the run ends with a line for a tool."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Final

from tests.deploy.tools import require

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

TOOL: Final = "tool"
"""The property of a report that says whose check it is."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Each check says whose it is: the first tool of its nearest marker."""
    for item in items:
        if marker := item.get_closest_marker("deploy"):
            item.user_properties.append((TOOL, marker.args[0]))


def pytest_runtest_setup(item: pytest.Item) -> None:
    """No check begins without its tools."""
    for marker in item.iter_markers("deploy"):
        for tool in marker.args:
            require(tool)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """A line for each tool: what it found, or why it could not be asked."""
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    reasons: defaultdict[str, set[str]] = defaultdict(set)
    for outcome, report in _reports(terminalreporter):
        for name, tool in getattr(report, "user_properties", []):  # a file that could not be read has none
            if name == TOOL:
                counts[str(tool)][outcome] += 1
                if outcome == "skipped" and isinstance(report.longrepr, tuple):
                    reasons[str(tool)].add(report.longrepr[2].removeprefix("Skipped: "))
    if not counts:
        return
    terminalreporter.section("tools of the platforms")
    for tool, found in sorted(counts.items()):
        terminalreporter.line(_line(tool, found, reasons[tool]))
    skipped = sum(found["skipped"] for found in counts.values())
    terminalreporter.line(f"{skipped} checks could not be made on this machine" if skipped else "every check was made")


def _line(tool: str, found: Counter[str], reasons: set[str]) -> str:
    red, skipped = found["failed"] + found["error"], found["skipped"]
    word = "RED" if red else "skipped" if skipped else "ok"
    parts = [f"{found['passed']} held"]
    parts += [f"{red} did not"] if red else []
    parts += [f"{skipped} skipped"] if skipped else []
    return f"  {word:8}{tool:24}{', '.join(parts)}{''.join(f'; {reason}' for reason in sorted(reasons))}"


def _reports(terminalreporter: pytest.TerminalReporter) -> Iterator[tuple[str, pytest.TestReport]]:
    for outcome in ("passed", "failed", "error", "skipped"):
        for report in terminalreporter.stats.get(outcome, []):
            if outcome != "passed" or report.when == "call":
                yield outcome, report
