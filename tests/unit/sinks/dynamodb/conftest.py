"""Fixtures: a server of DynamoDB for the session, a table in it, and something before it that can fail."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest

from tests import credentials
from tests.contract import dynamodb, servers
from tests.unit.sinks.aws.faulty import Faulty, faulty

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.contract.dynamodb import Tables

_numbers = itertools.count()


@pytest.fixture(autouse=True)
def invented_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    credentials.invent(monkeypatch, tmp_path, "DYNAMODB")


@pytest.fixture(scope="session")
def tables() -> Iterator[Tables]:
    with dynamodb.dynalite() if dynamodb.HERE else servers.moto() as url:
        yield dynamodb.Tables(url)


@pytest.fixture
def table(tables: Tables) -> str:
    return tables.make(f"orders-{next(_numbers)}")


@pytest.fixture
def service(tables: Tables) -> Iterator[Faulty]:
    with faulty(tables.endpoint_url) as one:
        yield one
