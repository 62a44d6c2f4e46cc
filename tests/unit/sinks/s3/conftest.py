"""The S3 of these tests, and credentials that nobody has."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests import credentials
from tests.contract.store import Store, store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BUCKET = "orders"


@pytest.fixture(scope="session")
def running() -> Iterator[Store]:
    with store() as made:
        yield made


@pytest.fixture
def s3(running: Store, request: pytest.FixtureRequest) -> Iterator[Store]:
    """With a bucket that is empty."""
    name = bucket_of(request)
    running.client.create_bucket(Bucket=name)
    running.requests.clear()
    yield running
    running.away, running.pause_seconds = False, 0.0
    running.faults.clear()


@pytest.fixture
def bucket(request: pytest.FixtureRequest) -> str:
    return bucket_of(request)


def bucket_of(request: pytest.FixtureRequest) -> str:
    return f"bucket-{abs(hash(request.node.nodeid))}"


@pytest.fixture(autouse=True)
def invented_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    credentials.invent(monkeypatch, tmp_path, "S3")
