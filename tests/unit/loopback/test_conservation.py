"""Nothing is lost or made up, whatever is done in whatever order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tests.unit.loopback.world import Got, World
from worker.loopback.errors import SqsFault
from worker.loopback.fifo import GroupOrder
from worker.loopback.messages import GONE, IN_FLIGHT
from worker.loopback.rules import Rules

if TYPE_CHECKING:
    from worker.loopback.messages import StateChange

NAMES = ("jobs", "dead", "jobs.fifo", "dead.fifo")


class Conservation(RuleBasedStateMachine):
    """Random operations on two queues and their dead-letter queues, with a ledger that only sees the observer."""

    keeps: Rules

    def __init__(self) -> None:
        super().__init__()
        self.ledger: list[StateChange] = []
        self.world = World(in_flight_limit=12, rules=self.keeps, observe=self.ledger.append)
        for name in ("dead", "dead.fifo", "jobs", "jobs.fifo"):
            self.world.queue(name, MessageRetentionPeriod=60, VisibilityTimeout=7)
        self.world.redrive("jobs", "dead", 3)
        self.world.redrive("jobs.fifo", "dead.fifo", 2)
        self.got: list[tuple[str, Got]] = []
        self.asked: dict[str, int] = {}  # by queue, the most that was asked for under the attempt
        self.bodies = 0

    @rule(name=st.sampled_from(NAMES), group=st.sampled_from("abc"), delay=st.sampled_from([None, 0, 5, 70]))
    def send(self, name: str, group: str, delay: int | None) -> None:
        """A message with a body of its own."""
        self.bodies += 1
        fifo = name.endswith(".fifo")
        self.world.send(str(self.bodies), name, group=group if fifo else None, delay=None if fifo else delay)

    @rule(
        name=st.sampled_from(NAMES),
        limit=st.integers(1, 10),
        visibility=st.sampled_from([None, 0, 1, 30]),
        attempt=st.sampled_from([None, "t"]),
    )
    def receive(self, name: str, limit: int, visibility: int | None, attempt: str | None) -> None:
        """A receive never gives what is in flight, nor the same message twice.

        An attempt that is made again brings what it brought before, however little is asked for now.
        """
        most = limit
        if attempt is not None:
            most = self.asked[name] = max(limit, self.asked.get(name, 0))
        try:
            got = self.world.receive(name, limit=limit, visibility=visibility, attempt=attempt)
        except SqsFault as fault:
            assert fault.code == "OverLimit"  # noqa: PT017 - any other would be a bug of the loopback
            return
        assert len({one.id for one in got}) == len(got) <= most
        self.got += [(name, one) for one in got]

    @rule(pick=st.integers(0, 1_000))
    def delete(self, pick: int) -> None:
        """By any handle ever given."""
        if self.got:
            name, got = self.got[pick % len(self.got)]
            answers = self.world.sqs.delete_message_batch(name, [got.handle])
            assert answers == [None] or name.endswith(".fifo")

    @rule(pick=st.integers(0, 1_000), seconds=st.sampled_from([0, 1, 30, 43_200]))
    def change_visibility(self, pick: int, seconds: int) -> None:
        """By any handle ever given; refusals change nothing."""
        if self.got:
            name, got = self.got[pick % len(self.got)]
            self.world.sqs.change_message_visibility_batch(name, [(got.handle, seconds)])

    @rule(seconds=st.sampled_from([0.5, 1, 7, 30, 61]))
    def pass_time(self, seconds: float) -> None:
        """Leases, delays, retention."""
        self.world.now += seconds

    @rule(name=st.sampled_from(("dead", "dead.fifo")), rate=st.sampled_from([None, 1, 3]))
    def move_back(self, name: str, rate: int | None) -> None:
        """A move task; a second one is refused."""
        try:
            self.world.sqs.start_message_move_task(self.world.sqs.queue(name).arn, rate=rate)
        except SqsFault as fault:
            assert fault.code == "InvalidParameterValueException"  # noqa: PT017 - any other would be a bug of the loopback

    @rule(name=st.sampled_from(NAMES))
    def purge(self, name: str) -> None:
        """Once a minute."""
        try:
            self.world.sqs.purge_queue(name)
        except SqsFault as fault:
            assert fault.code == "PurgeQueueInProgress"  # noqa: PT017 - any other would be a bug of the loopback

    @invariant()
    def every_message_is_somewhere(self) -> None:
        """Sent + moved in = visible + in flight + delayed + deleted + moved out + expired + purged, per queue."""
        for name in NAMES:
            held = sum(self.world.held(name))
            counts = self.world.sqs.queue(name).counts
            gone = counts.deleted + counts.moved_out + counts.expired + counts.purged
            assert counts.sent + counts.moved_in == held + gone

    @invariant()
    def moves_balance(self) -> None:
        """What left one queue arrived in another."""
        states = [self.world.sqs.queue(name).counts for name in NAMES]
        assert sum(one.moved_out for one in states) == sum(one.moved_in for one in states)

    @invariant()
    def the_ledger_agrees(self) -> None:
        """The observer saw as much as the counts say."""
        states = [self.world.sqs.queue(name).counts for name in NAMES]
        for kind, total in (
            ("send", sum(one.sent for one in states)),
            ("delete", sum(one.deleted for one in states)),
            ("move", sum(one.moved_out for one in states)),
            ("expire", sum(one.expired for one in states)),
        ):
            assert sum(change.kind == kind for change in self.ledger) == total

    @invariant()
    def nothing_hidden_is_forgotten(self) -> None:
        """Every hidden message has a live entry in the heap that will show it."""
        for name in NAMES:
            state = self.world.sqs.queue(name)
            live = {id(e[2]) for e in state.hidden.entries if e[2].visible_at == e[0] and e[2].state in {1, 2}}
            assert len(live) == state.held[1] + state.held[2]

    @invariant()
    def the_latest_handle_finds_its_message_and_an_older_one_its_number(self) -> None:
        """Both for as long as the message is here; nothing of what has gone is kept."""
        for name in NAMES:
            state = self.world.sqs.queue(name)
            here = {one.number: one for one in state.receipts.latest.values()}
            assert all(one.handle == handle and one.state != GONE for handle, one in state.receipts.latest.items())
            assert all(state.receipts.handles.read(one.handle) == (one.number, one.receipt) for one in here.values())
            assert all(here[number] is one for number, one in state.receipts._repeated.items())
            assert state.held[IN_FLIGHT] <= len(here) == len(state.receipts.latest)

    @invariant()
    def what_waits_in_a_group_is_offered(self) -> None:
        """A group whose first message may be handed out stands in the line, or nobody would ever get it."""
        for name in NAMES:
            order = self.world.sqs.queue(name)._order
            if isinstance(order, GroupOrder):
                groups = order._groups.values()
                assert all(group.offered for group in groups if group.ready)
                assert sum(len(group.hidden) for group in groups) == self.world.sqs.queue(name).held[IN_FLIGHT]
                assert not any(group.taken or group.empty for group in groups)


class Recorded(Conservation):
    """By the rules that were recorded on AWS."""

    keeps = Rules.RECORDED


class Documented(Conservation):
    """By the rules that AWS's pages tell."""

    keeps = Rules.DOCUMENTED


for machine in (Recorded, Documented):
    machine.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


class TestRecorded(Recorded.TestCase):  # type: ignore[misc,valid-type] # hypothesis makes the class at run time
    """Runs the machine."""


class TestDocumented(Documented.TestCase):  # type: ignore[misc,valid-type] # as above
    """Runs the machine."""
