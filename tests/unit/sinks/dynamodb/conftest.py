"""Fixtures: a server of DynamoDB for the session, a table in it, and something before it that can fail."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest

from tests.contract import dynamodb, servers
from tests.unit.sinks.aws.faulty import Faulty, faulty

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.contract.dynamodb import Tables

_numbers = itertools.count()


@pytest.fixture(autouse=True)
def invented_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_DYNAMODB"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


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
