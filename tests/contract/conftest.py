"""Fixtures of the contract suite: the servers, and the place in which a case runs."""

from __future__ import annotations

from contextlib import ExitStack
from functools import cached_property
from typing import TYPE_CHECKING

import pytest

from tests import credentials
from tests.contract import dynamodb, streams
from tests.contract import servers as started
from tests.contract.places import DIFFERS, OPENERS, SERVERS, Place, ServerPlace
from tests.contract.store import Store, store
from tests.system.postgres import Postgres, postgres
from tests.system.proxy import Proxy, proxy
from tests.system.receiver import Receiver, receiver

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path


class StartedOnce:
    """The foreign servers, started when first asked for and ended with the session."""

    def __init__(self, stack: ExitStack, folder: Path) -> None:
        self._stack = stack
        self._folder = folder

    @cached_property
    def moto(self) -> str:
        """Moto's URL."""
        return self._stack.enter_context(started.moto())

    @cached_property
    def ministack(self) -> str:
        """Ministack's URL."""
        return self._stack.enter_context(started.ministack(self._folder))

    @cached_property
    def postgres(self) -> Postgres:
        """A PostgreSQL."""
        return self._stack.enter_context(postgres())

    @cached_property
    def store(self) -> Store:
        """An S3. Whoever makes it fail mends it."""
        return self._stack.enter_context(store())

    @cached_property
    def tables(self) -> dynamodb.Tables:
        """DynamoDB's, at dynalite, or at moto where that is not installed."""
        return dynamodb.Tables(self._stack.enter_context(dynamodb.dynalite()) if dynamodb.HERE else self.moto)

    @cached_property
    def way_to_tables(self) -> Proxy:
        """The way to them, which can fail. Whoever makes it fail mends it."""
        return self._stack.enter_context(proxy(int(self.tables.endpoint_url.rpartition(":")[2])))

    @cached_property
    def streams(self) -> streams.Streams:
        """Kinesis', at moto."""
        return self._stack.enter_context(streams.kinesis())

    @cached_property
    def way_to_streams(self) -> Proxy:
        """The way to them, which can fail. Whoever makes it fail mends it."""
        return self._stack.enter_context(proxy(int(self.streams.endpoint_url.rpartition(":")[2])))

    @cached_property
    def network(self) -> Proxy:
        """The way to that PostgreSQL, which can fail. Whoever makes it fail mends it."""
        return self._stack.enter_context(proxy(self.postgres.port))

    @cached_property
    def receiver(self) -> Receiver:
        """A service that takes POSTs. Whoever begins with it empties it, whoever makes it fail mends it."""
        return self._stack.enter_context(receiver())


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartedOnce]:
    with ExitStack() as stack:
        yield StartedOnce(stack, tmp_path_factory.mktemp("servers"))


@pytest.fixture(autouse=True)
def invented_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    credentials.invent(monkeypatch, tmp_path, "SQS")


def declare_difference(request: pytest.FixtureRequest, place: str) -> None:
    """Where a place is known to do otherwise than AWS, the case has to fail there: strictly, so that it is noticed."""
    case = request.function.__name__
    if words := DIFFERS.get((place.removeprefix("native-"), case)):
        request.applymarker(pytest.mark.xfail(reason=f"{place}: {words}", strict=True))


@pytest.fixture(params=sorted(OPENERS))
async def place(request: pytest.FixtureRequest, servers: StartedOnce) -> AsyncIterator[Place]:
    declare_difference(request, request.param)
    async with OPENERS[request.param](servers) as opened:
        yield opened


@pytest.fixture(params=sorted(SERVERS))
async def server(request: pytest.FixtureRequest, servers: StartedOnce) -> AsyncIterator[ServerPlace]:
    declare_difference(request, request.param)
    async with SERVERS[request.param](servers) as opened:
        yield opened
