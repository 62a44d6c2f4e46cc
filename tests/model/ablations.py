"""The checker's checker: what is put wrong on purpose, and which invariants may be the ones to see it.

A table, and the way to put one line of it in force. Beside each defect stand seeds that are known to show it, so that
looking costs a few runs; when the generator changes they may show nothing any more, and then others are looked for.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any, Final
from unittest.mock import patch

from tests.model import defects, world
from tests.model.scenario import play
from worker.pipeline import deadletter, lanes, settle, wiring, write
from worker.pipeline.batch_leases import BatchLeases
from worker.pipeline.breaker import Breaker
from worker.pipeline.buffer import Arrivals
from worker.pipeline.caution import Caution
from worker.pipeline.deadletter import DeadLetters
from worker.pipeline.decide import Decider
from worker.pipeline.decode import Decoder
from worker.pipeline.deleting import Deleting
from worker.pipeline.gate import Gate
from worker.pipeline.giving_back import GivingBack
from worker.pipeline.group_retries import GroupRetries
from worker.pipeline.lane import Lane
from worker.pipeline.lanes import Lanes
from worker.pipeline.ledger import Ledger
from worker.pipeline.poll import Poller
from worker.pipeline.rejecting import Rejecting
from worker.pipeline.renew import Renewer
from worker.pipeline.room import Room
from worker.pipeline.settle import Settler
from worker.pipeline.stage import Stages
from worker.pipeline.stopping import Stop
from worker.pipeline.tries import Tries
from worker.pipeline.write import Writer
from worker.sqs.lease import LeaseClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SEARCHED: Final = 400
"""Seeds looked at, from 0, when none of the known ones shows the defect."""


@dataclass(frozen=True, slots=True)
class Ablation:
    """One defect."""

    name: str
    patches: tuple[tuple[Any, str, Any], ...]
    """Whose attribute is replaced, which, and by what."""
    invariants: frozenset[str]
    """Any of these may be the first to see it; none but these."""
    seeds: tuple[int, ...]
    """Known to show it."""

    @contextmanager
    def in_force(self) -> Iterator[None]:
        """The core is wrong in this one way."""
        with ExitStack() as stack:
            for where, name, wrong in self.patches:
                stack.enter_context(patch.object(where, name, wrong))
            yield


@dataclass(frozen=True, slots=True)
class Seen:
    """How a defect was seen."""

    violation: str
    """Begins with the number of the invariant."""
    seed: int
    plays: int

    @property
    def invariant(self) -> str:
        """Its number."""
        return self.violation.partition(" ")[0]


def look_for(ablation: Ablation, *, searched: int = SEARCHED) -> Seen | None:
    """Play the known seeds and then others, until something is seen."""
    with ablation.in_force():
        for plays, seed in enumerate(chain(ablation.seeds, range(searched)), 1):
            violation = play(seed).violation
            if violation is not None:
                return Seen(violation, seed, plays)
    return None


def _one(where: Any, name: str, wrong: Any) -> tuple[tuple[Any, str, Any], ...]:
    return ((where, name, wrong),)


def _asking(wrong: Callable[[Any], Any]) -> tuple[tuple[Any, str, Any], ...]:
    """Of SQS, whether to delete or to give back."""
    return ((Deleting, "ask", wrong(Deleting.ask)), (GivingBack, "ask", wrong(GivingBack.ask)))


def _ablation(name: str, patches: tuple[tuple[Any, str, Any], ...], invariants: str, *seeds: int) -> Ablation:
    return Ablation(name, patches, frozenset(invariants.split()), seeds)


_GHOSTS: Final = (
    (Ledger, "leave", defects.keeps_what_left),
    (Ledger, "due", defects.renews_what_left),
    (Ledger, "is_due", defects.renews_whoever),
)

ABLATIONS: Final = (
    _ablation("writes nothing", _one(Writer, "write", defects.writes_nothing), "INV-2", 0, 1),
    _ablation("deletes before the commit", _one(Tries, "once", defects.deletes_before_the_commit), "INV-2", 0, 1),
    _ablation("deletes what failed", _one(Settler, "settle", defects.deletes_what_failed), "INV-2", 0, 1),
    _ablation("keys by receipt, not by message", _one(world, "make_key", defects.keys_by_receipt), "INV-7", 4),
    _ablation("skips failed entries", _asking(defects.skips_failed_entries), "INV-1", 24),
    _ablation("takes missing entries for done", _asking(defects.takes_missing_for_done), "INV-1", 11),
    _ablation("trusts lost answers", _asking(defects.trusts_lost_answers), "INV-1", 14),
    _ablation("renews nothing", _one(Ledger, "due", defects.renews_nothing), "INV-1 INV-7", 133),
    _ablation("renews what nobody has in hand", _GHOSTS, "INV-1", 1, 2),
    _ablation("asks once for many renewals", _one(Ledger, "is_due", defects.renews_whoever), "INV-1 INV-10", 4, 13),
    _ablation(
        "renews for 30 s whatever the lease", _one(Renewer, "_renew", defects.renews_for_thirty_seconds), "INV-1", 24
    ),
    _ablation("keeps the old handle", _one(Ledger, "_supersede", defects.keeps_the_old_handle), "INV-1", 24),
    _ablation("holds leases for ever", _one(Ledger, "_hold", defects.holds_for_ever), "INV-1", 0, 1),
    _ablation(
        "begins what is over",
        _one(Decoder, "_add", defects.begins_what_is_over) + _one(BatchLeases, "begin", defects.begins_all),
        "INV-1",
        7,
    ),
    _ablation("begins what ran out meanwhile", _one(BatchLeases, "begin", defects.begins_all), "INV-1 INV-9", 472, 580),
    _ablation(
        "begins behind what it lost in its batch",
        _one(BatchLeases, "_behind", defects.begins_behind_what_is_lost),
        "INV-9",
        304366,
    ),
    _ablation("lets nobody probe", _one(Room, "alone", defects.is_never_alone), "INV-7 INV-11", 91, 264),
    _ablation("releases nothing", _one(Settler, "_settle_otherwise", defects.releases_nothing), "INV-1", 5),
    _ablation("gives back to its own receives", _one(Settler, "hold_back", defects.releases_to_itself), "INV-11", 98),
    _ablation("drops what nobody had begun", _one(Arrivals, "unbegun", defects.gives_nothing_back), "INV-1", 6),
    _ablation(
        "forgets a batch when cancelled",
        _one(Decider, "give_back", defects.forgets_when_cancelled),
        "INV-1 INV-5",
        9,
    ),
    _ablation("cancels the deletes at the stop", _one(Stop, "last_words", defects.has_no_last_words), "INV-5", 2),
    _ablation("forgets the last ten deletes", _one(Settler, "close", defects.forgets_the_last_ten), "INV-5", 2),
    _ablation("sends again instead of giving back", _one(GivingBack, "ask", defects.sends_again), "INV-2 INV-7", 6),
    _ablation("takes garbage for done", _one(Decoder, "_add", defects.takes_garbage_for_done), "INV-2", 0, 1),
    _ablation("sends no dead letter", _one(DeadLetters, "send", defects.sends_no_letter), "INV-2 INV-3", 0, 1),
    _ablation(
        "reads no answer to dead letters",
        _one(DeadLetters, "_ask", defects.reads_no_answer_to_letters),
        "INV-2 INV-3",
        81,
    ),
    _ablation(
        "sends a letter that is too large again and again",
        (
            (DeadLetters, "_cut", defects.knows_amazons_limit_alone),
            (deadletter, "_is_about_the_letter", lambda _: False),
        ),
        "INV-7",
        476,
    ),
    _ablation("counts no receives", _one(Decider, "judged", lambda _, outcomes: outcomes), "INV-7", 29),
    _ablation("dead-letters both ways", _one(Rejecting, "ask", defects.goes_both_ways), "INV-1 INV-3 INV-6", 0, 1),
    _ablation("has no lanes", _one(wiring, "Lanes", defects.has_no_lanes), "INV-9", 13, 41),
    _ablation(
        "gives back oldest first",
        _one(lanes, "newest_first", defects.oldest_first) + _one(settle, "newest_first", defects.oldest_first),
        "INV-9",
        444,
        631,
    ),
    _ablation("goes on after a failure", _one(Lanes, "decided", defects.goes_on_after_a_failure), "INV-9", 68, 56),
    _ablation("has no breaker", _one(Writer, "_try", defects.takes_away_for_a_retry), "INV-7 INV-11", 282, 12),
    _ablation("answers a whole batch alike", _one(Writer, "_halve", defects.answers_all_alike), "INV-7", 0, 1),
    _ablation("begins without saying so", _one(Ledger, "begin", lambda *_: None), "INV-1", 0, 1),
    _ablation("answers twice", _one(Decider, "decide", defects.answers_twice), "INV-1 INV-8", 0, 1),
    _ablation("has always room", _one(Room, "free", defects.has_always_room), "INV-4", 0, 2),
    _ablation("admits whatever comes", _one(Room, "_admit", defects.admits_whatever_comes), "INV-4", 541, 653, 737),
    _ablation("keeps room for idle polls", _one(Room, "_make_room", defects.keeps_room_for_polls), "INV-7", 240),
    _ablation("takes back what it let in", _one(Room, "_make_room", defects.takes_back_what_it_let_in), "INV-4", 42),
    _ablation("asks for what never fits", _one(Room, "most", defects.asks_for_what_never_fits), "INV-7", 5495, 1484),
    _ablation("waits for ten after a crash", _one(Gate, "longest", defects.waits_for_ten), "INV-11", 20513, 20591),
    _ablation("remembers nothing", _one(Ledger, "remember", defects.remembers_nothing), "INV-6", 4),
    _ablation("holds nothing in hand", _one(GroupRetries, "hold", defects.holds_nothing), "INV-11", 169),
    _ablation("knows no turn", _one(Lanes, "await_turn", defects.knows_no_turn), "INV-9", 799),
    _ablation("trusts its place in a group", _one(Lane, "broken", defects.trusts_its_place), "INV-9", 157, 211),
    _ablation("changes what it lost", _one(Ledger, "changeable", defects.changes_what_it_lost), "INV-10", 7),
    _ablation(
        "asks again for what may be done",
        _one(Ledger, "shorten", defects.asks_again_for_what_may_be_done),
        "INV-1 INV-10",
        60,
    ),
    _ablation("believes late renewals", _one(Renewer, "_renew", defects.believes_late_renewals), "INV-1 INV-10", 24),
    _ablation(
        "takes what waited for fresh",
        _one(LeaseClock, "leased_at", defects.takes_what_waited_for_fresh),
        "INV-1 INV-10",
        7,
    ),
    _ablation("stops never", _one(Poller, "stop", defects.stops_never), "INV-1 INV-5 INV-13", 0, 1),
    _ablation(
        "takes a cancelled stage for one that is done",
        _one(Stages, "_failure", defects.takes_cancelled_for_done),
        "INV-13 INV-7",
        36,
    ),
    _ablation(
        "takes any cancellation for its own",
        _one(write, "meant", defects.takes_any_cancellation_for_its_own),
        "INV-13",
        9,
    ),
    _ablation(
        "blames all for what is unsaid",
        _one(write, "meaning_of", defects.blames_all_for_what_is_unsaid),
        "INV-11",
        77,
        155,
    ),
    _ablation("divides nothing", _one(Tries, "_put_aside", defects.divides_nothing), "INV-11", 12, 64),
    _ablation("keeps its turn", _one(Tries, "once", defects.keeps_its_turn), "INV-11", 12, 64),
    _ablation("asks nobody else", _one(Breaker, "wants_another", defects.asks_nobody_else), "INV-11", 311, 753),
    _ablation(
        "takes a refusal for proof that the sink is there",
        _one(Breaker, "answered", defects.takes_a_refusal_for_proof),
        "INV-7",
        25410,
    ),
    _ablation("suspects nobody", _one(Caution, "suspects", defects.suspects_nobody), "INV-11", 38, 51),
    _ablation(
        "receives suspects by the dozen",
        _one(Caution, "received", defects.receives_suspects_by_the_dozen),
        "INV-11",
        38,
        51,
    ),
    _ablation("counts wrong", _one(Ledger, "leave", defects.counts_wrong), "INV-8", 0, 1),
)
