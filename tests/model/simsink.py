"""A destination in a simulated world: a table with a unique key, which can be away, slow, deaf, or lose its answers.

Takes records through one `SimSink` for each worker, keeps rows for ever. A batch is committed whole or not at all, and
what has reached the table is committed even when nobody waits for the answer any more.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

from worker.errors import SinkRefused, SinkUnavailable
from worker.outcome import Rejected, Retried
from worker.sinks.sink import Demand

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

    from tests.model.invariants import Witness
    from tests.model.network import Network
    from tests.model.process import SimProcess
    from worker.message import Message

Trouble = Literal["away", "slow", "deaf", "lost-answers", "shaky", "bug"]
"""away: refuses connections · slow: seconds for each batch · deaf: never answers while it lasts · lost-answers: commits
and then seems away · shaky: any of these now and then · bug: raises what no sink should."""

HEALED_AT: Final = 200.0
"""Loop time at which the one tenant's server is there again."""
FLAKY_TRIES: Final = 2
NOTICED: Final = 0.5
"""How often a database notices that its client has gone before the commit."""


@dataclass(slots=True)
class Table:
    """The destination itself; outlives every worker."""

    random: Random
    witness: Witness
    troubles: list[Trouble] = field(default_factory=list)
    """In force now. Written by the world."""
    rows: dict[str, str] = field(default_factory=dict)
    """Body by key: the key is unique, so a second write of it changes nothing."""
    order: list[str] = field(default_factory=list)
    """Keys in the order in which they were first committed."""
    rude: int = 0
    """Writes yet to come whose library cancels the task that asks, and does not take it back. Written by the world."""
    killed: bool = False
    """It has ended a worker. Written by the sinks."""
    asked: dict[str, int] = field(default_factory=dict)
    """How often each flaky message was asked for, by id."""

    async def write(self, records: Sequence[Message]) -> list[Retried | Rejected | None]:
        """One transaction."""
        _suffer_from(records)
        trouble = self._trouble()
        if trouble == "away":
            raise SinkUnavailable("away")
        if trouble == "bug":
            raise ValueError("a bug of the sink")
        if trouble == "slow":
            await asyncio.sleep(self.random.uniform(1.0, 20.0))
        if trouble == "deaf" and self.random.random() < 0.5:  # the other half commits first
            await self._heal()
        if any(_kind(record) == "refused" for record in records):
            raise SinkRefused("a constraint is violated")
        answers = self._answers(records)
        self._commit([record for record, answer in zip(records, answers, strict=True) if answer is None])
        if trouble == "deaf":
            await self._heal()
        if trouble in {"lost-answers", "deaf"}:
            raise SinkUnavailable("the connection was lost")
        return answers

    def _trouble(self) -> Trouble | None:
        trouble = self.random.choice(self.troubles) if self.troubles else None
        if trouble == "shaky":
            return self.random.choice((None, None, "away", "slow", "lost-answers"))
        return trouble

    async def _heal(self) -> None:
        while "deaf" in self.troubles:  # noqa: ASYNC110 - whoever heals it is outside of the loop
            await asyncio.sleep(1.0)

    def _answers(self, records: Sequence[Message]) -> list[Retried | Rejected | None]:
        """In order, and where groups have an order nothing of a group behind one that is not taken."""
        stopped: set[str] = set()
        answers: list[Retried | Rejected | None] = []
        for record in records:
            answer = Retried("behind") if record.group_id in stopped else self._answer(record)
            if answer is not None and record.group_id is not None:
                stopped.add(record.group_id)
            answers.append(answer)
        return answers

    def _answer(self, record: Message) -> Retried | Rejected | None:
        if _kind(record) == "rejected":
            return Rejected("sink-data", "the sink does not want it")
        if _kind(record) == "stubborn":
            return Retried("never")
        if _kind(record) == "flaky":
            tries = self.asked[record.id] = self.asked.get(record.id, 0) + 1
            if tries <= FLAKY_TRIES:
                return Retried("later", after=self.random.choice((None, 0.0, 3.0)))
        return None

    def _commit(self, records: Sequence[Message]) -> None:
        new = [record for record in records if record.key not in self.rows]
        self.rows.update((record.key, record.body) for record in new)
        self.order.extend(record.key for record in new)
        self.witness.committed(new)


class SimSink:
    """One worker's connection. Transactional by key."""

    def __init__(
        self, table: Table, *, process: SimProcess, network: Network, seconds: float | None, max_rows: int | None
    ) -> None:
        self._table = table
        self._process = process
        self._network = network
        self._demand = Demand(max_rows=max_rows, seconds=seconds)

    @property
    def demand(self) -> Demand:
        """As the scenario wants it."""
        return self._demand

    async def open(self) -> None:
        """Nothing to connect."""

    async def write(self, records: Sequence[Message]) -> list[Retried | Rejected | None]:
        """Ask the table, over the network."""
        witness = self._table.witness
        witness.write_asked(self._process, records)
        if self._table.rude:
            self._table.rude -= 1
            await _cancel_whoever_asks()
        if "killer" in map(_kind, records):
            self._table.killed = True
            self._process.crash()
            await asyncio.Event().wait()
        answers = await self._network.call(lambda: self._table.write(records), noticed=NOTICED)
        witness.write_answered(self._process, records, answers)
        return answers

    async def close(self) -> None:
        """Nothing to flush."""


async def _cancel_whoever_asks() -> None:
    task = asyncio.current_task()
    assert task is not None
    task.cancel()
    await asyncio.sleep(0)


def _suffer_from(records: Sequence[Message]) -> None:
    """One record has a trouble of its own, and its whole batch fails."""
    kinds = set(map(_kind, records))
    if "tenant" in kinds and asyncio.get_running_loop().time() < HEALED_AT:
        raise SinkUnavailable("one tenant's server is down")
    if "explosive" in kinds:
        raise ValueError("something in the batch")


def _kind(record: Message) -> object:
    return record.value["kind"] if isinstance(record.value, dict) else None
