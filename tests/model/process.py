"""A worker process in a simulated world: the whole core, in memory that a crash takes away.

Takes the numbers of its pipeline and the doors to queue and sink; started, it runs until it is told to stop, is
forced, or crashes. What it was told and what it did is written down here by the witness.
"""

from __future__ import annotations

import asyncio
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, Final

from tests.model.leases import Leases
from tests.model.simloop import OWNER, Owner
from worker.errors import StageEnded
from worker.facts import MessageRetried
from worker.pipeline.pipeline import Pipeline
from worker.pipeline.stopping import Stop
from worker.telemetry.account import Accounts

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

    from tests.model.invariants import Witness
    from tests.model.simloop import SimLoop
    from worker.facts import Fact
    from worker.message import Delivery
    from worker.pipeline.spec import Parts, PipelineSpec


STAGES: Final = (
    "handle-",
    "suspects-",
    "settle-",
    "delete-",
    "change-",
    "reject-",
    "renew-",
    "measure-",
    "poll-",
    "receive-",
)


class SimProcess(Owner):
    """Runs once. `crashed`, `frozen` and its tasks are the loop's; the rest is written by the world and the witness."""

    def __init__(self, name: str, *, loop: SimLoop, witness: Witness) -> None:
        super().__init__(name)
        self._loop = loop
        self._witness = witness
        self.pipeline: Pipeline | None = None  # written by _run
        self.stop: Stop | None = None  # written by start
        self.main: asyncio.Task[None] | None = None  # written by start
        self.stopped_at: float | None = None  # loop time of the request; written by request_stop
        self.disturbed = False  # cancelled, or frozen while stopping: its deadline means nothing; written by the world
        self.stood_still = False  # frozen once: its leases may have run out; written by the world
        self.struck: asyncio.Task[Any] | None = None  # the stage that something cancelled; written by strike
        self.steps_without = 0  # taken since that one ended; written by the witness
        self.receives = 0  # open now; written by its wire
        self.late: set[Delivery] = set()  # handed to it when its poller had been stopped; written by handed
        self.dead_letters = True  # it has a dead-letter queue of its own; written by start
        self.accounts = Accounts()
        self.accepted: set[str] = set()  # ids that the sink accepted of this process
        self.lettered: set[str] = set()  # ids that the dead-letter queue accepted of this process
        self.deleted: set[str] = set()  # ids whose delete was answered in time

    @property
    def running(self) -> bool:
        """It lives, frozen or not."""
        return self.main is not None and not self.main.done() and not self.crashed

    @property
    def befallen(self) -> bool:
        """Something was done to it."""
        return self.stood_still or self.disturbed or self.crashed or self.stopped_at is not None

    def tried_enough(self, message_id: str) -> bool:
        """Whether the message in its hands was tried so often that it is to be given up."""
        if self.pipeline is None or (most := self.pipeline.spec.max_receives) is None:
            return False
        held = self.pipeline.ledger.deliveries()
        return any(one.message_id == message_id and one.receive_count >= most for one in held)

    def start(self, spec: PipelineSpec, parts: Parts, *, drain_seconds: float, drain: bool) -> None:
        """Run; called inside the loop."""
        context = copy_context()
        context.run(OWNER.set, self)
        self.stop = Stop(drain_seconds=drain_seconds)
        self.dead_letters = parts.dead_letters is not None
        self.known_leases = Leases(self, self._witness, spec)
        run = self._run(spec, parts, self.stop, drain=drain)
        self.main = self._loop.create_task(run, name=self.name, context=context)

    def handed(self, deliveries: Sequence[Delivery]) -> None:
        """A receive was answered with these."""
        if self.pipeline is not None and self.pipeline.poller.stopping:
            self.late.update(deliveries)

    def request_stop(self) -> None:
        """As the first SIGTERM."""
        if self.stop is not None and self.stopped_at is None:
            self.stopped_at = self._loop.time()
            self.stop.request("SIGTERM")

    def force(self) -> None:
        """As the second SIGTERM."""
        if self.stop is not None and self.stopped_at is not None:
            self.stop.force()

    def crash(self) -> None:
        """As SIGKILL, or the plug."""
        self.crashed = True

    def cancel(self) -> None:
        """As a defect elsewhere in the process would."""
        self.disturbed = True
        if self.main is not None:
            self.main.cancel()

    def strike(self, random: Random) -> None:
        """Something that is not the worker cancels one of its stages."""
        stages = [task for task in self.tasks if not task.done() and task.get_name().startswith(STAGES)]
        if stages and self.struck is None and self.stopped_at is None:
            self.struck = random.choice(stages)
            self.struck.cancel()

    def emit(self, fact: Fact) -> None:
        """Every fact of the pipeline."""
        self.accounts.observe(fact)
        if isinstance(fact, MessageRetried):
            self._witness.retried(fact)

    async def _run(self, spec: PipelineSpec, parts: Parts, stop: Stop, *, drain: bool) -> None:
        self.pipeline = Pipeline(spec, parts)
        try:
            await self.pipeline.run(stop, drain=drain)
        except* asyncio.CancelledError:
            if not self.disturbed:
                self._witness.broken("INV-1", f"{self.name} was cancelled by itself")
        except* StageEnded as ended:
            if self.struck is None:
                self._witness.broken("INV-13", f"{self.name}: {_leaves(ended)}, and nobody had touched it")
            self.disturbed = True
        except* BaseException as error:  # noqa: BLE001 - whatever it is, it is a defect of the core
            self._witness.broken("INV-1", f"{self.name} died of {_leaves(error)}")
            self.disturbed = True
        self._witness.returned(self)


def _leaves(error: BaseException) -> list[Any]:
    if isinstance(error, BaseExceptionGroup):
        return [leaf for one in error.exceptions for leaf in _leaves(one)]
    return [error]
