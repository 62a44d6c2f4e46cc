"""A fresh rig for every system test, and one PostgreSQL for all of a session."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tests.system.postgres import Postgres, postgres
from tests.system.proxy import Proxy, proxy
from tests.system.rig import Rig, rig
from tests.system.tables import opened

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from worker.sinks.postgres.sink import PostgresSink


@pytest.fixture(scope="session")
def database() -> Iterator[Postgres]:
    with postgres() as server:
        yield server


@pytest.fixture
async def table(database: Postgres) -> AsyncIterator[str]:
    """A table's name of the test's own.

    What asyncpg tells the loop's handler of meanwhile (a transaction left open, a task that failed) is our mistake.
    """
    told: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
    yield database.fresh_table()
    assert told == []


@pytest.fixture
async def sink(database: Postgres, table: str) -> AsyncIterator[PostgresSink]:
    async with opened(database.dsn, table) as made:
        yield made


@pytest.fixture
def network(database: Postgres) -> Iterator[Proxy]:
    with proxy(database.port) as made:
        yield made


@pytest.fixture(name="rig")
def _rig(tmp_path: Path) -> Iterator[Rig]:
    with rig(tmp_path) as made:
        yield made
