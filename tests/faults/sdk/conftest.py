"""Fixtures of the cases about the SDK's door: invented credentials, the scripted server, a queue on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.faults.sdk.scripted import (
    Scripted,
    scripted,
)
from tests.faults.sdk.steps import LAPSE, spec_of, write_credentials
from worker.sqs.open import open_native_queue
from worker.sqs.sdk.open import open_sdk_queue

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from worker.facts import Fact
    from worker.sqs.queue import Queue


@pytest.fixture(autouse=True)
def credentials_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    file = tmp_path / "credentials"
    write_credentials(file, "FIRST")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return file


@pytest.fixture
async def server() -> AsyncIterator[Scripted]:
    async with scripted() as script:
        yield script


@pytest.fixture
def facts() -> list[Fact]:
    return []


@pytest.fixture(params=["native", "sdk"])
async def queue(request: pytest.FixtureRequest, server: Scripted, facts: list[Fact]) -> AsyncIterator[Queue]:
    """By the SDK and by our own path, which has to answer for all of this in the same words."""
    spec, wall = spec_of(server), lambda: 1700000009.0
    opened: Queue
    if request.param == "native":
        opened = await open_native_queue(
            spec, facts.append, required=True, wall=wall, margin_seconds=LAPSE, settle_seconds=LAPSE
        )
    else:
        opened = await open_sdk_queue(spec, facts.append, wall=wall, margin_seconds=LAPSE, settle_seconds=LAPSE)
    yield opened
    await opened.close()
