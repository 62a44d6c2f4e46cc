"""A version stands in several files and is one; a release raises all of them by one command."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.house.copied import copied
from tests.house.map import ROOT
from tests.house.version import places
from worker import __version__

if TYPE_CHECKING:
    from pathlib import Path


def test_every_place_says_the_same_version() -> None:
    """The package, the program, and the tags of the image in k8s/ and ecosystem/."""
    assert {version for _, version in places()} == {__version__}
    named = {str(path.relative_to(ROOT)).partition("/")[0] for path, _ in places()}
    assert {"pyproject.toml", "worker", "k8s", "ecosystem"} <= named


@pytest.mark.slow
def test_a_release_raises_the_version_everywhere_and_builds(tmp_path: Path) -> None:
    """In a copy: the steps of the page, as far as no registry is needed for them."""
    copy = copied(tmp_path)
    assert "not a version later" in copy.python("-m", "tests.house.version", __version__, code=1)
    copy.python("-m", "tests.house.version", "98.7.6")
    assert "98.7.6" in copy.python("-m", "worker", "--version")
    assert __version__ not in copy.ran("git", "grep", "-hE", r"newTag:|sqs-worker-daemon:[0-9]|^(__)?version(__)? =")
    assert "\n## [Unreleased]\n\n## [98.7.6] - 2" in copy.root.joinpath("CHANGELOG.md").read_text()
    copy.python("-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/words/test_pages.py", "-k", "changelog")
    copy.python("-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "--wheel-dir", "dist", ".")
    (wheel,) = copy.root.joinpath("dist").glob("*.whl")
    assert wheel.name.startswith("sqs_worker_daemon-98.7.6-")
