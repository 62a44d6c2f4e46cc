"""Pages name files and folders that there are: whoever moves one finds the pages that speak of it."""

from __future__ import annotations

import re
import subprocess
from typing import Final

import pytest

from tests.house.map import ROOT
from tests.words.pages import pages

LISTED: Final = [
    f"/{name}"
    for name in subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
]
NAMED: Final = re.compile(r"`(?P<path>[\w./-]+\.(?:py|c|h|sh|toml|ya?ml)|(?:[\w-]+/)+)`")
YOURS: Final = frozenset({"worker.toml", "shop/sinks.py"})
"""Files of whoever uses the worker."""
HISTORY: Final = ("CHANGELOG.md",)
"""Tells of what was."""


def missing(text: str) -> list[str]:
    """Paths of *text* that end no path here; `NAME` stands for any name."""
    paths = {found["path"] for found in NAMED.finditer(text)} - YOURS
    return sorted(path for path in paths if "NAME" not in path and not any(_is(path, one) for one in LISTED))


def _is(path: str, listed: str) -> bool:
    return f"/{path}" in listed if path.endswith("/") else listed.endswith(f"/{path}")


@pytest.mark.parametrize("name", [name for page in pages() if (name := str(page.relative_to(ROOT))) not in HISTORY])
def test_files_that_a_page_names_exist(name: str) -> None:
    """By their last parts, as people write them: `pipeline/poll.py`, `settle.py`, `sinks/`."""
    assert missing(ROOT.joinpath(name).read_text()) == []


def test_a_path_that_is_wrong_is_found() -> None:
    """Files and folders that are not there, and none that are."""
    assert missing("`pipeline/poll.py` `pipeline/pol.py` `sinks/` `sinks/kafka/` `worker/sinks/NAME/`") == [
        "pipeline/pol.py",
        "sinks/kafka/",
    ]
