"""A world from a seed: one SQS with a source and a dead-letter queue, one destination, and workers that come and go.

Takes numbers (`Terms`), and is driven from outside: send, advance, set faults, start, stop, crash, freeze. Whatever is
done to it, its witness watches every step, and `finish` heals everything, drains it and accounts for each message.
Schedule, faults, network, ids and each worker draw from streams of their own, all from the one seed.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Final

from tests.model.invariants import Witness
from tests.model.network import Network
from tests.model.process import SimProcess
from tests.model.simloop import Owner, SimLoop, bury
from tests.model.simsink import SimSink, Table
from tests.model.wire import SimWire
from worker.codecs.json.codec import JsonCodec
from worker.loopback.faults import FaultRule, Faults
from worker.loopback.in_memory import MemoryQueue
from worker.loopback.messages import DELAYED, IN_FLIGHT, VISIBLE
from worker.loopback.rules import Rules
from worker.loopback.service import LoopbackSqs
from worker.message import Outgoing
from worker.pipeline import life
from worker.pipeline.deadletter import DeadLetters
from worker.pipeline.deduplication import make_key
from worker.pipeline.poll import PollSettings
from worker.pipeline.settle import SettleSettings
from worker.pipeline.sizing import BatchSettings
from worker.pipeline.spec import Parts, PipelineSpec
from worker.sqs.quotas import MESSAGE_BYTES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.model.simsink import Trouble
    from tests.model.workload import Item, Kind
    from worker.loopback.state import QueueState

EPOCH: Final = 1_700_000_000.0
HEALED_SECONDS: Final = 4 * 3600.0
"""By then everything that was healed must have been drained: leases and pauses are minutes."""
STRUCK: Final = 0.5
"""Of the workers that run, when something strikes; the others have to do with the sink only."""
LOOK_SECONDS: Final = 5.0

life.strict = True
"""A step that the state of a delivery forbids ends the worker that makes it, and the run with it."""


@dataclass(frozen=True, slots=True)
class Terms:
    """The numbers of a world, the same for each of its workers."""

    lease_seconds: int = 30
    wait_seconds: float = 5.0
    receivers: int = 2
    receive_limit: int = 10
    rows: int = 10
    batch_bytes: int = 100_000
    batch_wait_seconds: float = 0.1
    writers: int = 2
    max_messages: int = 60
    max_bytes: int = 60_000
    largest_message: int = 2_048
    settle_calls: int = 2
    settle_linger_seconds: float = 0.05
    retry_max_seconds: float = 20.0
    drain_seconds: float = 25.0
    write_limit_seconds: float | None = None
    max_receive_count: int = 1_000
    dead_letters: bool = True
    """False: nothing is dead-lettered by us, the redrive policy does it."""
    max_receives: int | None = None
    """After which the worker itself dead-letters what fails; then there is no redrive policy."""
    letter_bytes: int = MESSAGE_BYTES
    """Largest message of the dead-letter queue."""
    losing: bool = False
    """Handles become void while nothing is deleted."""
    roomy: bool = False
    """Nothing goes wrong but what is sent."""
    swelling: bool = False
    """Small messages, and then large ones that fill the room; nothing goes wrong."""
    groups: int = 0
    """Of a FIFO queue; 0: a standard queue."""
    measured: bool = False
    """The queue measures an answer before it takes it in, as the native path does."""
    rules: Rules = Rules.RECORDED
    """Whose word on receipt handles and FIFO groups the queue keeps; the worker must be right under either."""
    strike_at: float | None = None
    """When something cancels tasks that are not its own."""
    own_trouble: Kind | None = None
    """Of a few messages among many, in a world of bystanders."""
    in_order: bool = False
    """The loop runs what is ready in order, as a real one does, instead of drawing."""

    @property
    def fifo(self) -> bool:
        """Whether both queues are FIFO."""
        return self.groups > 0


class World:
    """One run. Its fields are written by its methods; the witness has the state that matters."""

    def __init__(self, seed: object, terms: Terms) -> None:
        self.seed = seed
        self.terms = terms
        self.loop = SimLoop(None if terms.in_order else seed)
        self.witness = Witness(now=self.loop.time, dead_bodies=self._dead_bodies)
        self.network = Network(self.loop, self._stream("network"))
        self.strikes = self._stream("strikes")
        self.faults = Faults(rng=self._stream("faults"), clock=self.loop.time)
        self.sqs = LoopbackSqs(
            rng=self._stream("ids"), clock=self.wall, rules=terms.rules, observe=self.witness.changed
        )
        self.table = Table(self._stream("sink"), self.witness)
        self.processes: list[SimProcess] = []
        self.calm = True  # nothing yet that excuses a duplicate; written by whatever does
        self.steady = terms.write_limit_seconds is None  # nothing yet that excuses a second receipt; as calm
        suffix = ".fifo" if terms.fifo else ""
        self.source, self.dead = self._create("source" + suffix, "dead" + suffix)
        self.loop.after_step = self._after_step
        self.loop.set_exception_handler(lambda _, context: self.witness.broken("INV-5", f"unhandled: {context}"))

    def wall(self) -> float:
        """Unix time."""
        return EPOCH + self.loop.time()

    def advance(self, seconds: float) -> None:
        """Let so much time pass."""
        self.loop.advance(seconds)

    # ── the outside ─────────────────────────────────────────────────────────────────────────────────────────────────

    def send(self, items: Sequence[Item]) -> None:
        """A sender's messages arrive in the source queue."""
        self.loop.do(lambda: self._send(items))

    def set_faults(self, rules: Sequence[FaultRule], troubles: Sequence[Trouble]) -> None:
        """From now on this goes wrong, and nothing else."""
        self.faults.set(rules)
        self.table.troubles = list(troubles)
        self.witness.clean = self.witness.clean and not rules
        self.witness.shaky = "shaky" in troubles
        self.calm = self.calm and not rules and not troubles
        self.steady = self.steady and not rules and "bug" not in troubles

    def start(self, *, drain: bool = False) -> SimProcess:
        """One more worker."""
        self.steady = self.steady and not drain  # it stops by itself, whatever the sink does
        process = SimProcess(f"worker-{len(self.processes)}", loop=self.loop, witness=self.witness)
        self.processes.append(process)
        parts = self._parts(process)
        self.loop.do(lambda: process.start(self._spec(), parts, drain_seconds=self.terms.drain_seconds, drain=drain))
        return process

    def start_if_none(self) -> None:
        """One more worker, unless there is one."""
        if not self.running():
            self.start()

    def look_at_bystanders(self) -> None:
        """All messages without a trouble of their own should be done by now."""
        self.witness.bystanders_done()

    def crash(self, process: SimProcess) -> None:
        """Its memory is gone, and nothing of it runs any more."""
        self.calm = False
        process.crash()

    def cancel(self, process: SimProcess) -> None:
        """The program around the pipeline fails."""
        self.calm = False
        process.cancel()

    def strike(self) -> None:
        """Something cancels a stage of a worker, and the sink the task that asks it next: a library that tidies up."""
        self.calm = self.steady = False
        self.table.rude += 1
        for process in self.running():
            if not process.frozen and self.strikes.random() < STRUCK:
                process.strike(self.strikes)

    def freeze(self, process: SimProcess) -> None:
        """Its machine stands still."""
        self.calm = False
        process.disturbed = process.disturbed or process.stopped_at is not None
        process.stood_still = True
        self.loop.freeze(process)

    def thaw(self, process: SimProcess) -> None:
        """Its machine goes on."""
        self.loop.thaw(process)

    def stop(self, process: SimProcess) -> None:
        """It is asked to stop."""
        self.calm = False
        process.disturbed = process.disturbed or process.frozen
        process.request_stop()

    def running(self) -> list[SimProcess]:
        """Those who live."""
        return [process for process in self.processes if process.running]

    def held(self) -> int:
        """Messages in the source queue, in any state."""
        state = self._state(self.source)
        return state.held[VISIBLE] + state.held[DELAYED] + state.held[IN_FLIGHT]

    # ── the end ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def finish(self) -> None:
        """Heal, drain, stop, and account for everything."""
        calm = self.calm and not self.faults.rules and not self.table.troubles and not self.table.killed
        steady = self.steady and not any(process.befallen for process in self.processes)
        self._drain()
        for process in self.running():
            process.request_stop()
        self._until_stopped()
        if self.terms.own_trouble is not None:
            killers = sum(item.kind == "killer" for item in self.witness.items.values())
            self.witness.bystanders(spare=killers)
        self.witness.finish(
            held=self.held(),
            calm=calm,
            steady=steady,
            spared=self._spared() if steady else frozenset(),
            redrive_only=not self.terms.dead_letters,
        )

    def _spared(self) -> frozenset[str]:
        """Ids of a FIFO queue that nothing excuses a second receipt of: there was room to keep all of it in hand."""
        terms, items = self.terms, self.witness.items
        size = sum(len(item.body) for item in items.values())
        if not (terms.fifo and len(items) <= terms.max_messages // 2 and size <= terms.max_bytes // 2):
            return frozenset()
        if terms.dead_letters:
            return frozenset(items)  # what fails is tried again in hand, and dead-lettered by the worker itself
        if terms.rules is Rules.DOCUMENTED or len(self.processes) > 1:
            return frozenset()  # what is given back alone does not come again, or not to the same worker
        return frozenset(message_id for message_id, item in items.items() if not item.poison)

    def close(self) -> None:
        """Clear away; nothing runs any more."""
        self.loop.after_step = None
        for process in self.processes:
            process.crash()
        for process in self.processes:
            bury(process)
        self.loop.set_exception_handler(lambda *_: None)
        self._end_far_side()
        self.loop.close()

    def _drain(self) -> None:
        self.set_faults([], [])
        for process in self.processes:
            if process.frozen:
                self.thaw(process)
        until = self.loop.time() + HEALED_SECONDS
        while self.held() and self.loop.time() < until:
            if not any(process.stopped_at is None for process in self.running()):
                self.start()
            self.advance(LOOK_SECONDS)

    def _until_stopped(self) -> None:
        until = self.loop.time() + self.terms.drain_seconds + 60.0
        while self.running() and self.loop.time() < until:
            self.advance(LOOK_SECONDS)
        for process in self.running():
            self.witness.broken("INV-5", f"{process.name} never ends: {process.alive()}")

    def _end_far_side(self) -> None:
        far = Owner("far side")
        far.tasks.extend(task for task in _pending(self.loop) if task.get_name() == "far side")
        bury(far)

    # ── parts ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def _stream(self, name: str) -> Random:
        return Random(f"{self.seed}:{name}")

    def _create(self, source: str, dead: str) -> tuple[str, str]:
        fifo = {"FifoQueue": "true"} if self.terms.fifo else {}
        arn = self.sqs.create_queue(dead, fifo | {"MaximumMessageSize": str(self.terms.letter_bytes)}).arn
        redrive = {"deadLetterTargetArn": arn, "maxReceiveCount": self.terms.max_receive_count}
        own = {"VisibilityTimeout": str(self.terms.lease_seconds)}
        if self.terms.max_receives is None:
            own["RedrivePolicy"] = json.dumps(redrive)
        self.sqs.create_queue(source, own | fifo)
        return source, dead

    def _spec(self) -> PipelineSpec:
        terms = self.terms
        return PipelineSpec(
            name="orders",
            lease_seconds=terms.lease_seconds,
            largest_message=terms.largest_message,
            poll=PollSettings(terms.receive_limit, terms.wait_seconds, terms.receivers, repeatable=terms.fifo),
            batch=BatchSettings(terms.rows, terms.batch_bytes, terms.batch_wait_seconds),
            settle=SettleSettings(
                deletes=terms.settle_calls,
                changes=1 if terms.fifo else terms.settle_calls,
                linger_seconds=terms.settle_linger_seconds,
                retry_base_seconds=1.0,
                retry_max_seconds=terms.retry_max_seconds,
            ),
            writers=terms.writers,
            max_messages=terms.max_messages,
            max_bytes=terms.max_bytes,
            fifo=terms.fifo,
            write_limit_seconds=terms.write_limit_seconds,
            max_receives=terms.max_receive_count if terms.fifo else terms.max_receives,
            redrive_count=terms.max_receive_count if terms.max_receives is None else None,
            own_code=terms.own_trouble is not None,
        )

    def _parts(self, process: SimProcess) -> Parts:
        terms = self.terms
        dead = self._wire(self.dead, process)
        letters = DeadLetters(
            dead,
            source=self.source,
            worker=process.name,
            fifo=terms.fifo,
            emit=process.emit,
            pipeline="orders",
            # Half of the workers came before somebody lowered it.
            largest=terms.letter_bytes if len(self.processes) % 2 else MESSAGE_BYTES,
        )
        sink = SimSink(
            self.table, process=process, network=self.network, seconds=terms.write_limit_seconds, max_rows=terms.rows
        )
        return Parts(
            queue=self._wire(self.source, process),
            sink=sink,
            codec=JsonCodec(),
            key=make_key(None),
            dead_letters=letters if terms.dead_letters else None,
            random=self._stream(process.name),
            wall=self.wall,
            emit=process.emit,
        )

    def _wire(self, queue: str, process: SimProcess) -> SimWire:
        far = MemoryQueue(self.sqs, queue, faults=self.faults)
        return SimWire(far, process=process, network=self.network, witness=self.witness, measured=self.terms.measured)

    def _send(self, items: Sequence[Item]) -> None:
        counts = self.sqs.queue(self.source).counts
        for item in items:
            known = counts.sent
            deduplication = f"d{item.number}" if item.group_id else None
            message = Outgoing(item.body, group_id=item.group_id, deduplication_id=deduplication)
            sent = self.sqs.send_message(self.source, message)
            if counts.sent > known:
                self.witness.sent(sent.id, item)

    def _state(self, queue: str) -> QueueState:
        state = self.sqs.queue(queue)
        state.wake(self.wall())
        return state

    def _dead_bodies(self) -> Counter[str]:
        """Nobody receives dead letters here, so all of them wait in the queue's order."""
        order = self.sqs.queue(self.dead)._order
        if self.terms.fifo:
            groups = order._groups.values()  # type: ignore[attr-defined] # a FIFO queue's
            return Counter(message.body for group in groups for _, message in group.waiting)
        return Counter(message.body for message in order._ready)  # type: ignore[attr-defined] # a standard queue's

    def _after_step(self, owner: Owner | None) -> None:
        if isinstance(owner, SimProcess):
            self.witness.stepped(owner)
        if self.witness.violation is not None:
            self.witness.check()


def _pending(loop: SimLoop) -> list[asyncio.Task[object]]:
    return [task for task in asyncio.all_tasks(loop) if not task.done()]
