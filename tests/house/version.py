"""`make version TO=0.2.0`: the next version, everywhere where one stands, and the changelog's unreleased part under it.

Takes the version; rewrites files of the repository and prints which. Refuses what is no later version.
"""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).resolve().parents[2]
STANDS: Final = re.compile(
    r'(?P<before>^version = "|^__version__ = "|newTag: |sqs-worker-daemon:)(?P<version>\d+\.\d+\.\d+)', re.MULTILINE
)
"""The package, the program, and the tags of our image."""
_TEXTS: Final = frozenset({".py", ".toml", ".yaml", ".yml", ".json", ".tf", ".md", ".sh"})
_UNRELEASED: Final = "## [Unreleased]\n"


def places() -> Iterator[tuple[Path, str]]:
    """Files in which a version stands, and that version; a file for each time."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in listed.splitlines():
        path = ROOT / name
        if path.suffix in _TEXTS and path.is_file():
            yield from ((path, found["version"]) for found in STANDS.finditer(path.read_text()))


def raise_to(version: str) -> list[Path]:
    """Write *version*, and give the files that changed.

    Raises:
        SystemExit: it is not three numbers, or not later than that of today.
    """
    now = {told for _, told in places()}
    if not re.fullmatch(r"\d+\.\d+\.\d+", version) or any(_numbers(version) <= _numbers(one) for one in now):
        raise SystemExit(f"make version TO=X.Y.Z: {version!r} is not a version later than {', '.join(sorted(now))}")
    changed = sorted({path for path, _ in places()})
    for path in changed:
        path.write_text(STANDS.sub(rf"\g<before>{version}", path.read_text()))
    changelog = ROOT / "CHANGELOG.md"
    head = f"{_UNRELEASED}\n## [{version}] - {datetime.now(tz=UTC).date()}\n"
    changelog.write_text(changelog.read_text().replace(_UNRELEASED, head, 1))
    return [*changed, changelog]


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


if __name__ == "__main__":
    for written in raise_to(sys.argv[1] if sys.argv[1:] else ""):
        print(written.relative_to(ROOT))  # noqa: T201 - a program for the terminal
