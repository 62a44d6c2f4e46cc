"""The witness is not blind: each defect that is put into the core on purpose is seen, under its own number."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.model.scenario import play
from worker.inflight import Ledger
from worker.outcome import DONE, Done
from worker.pipeline import pipeline
from worker.pipeline.buffer import Arrivals
from worker.pipeline.deadletter import DeadLetters
from worker.pipeline.poll import Poller
from worker.pipeline.settle import Settler
from worker.pipeline.write import Writer, Written

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.message import Delivery, Message
    from worker.outcome import Outcome, OutcomeName

SEEDS: Final = 150


async def writes_nothing(_: Writer, records: Sequence[Message], **__: object) -> Written:
    """Says done without having written."""
    return Written([DONE] * len(records), 1)


async def sends_no_letter(_: DeadLetters, rejected: list[tuple[Delivery, Any]]) -> set[str]:
    """Says accepted without having sent."""
    return {delivery.message_id for delivery, _ in rejected}


def deletes_what_failed(self: Settler, settled: Sequence[tuple[Delivery, Outcome]]) -> None:
    """Takes every outcome for done."""
    _settle(self, [(delivery, Done()) for delivery, _ in settled])


def has_always_room(_: Ledger, limit: int) -> int:
    """Knows no bound."""
    return limit


def stops_never(_: Poller) -> None:
    """Goes on receiving."""


def remembers_nothing(_: Ledger, __: Delivery) -> None:
    """Forgets what it could not delete."""


def gives_nothing_back(self: Arrivals) -> list[Delivery]:
    """Drops what nobody had begun."""
    _unbegun(self)
    return []


def counts_wrong(self: Ledger, deliveries: Sequence[Delivery], outcome: OutcomeName) -> None:
    """Leaves one out."""
    _leave(self, deliveries, outcome)
    self.left[outcome] -= 1


_settle, _unbegun, _leave = Settler.settle, Arrivals.unbegun, Ledger.leave

DEFECTS: Final[dict[str, tuple[object, str, object, set[str]]]] = {
    "writes nothing": (Writer, "write", writes_nothing, {"INV-2"}),
    "deletes what failed": (Settler, "settle", deletes_what_failed, {"INV-2"}),
    "sends no dead letter": (DeadLetters, "send", sends_no_letter, {"INV-2", "INV-3"}),
    "has always room": (Ledger, "room", has_always_room, {"INV-4"}),
    "stops never": (Poller, "stop", stops_never, {"INV-1", "INV-5"}),
    "remembers nothing": (Ledger, "remember", remembers_nothing, {"INV-6"}),
    "drops what nobody had begun": (Arrivals, "unbegun", gives_nothing_back, {"INV-1"}),
    "counts wrong": (Ledger, "leave", counts_wrong, {"INV-8"}),
    "has no lanes": (pipeline, "Lanes", Arrivals, {"INV-9"}),
}


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_defect_put_in_on_purpose_is_seen(defect: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An invariant that cannot fail proves nothing, so each is made to fail."""
    where, name, wrong, numbers = DEFECTS[defect]
    monkeypatch.setattr(where, name, wrong)
    violations = (play(seed).violation for seed in range(SEEDS))
    seen = next((violation for violation in violations if violation is not None), "nothing was seen")
    assert seen[:5] in numbers, seen
