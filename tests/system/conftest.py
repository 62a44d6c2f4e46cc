"""A fresh rig for every system test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.system.rig import Rig, rig

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(name="rig")
def _rig(tmp_path: Path) -> Iterator[Rig]:
    with rig(tmp_path) as made:
        yield made
