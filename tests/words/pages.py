"""What the pages of this project say, for the tests that hold them to it.

Takes files of the repository, gives their texts, commands and links; reads, never runs.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
_COMMAND: Final = re.compile(r"^\s*(?:[A-Z_]+=\S+ )*(?P<program>make|worker) (?P<word>[a-z][a-z-]*)\b", re.MULTILINE)
_INLINE: Final = re.compile(r"`(?:[A-Z_]+=\S+ )*(?P<program>make|worker) (?P<word>[a-z][a-z-]*)\b[^`]*`")
_LINK: Final = re.compile(r"\]\((?!https?:)(?P<target>[^)#\s]+)")
_ANCHOR: Final = re.compile(r"\]\((?!https?:)(?P<target>[^)#\s]*)#(?P<anchor>[^)\s]+)\)")
_HEADING: Final = re.compile(r"^#+ (?P<text>.+)$", re.MULTILINE)
_BLOCKS: Final = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


def pages() -> list[Path]:
    """Every page for people."""
    return sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/*/*.md")])


def commands(text: str) -> set[tuple[str, str]]:
    """`make X` and `worker X`, in blocks of code and in backquotes."""
    blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    found = [match for block in blocks for match in _COMMAND.finditer(block)]
    return {(match["program"], match["word"]) for match in [*found, *_INLINE.finditer(text)]}


def links(text: str) -> list[str]:
    """Targets of links inside the repository."""
    return [match["target"] for match in _LINK.finditer(text)]


def anchors(text: str) -> list[tuple[str, str]]:
    """Links to a heading: the page, empty for the same one, and the anchor."""
    return [(match["target"], match["anchor"]) for match in _ANCHOR.finditer(text)]


def headings(text: str) -> set[str]:
    """The anchors that a page offers, made as GitHub makes them."""
    found = (match["text"].lower() for match in _HEADING.finditer(_BLOCKS.sub("", text)))
    return {re.sub(r"[^\w\- ]", "", heading).replace(" ", "-") for heading in found}


def opening(text: str) -> str:
    """The first paragraph behind the title."""
    return " ".join(_HEADING.sub("", text, count=1).strip().partition("\n\n")[0].split())


def written_files() -> list[Path]:
    """Everything that is part of the project and text."""
    folders = ("worker", "tests", "examples", "bench", "docs", "k8s", "ecosystem", "requirements", ".ci")
    inside = [path for folder in folders for path in ROOT.joinpath(folder).rglob("*") if path.is_file()]
    top = [path for path in ROOT.iterdir() if path.is_file() and path.suffix not in {".xml", ".json"}]
    return [
        p
        for p in [*top, *inside]
        if not {"__pycache__", "node_modules"} & {*p.parts} and not p.name.startswith(".coverage")
    ]
