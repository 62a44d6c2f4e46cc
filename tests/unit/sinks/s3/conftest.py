"""The S3 of these tests, and credentials that nobody has."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.contract.store import Store, store

if TYPE_CHECKING:
    from collections.abc import Iterator

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
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
