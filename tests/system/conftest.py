"""A fresh rig for every system test, and one PostgreSQL for all of a session."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.system.postgres import Postgres, postgres
from tests.system.rig import Rig, rig

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def database() -> Iterator[Postgres]:
    with postgres() as server:
        yield server


@pytest.fixture(name="rig")
def _rig(tmp_path: Path) -> Iterator[Rig]:
    with rig(tmp_path) as made:
        yield made
