"""Fixtures: moto for the session, a stream of two shards in it, and something before it that can fail."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest

from tests.contract.streams import kinesis
from tests.unit.sinks.aws.faulty import Faulty, faulty

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.contract.streams import Streams

_numbers = itertools.count()


@pytest.fixture(autouse=True)
def invented_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_KINESIS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture(scope="session")
def streams() -> Iterator[Streams]:
    with kinesis() as made:
        yield made


@pytest.fixture
def stream(streams: Streams) -> str:
    return streams.make(f"orders-{next(_numbers)}", shards=2)


@pytest.fixture
def service(streams: Streams) -> Iterator[Faulty]:
    with faulty(streams.endpoint_url) as one:
        yield one
