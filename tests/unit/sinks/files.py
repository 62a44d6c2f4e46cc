"""What happens to the file of a sink while it is written."""

from __future__ import annotations

import resource
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def remove(path: Path) -> None:
    """What rm does."""
    path.unlink()


def move(path: Path, to: Path) -> None:
    """What mv and logrotate do."""
    path.rename(to)


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """No file of this process grows beyond *size* bytes: a disk that fills up in the middle of a write."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
