"""Fixtures: moto for the session, a stream of two shards in it, and something before it that can fail."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest

from tests import credentials
from tests.contract.streams import kinesis
from tests.unit.sinks.aws.faulty import Faulty, faulty

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.contract.streams import Streams

_numbers = itertools.count()


@pytest.fixture(autouse=True)
def invented_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    credentials.invent(monkeypatch, tmp_path, "KINESIS")


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
