"""One broker for all tests, and a topic for each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from kafka_like.testing import BrokerProcess

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrokerProcess]:
    with BrokerProcess(tmp_path_factory.mktemp("broker"), token="of-the-tests") as process:
        yield process


@pytest.fixture
def topic(tmp_path: Path) -> str:
    return f"t-{tmp_path.name.lower()}"[:90]
