"""The invariants of the design, watched from outside of the worker.

Takes what the queue did (every change of every message), what the sink committed, and what each worker asked for and
was told; after every step it looks at the worker that took it, and at the end at what is left. The first violation is
kept as one line that begins with the number of the invariant, and ends the run.

    INV-1  every delivery is settled once, or its lease ran out; none is forgotten
    INV-2  a delete is asked for only after the sink accepted every record of the message
    INV-3  a rejected message is in the dead-letter queue before it leaves the source
    INV-4  in flight never exceeds the bound, in messages or bytes
    INV-5  when run() returns: ledger empty, no task alive, no receive begun after stop
    INV-6  a message whose delete failed is not written again by this process
    INV-7  with a sink that recovers every message ends Done or Rejected, once
    INV-8  received = deleted + retried + rejected + released + expired + in flight, by the facts themselves
    INV-9  FIFO: effects of a group happen in send order, and nothing of it starts while an earlier one is unresolved,
           or was written by this process and may be with another one now
    INV-10 whoever no longer holds a message (lost, or past its deadline) changes neither its visibility nor its count
    INV-11 a message's trouble costs receive counts of that message alone; on a FIFO queue not even those, on a
           standard one it keeps no other waiting; nor does a stop, by giving back to its own receives
    INV-13 no stage ends unseen before it was told to

Beside them `life.strict` is set: a step that the state of a delivery forbids ends the worker that makes it (INV-1).
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from math import inf
from typing import TYPE_CHECKING, Final

from worker.pipeline.deadletter import CONTEXT
from worker.sqs.queue import OK

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from collections.abc import Set as AbstractSet

    from tests.model.process import SimProcess
    from tests.model.workload import Item
    from worker.facts import MessageRetried
    from worker.loopback.messages import StateChange
    from worker.message import Delivery, Message, Outgoing
    from worker.outcome import Rejected, Retried
    from worker.pipeline.pipeline import Pipeline
    from worker.sqs.queue import EntryResult

STOP_SLACK_SECONDS: Final = 1.0
"""How much later than its deadline a worker may return: nothing but its own last steps are left by then."""
BACKLOG_SECONDS: Final = 0.1
"""A few round trips: receives side by side that bring fresh messages, and what comes in their midst."""
STEPS_TO_NOTICE: Final = 300
"""Of a worker, from the untold end of one of its stages to its own: to cancel all others takes a few for each."""

Asked = list[tuple[str, bool]]
"""Message ids of a delete, and whether its lease lived (as far as the worker knows) when it was asked for."""


class InvariantBroken(AssertionError):
    """The core did what it must never do."""


class Witness:
    """One per world. Every field is written by its own methods only."""

    def __init__(self, *, now: Callable[[], float], dead_bodies: Callable[[], Counter[str]]) -> None:
        self.now = now
        self._dead_bodies = dead_bodies
        self.violation: str | None = None
        self.items: dict[str, Item] = {}  # by message id
        self._by_body: dict[str, str] = {}  # ids; each item has a body of its own
        self.rows: Counter[str] = Counter()  # by id; more than one is one too many
        self.clean = True  # no call to SQS was ever spoilt; written by the world
        self.receipts: Counter[str] = Counter()  # by message id
        self.amid: Counter[str] = Counter()  # by id, those of its later receipts that came amid first ones of others
        self._fresh_at = -inf
        self.shaky = False  # the sink takes or refuses by chance; written by the world
        self.excused: set[str] = set()  # ids that may be received again; written by left_unread and retried
        self.gone: set[str] = set()  # ids that were deleted from the source queue or moved
        self.moved: set[str] = set()  # ids that the redrive policy took, or a worker that counts to its number
        self._groups: dict[str, list[str]] = defaultdict(list)  # ids in send order, the unresolved ones

    def broken(self, invariant: str, what: str) -> None:
        """Keep the first violation."""
        if self.violation is None:
            self.violation = f"{invariant} at {self.now():.3f} s: {what}"

    def check(self) -> None:
        """Raise what has been kept."""
        if self.violation is not None:
            raise InvariantBroken(self.violation)

    # ── what happens over there ─────────────────────────────────────────────────────────────────────────────────────

    def sent(self, message_id: str, item: Item) -> None:
        """The source queue has accepted *item*."""
        self.items[message_id] = item
        self._by_body[item.body] = message_id
        if item.group_id is not None:
            self._groups[item.group_id].append(message_id)

    def changed(self, change: StateChange) -> None:
        """A message of the source queue changed its state."""
        message_id = change.message_id
        if change.kind == "receive":
            self._handed_out(message_id)
        if message_id not in self.items:
            return  # a dead letter
        match change.kind:
            case "delete":
                self.gone.add(message_id)
                self._left(message_id)
            case "move":
                self.gone.add(message_id)
                self.moved.add(message_id)
                self._resolved(message_id)
            case "expire" | "purge":
                self.broken("INV-7", f"{self.word(message_id)} was lost by {change.kind}")
            case _:
                pass

    def _handed_out(self, message_id: str) -> None:
        """Perhaps before its sender was told that it was sent."""
        self.receipts[message_id] += 1
        if self.receipts[message_id] == 1:
            self._fresh_at = self.now()
        elif self.now() - self._fresh_at < BACKLOG_SECONDS:
            self.amid[message_id] += 1

    def committed(self, records: Sequence[Message]) -> None:
        """The sink has a new row for each of these."""
        for record in records:
            if record.id not in self.rows:
                self._in_order(record.id, "committed")
                self._resolved(record.id)
            self.rows[record.id] += 1

    def sealed(self, message_id: str) -> None:
        """Given back after its last receive: the redrive policy moves it before anybody is handed it again."""
        self._resolved(message_id)

    def _left(self, message_id: str) -> None:
        """Gone from the source: by now it must be somewhere else."""
        if message_id in self.rows or self._dead_bodies()[self.items[message_id].body]:
            self._resolved(message_id)
            return
        number = "INV-3" if self.items[message_id].poison else "INV-2"
        self.broken(number, f"{self.word(message_id)} was deleted, and neither the sink nor the dead letters have it")

    # ── what a worker asks for and is told ──────────────────────────────────────────────────────────────────────────

    def receive_asked(self, process: SimProcess) -> None:
        """A receive begins."""
        if process.stopped_at is not None and self.now() > process.stopped_at and not process.disturbed:
            self.broken("INV-5", f"{process.name} began a receive after it was told to stop")

    def returned_to_queue(self, process: SimProcess, deliveries: Sequence[Delivery]) -> None:
        """To be visible at once. Whoever stops is handed again what it gives back while it still asks."""
        if process.receives and (again := process.late.intersection(deliveries)):
            word = self.word(next(iter(again)).message_id)
            self.broken("INV-11", f"{process.name} gives {word} back to {process.receives} receives of its own")

    def write_asked(self, process: SimProcess, records: Sequence[Message]) -> None:
        """A batch goes to the sink."""
        process.known_leases.begins(record.id for record in records)
        if any(record.group_id is not None for record in records):
            process.known_leases.follows([record.id for record in records])
        for record in records:
            self._again(process, record.id, process.accepted, "wrote")
            process.accepted.discard(record.id)
            self._starts(record.id, records)

    def write_answered(
        self, process: SimProcess, records: Sequence[Message], answers: Sequence[Retried | Rejected | None]
    ) -> None:
        """The sink's answer has arrived."""
        accepted = [record.id for record, answer in zip(records, answers, strict=True) if answer is None]
        process.accepted.update(accepted)
        process.deleted.difference_update(accepted)

    def letters_asked(self, process: SimProcess, messages: Sequence[Outgoing]) -> None:
        """Dead letters go out."""
        for message_id in map(self._origin, messages):
            if message_id not in self.items:
                self.broken("INV-7", f"{process.name} sends what is no dead letter")
                return
            self._again(process, message_id, process.lettered, "dead-lettered")
            if process.tried_enough(message_id):
                self.moved.add(message_id)
            process.lettered.discard(message_id)

    def letters_answered(
        self, process: SimProcess, messages: Sequence[Outgoing], answers: Sequence[EntryResult]
    ) -> None:
        """The dead-letter queue's answer has arrived."""
        accepted = [self._origin(message) for message, answer in zip(messages, answers, strict=True) if answer is OK]
        process.lettered.update(accepted)
        process.deleted.difference_update(accepted)

    def _origin(self, letter: Outgoing) -> str:
        """The id that a dead letter had in the source queue, by its context or, bare, by its body; else nothing."""
        if CONTEXT in letter.attributes:
            return str(json.loads(letter.attributes[CONTEXT].value)["message_id"])
        return self._by_body.get(letter.body, "")

    def delete_asked(self, process: SimProcess, deliveries: Sequence[Delivery]) -> Asked:
        """A delete goes out; what is returned comes back with its answer."""
        for delivery in deliveries:
            if delivery.message_id not in process.accepted and delivery.message_id not in process.lettered:
                word = self.word(delivery.message_id)
                self.broken("INV-2", f"{process.name} asks to delete {word}, which nobody has accepted of it")
        return [(one.message_id, not one.lost and self.now() < one.deadline) for one in deliveries]

    def delete_answered(self, process: SimProcess, asked: Asked, answers: Sequence[EntryResult]) -> None:
        """SQS's answer has arrived. OK for a lease that was over by then proves nothing."""
        process.deleted.update(
            message_id for (message_id, alive), answer in zip(asked, answers, strict=True) if answer is OK and alive
        )

    def _again(self, process: SimProcess, message_id: str, before: set[str], did: str) -> None:
        if message_id in before and message_id not in process.deleted:
            self.broken("INV-6", f"{process.name} {did} {self.word(message_id)} again, whose delete had failed")

    def left_unread(self, process: SimProcess, deliveries: Sequence[Delivery], size: int) -> None:
        """An answer of *size* bytes found no room beside what is in hand, for as long as its leases lived."""
        room = process.pipeline.room if process.pipeline is not None else None
        if room is not None and room.bytes + size > room.max_bytes:
            self.excused.update(delivery.message_id for delivery in deliveries)

    def retried(self, fact: MessageRetried) -> None:
        """Where others need its room. What fails by chance while others pass looks as if it were to blame."""
        if self.shaky and fact.reason == "sink-away":
            self.excused.add(fact.message_id)

    def admitted(self, process: SimProcess, size: int, granted: int) -> None:
        """An answer was taken in, for which *granted* bytes had been set aside."""
        if size > granted:
            self.broken("INV-4", f"{process.name} took in {size} bytes where {granted} were granted")

    # ── after every step, and at the end of a process ───────────────────────────────────────────────────────────────

    def stepped(self, process: SimProcess) -> None:
        """The worker took a step: its bounds and its account must hold."""
        pipeline = process.pipeline
        if pipeline is None:
            return
        ledger, spec = pipeline.ledger, pipeline.spec
        if len(ledger) > spec.max_messages or pipeline.room.bytes_taken > spec.max_bytes:
            self.broken("INV-4", f"{process.name} holds {len(ledger)} messages, {pipeline.room.bytes_taken} bytes")
        if len(ledger) > in_stages(pipeline):
            self.broken("INV-1", f"{process.name} holds {len(ledger)}, its stages only {in_stages(pipeline)}")
        if ledger.received != sum(ledger.left.values()) + len(ledger):
            self.broken("INV-8", f"{process.name}: {ledger.account()}")
        account = process.accounts.by_pipeline.get(spec.name)
        if account is not None and account.received != account.settled + len(ledger):
            self.broken("INV-8", f"{process.name}: {account.as_dict()} with {len(ledger)} in flight")
        process.known_leases.stepped(dead_letters=process.dead_letters)
        self._misses(process)

    def _misses(self, process: SimProcess) -> None:
        """A stage that something cancelled goes on, or its worker ends."""
        struck = process.struck
        if struck is None or not struck.done() or process.stopped_at is not None:
            return
        process.steps_without += 1
        if process.steps_without > STEPS_TO_NOTICE:
            self.broken("INV-13", f"{process.name} goes on without {struck.get_name()}")

    def returned(self, process: SimProcess) -> None:
        """run() has returned, or was cancelled."""
        pipeline, stop = process.pipeline, process.stop
        if pipeline is None or stop is None or process.disturbed:
            return
        others = [task for task in process.tasks if not task.done() and task is not process.main]
        if others:
            self.broken("INV-5", f"{process.name} left tasks: {[task.get_name() for task in others]}")
        if process.stopped_at is None:
            return  # it found the queue empty, and its deadline counts from a moment that it alone knows
        late = self.now() - stop.deadline()
        if late > STOP_SLACK_SECONDS:
            self.broken("INV-5", f"{process.name} returned {late:.3f} s after its deadline")
        in_time = late < 0 and not stop.forced
        if in_time and len(pipeline.ledger):
            self.broken("INV-5", f"{process.name} returned in time with {len(pipeline.ledger)} in flight")
        if in_time and pipeline.settler.pending:
            self.broken("INV-5", f"{process.name} returned in time with {pipeline.settler.pending} to settle")

    # ── FIFO ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _in_order(self, message_id: str, did: str) -> None:
        """Everything sent before it in its group must have been resolved."""
        ahead = self._ahead(message_id)
        if ahead:
            self.broken("INV-9", f"{self.word(message_id)} was {did} before {self.word(ahead[0])}")

    def _starts(self, message_id: str, records: Sequence[Message]) -> None:
        """As above, but those ahead of it may be ahead of it in the same batch."""
        ahead = self._ahead(message_id)
        if ahead and ahead != [record.id for record in records if record.id in ahead]:
            self.broken("INV-9", f"{self.word(message_id)} started before {self.word(ahead[0])} was resolved")

    def _ahead(self, message_id: str) -> list[str]:
        """What was sent before it in its group, and is neither committed nor a dead letter."""
        group = self._groups.get(self.items[message_id].group_id or "")
        if not group or group[0] == message_id or message_id not in group:
            return []
        dead = self._dead_bodies()
        group[:] = [one for one in group if not dead[self.items[one].body] or one == message_id]
        return group[: group.index(message_id)]

    def _resolved(self, message_id: str) -> None:
        group = self._groups.get(self.items[message_id].group_id or "")
        if group and message_id in group:
            group.remove(message_id)

    # ── the end of the world ────────────────────────────────────────────────────────────────────────────────────────

    def finish(
        self, *, held: int, calm: bool, steady: bool, redrive_only: bool, spared: AbstractSet[str] = frozenset()
    ) -> None:
        """Everything was healed and drained: account for every message.

        *calm*: nothing excuses a duplicate. *steady*: nothing excuses a second receipt of a good message. *spared*: ids
        of a FIFO queue of which that is true whatever they are.
        """
        if held:
            self.broken("INV-7", f"{held} messages are still in the source queue")
        dead = self._dead_bodies()
        for message_id in spared:
            if self.receipts[message_id] != 1 and message_id not in self.excused:
                self.broken("INV-11", f"{self.word(message_id)} was received {self.receipts[message_id]} times")
        for message_id, item in self.items.items():
            self._ended(message_id, item, dead[item.body], calm=calm)
            alone = steady and item.kind == "good" and item.group_id is None and message_id not in self.excused
            if alone and (receipts := self.receipts[message_id]) != 1:
                self.broken("INV-7", f"{self.word(message_id)} was received {receipts} times for nothing")
            if redrive_only and dead[item.body] and message_id not in self.moved:
                self.broken("INV-3", f"{self.word(message_id)}: only the redrive policy could have moved it")
        self.check()

    def bystanders_done(self) -> None:
        """Every good message must be in the sink by now, whatever the others do."""
        waiting = [one for one, item in self.items.items() if item.kind == "good" and one not in self.rows]
        if waiting:
            self.broken("INV-11", f"{len(waiting)} good messages wait for others, such as {self.word(waiting[0])}")

    def bystanders(self, *, spare: int) -> None:
        """A good message is received once, and once more for each crash that nobody could foresee, *spare* of them.

        While fresh messages come by tens, what a crash left behind comes among them and may be in hand at the next.
        """
        for message_id, item in self.items.items():
            if item.kind == "good" and self.receipts[message_id] > 1 + spare + self.amid[message_id]:
                word, receipts = self.word(message_id), self.receipts[message_id]
                self.broken("INV-11", f"{word} was received {receipts} times for the trouble of others")

    def _ended(self, message_id: str, item: Item, copies: int, *, calm: bool) -> None:
        """In the sink or among the dead letters, whichever is its place, and there once."""
        written, moved = message_id in self.rows, message_id in self.moved
        where = f"{self.word(message_id)}: rows {self.rows[message_id]}, dead letters {copies}"
        if item.poison and (written or not copies):
            self.broken("INV-3", where)
        if not item.poison and not (written or moved):
            self.broken("INV-7", f"lost {where}")
        if self.rows[message_id] > 1:
            self.broken("INV-7", f"written twice {where}")
        if not item.poison and copies and not moved:
            self.broken("INV-7", where)
        if copies > (1 if calm else self.receipts[message_id] + moved):
            self.broken("INV-3", where)
        if calm and moved and item.kind == "good" and item.group_id is None:
            self.broken("INV-7", f"{where}, although nothing was ever wrong")

    def word(self, message_id: str) -> str:
        """A message for people."""
        item = self.items[message_id]
        return f"message {item.number} ({item.kind})"


def in_stages(pipeline: Pipeline) -> int:
    """Deliveries that some stage has in its hands; one that is rejected is counted by two for a moment."""
    return len(pipeline.buffer) + pipeline.under_way.handling + pipeline.settler.pending
