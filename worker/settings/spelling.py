"""Spelling: what went wrong on the way from a file or a manifest into a variable, said before its value is looked at.

Takes the variables that are set; gives a sentence for each that is surely not what was meant, and the variables as they
were meant, so that one slip is told once. Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

QUOTES: Final = "\"'"
SHORTEST_QUOTED: Final = 2


def slips(present: Mapping[str, str], known: frozenset[str]) -> Iterator[str]:
    """One sentence for each variable of *known* that has quotes around its value, or a line break in it."""
    for name in sorted(present.keys() & known):
        value = present[name]
        if _is_quoted(value):
            yield (
                f"{name} has quotes around its value, which are taken as part of it (docker's --env-file keeps them,"
                " and so does a list in YAML): leave them out"
            )
        if any(one in value for one in "\r\n\t\0"):
            yield f"{name} has a line break or a tab in its value: write it on one line"


def as_meant(present: Mapping[str, str], known: frozenset[str]) -> dict[str, str]:
    """*present* without the slips."""
    return {name: _cleaned(value) if name in known else value for name, value in present.items()}


def _is_quoted(value: str) -> bool:
    return len(value) >= SHORTEST_QUOTED and value[0] in QUOTES and value[-1] == value[0]


def _cleaned(value: str) -> str:
    inner = value[1:-1] if _is_quoted(value) else value
    return "".join(one for one in inner if one not in "\r\n\t\0").strip() or value
