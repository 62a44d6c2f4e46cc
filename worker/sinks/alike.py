"""Keys that are alike and not the same, to try a table with: one that takes two of them for one loses messages.

The later of two messages with one key is deleted unwritten. Tables that the worker makes compare keys letter by letter;
one of yours may have a numeric column, or a collation that knows no capitals, trailing spaces or forms of Unicode.
"""

from __future__ import annotations

from typing import Final

ALIKE: Final = (
    "worker-check-row-taken-back",
    "Worker-Check-Row-Taken-Back",
    "worker-check-row-taken-back ",
    "worker-check-\u00e9",
    "worker-check-e\u0301",
    "77812530110007",
    "077812530110007",
    "77812530110007.0",
)
"""None that a message has."""
ONE_FOR_TWO: Final = (
    "it takes different keys for one (a numeric column, or a collation that compares loosely), so that the later of two"
    " messages would be deleted unwritten"
)
