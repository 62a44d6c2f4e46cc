"""Fixtures of the native path's own tests: a peer that plays bytes, and pools to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit.sqs.native.peers import Peer, listening
from worker.sqs.endpoint import Endpoint
from worker.sqs.native.pool import Pool

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    async with listening() as made:
        yield made


@pytest.fixture
async def pool(peer: Peer) -> AsyncIterator[Pool]:
    made = Pool(Endpoint.of(f"http://127.0.0.1:{peer.port}"), limit=2, tls=None)
    yield made
    await made.close()
