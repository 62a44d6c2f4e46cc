"""The life of a delivery: which steps there are, and that every other one is refused and changes nothing."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

import worker
from worker import facts
from worker.errors import IllegalTransition
from worker.message import Delivery, State
from worker.pipeline import life
from worker.pipeline.ledger import Ledger
from worker.pipeline.life import LEAVE, TRANSITIONS, Life
from worker.pipeline.room import Room

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from worker.facts import Fact
    from worker.outcome import OutcomeName


WRITERS: Final = {"pipeline/life.py", "pipeline/ledger.py"}
NAMESAKES: Final = {("sqs/sdk/session.py", "body")}
"""Fields of something else, of a request."""
BY_OTHERS: Final = {"lane"}
"""A link that the buffer sets, and no part of a life."""


def leaving(outcome: OutcomeName) -> Callable[[Ledger, Delivery], object]:
    """The step out of the ledger."""
    return lambda ledger, one: ledger.leave([one], outcome)


STEPS: dict[str, Callable[[Ledger, Delivery], object]] = {
    "enter": lambda ledger, one: ledger.enter([one]),
    "begin": lambda ledger, one: ledger.begin([one]),
    "wait": lambda ledger, one: ledger.wait(one),
    "accept": lambda ledger, one: ledger.accept([one]),
    "reject": lambda ledger, one: ledger.reject(one),
    "letter": lambda ledger, one: ledger.letter(one),
    "postpone": lambda ledger, one: ledger.postpone(one),
    "give back": lambda ledger, one: ledger.give_back(one),
    "return": lambda ledger, one: ledger.enter([received(one.message_id)]),
    **{f"leave:{outcome}": leaving(outcome) for outcome in LEAVE},
}
"""How each is made, of those that the state of the delivery itself decides."""
WAYS: dict[State, Sequence[str]] = {
    State.RECEIVED: (),
    State.HELD: ("enter",),
    State.BEGUN: ("enter", "begin"),
    State.WRITTEN: ("enter", "begin", "accept"),
    State.REJECTED: ("enter", "begin", "reject"),
    State.LETTERED: ("enter", "begin", "reject", "letter"),
    State.POSTPONED: ("enter", "begin", "postpone"),
    State.RETURNING: ("enter", "begin", "give back"),
    State.RETURNED: ("enter", "begin", "give back", "return"),
    State.GONE: ("enter", "begin", "accept", "leave:deleted"),
}


def received(message_id: str = "a") -> Delivery:
    """As SQS gives it."""
    return Delivery(message_id, "h", "x", 0.0, 0.0, 1, 0.0)


def make_ledger(told: list[Fact]) -> Ledger:
    """Room for ten."""
    room = Room(max_messages=10, max_bytes=1_000, largest_message=100, frame_bytes=None)
    return Ledger(room=room, lease_seconds=30, emit=told.append, pipeline="test")


def brought_to(state: State, told: list[Fact]) -> tuple[Ledger, Delivery]:
    """A ledger, and a delivery that has come to *state* by steps that are allowed."""
    ledger, delivery = make_ledger(told), received()
    for step in WAYS[state]:
        STEPS[step](ledger, delivery)
    assert delivery.state is state
    return ledger, delivery


@pytest.fixture
def lenient() -> Iterator[None]:
    """As in production: what is refused is told, and nothing is raised."""
    life.strict = False
    yield
    life.strict = True


def documented() -> dict[str, tuple[set[State], State]]:
    """The table of steps in the module's docstring: from which states to which."""
    assert life.__doc__ is not None
    _, _, rows = life.__doc__.partition("    step ")
    found: dict[str, tuple[set[State], State]] = {}
    for line in rows.splitlines()[1:]:
        if not line.strip():
            break
        name, sources, target, *_ = [cell.strip() for cell in line.split("  ") if cell.strip()]
        found[name] = {State[one.upper()] for one in sources.split()}, State[target.upper()]
    return found


def test_the_table_that_a_reader_sees_is_the_one_that_holds() -> None:
    """Every step of the docstring with its states, and no other; each state can be reached, and all but one left."""
    assert {one.name: (set(one.sources), one.target) for one in TRANSITIONS} == documented()
    assert {one.target for one in TRANSITIONS} | {State.RECEIVED} == set(State)
    assert {state for one in TRANSITIONS for state in one.sources} == set(State) - {State.GONE}


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("step", sorted(STEPS.keys() - {"enter", "return"}))
def test_a_step_is_made_where_its_state_allows_it_and_raises_everywhere_else(step: str, state: State) -> None:
    """Each step from each state: to where the table says, or not at all."""
    sources, target = documented()[step]
    ledger, delivery = brought_to(state, [])
    if state in sources:
        STEPS[step](ledger, delivery)
        assert delivery.state is target
    else:
        with pytest.raises(IllegalTransition, match=rf"^a is {state.name.lower()}: {step} is not for it"):
            STEPS[step](ledger, delivery)
        assert delivery.state is state


@pytest.mark.usefixtures("lenient")
@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("step", sorted(STEPS.keys() - {"enter", "return"}))
def test_in_production_a_step_that_is_refused_is_told_and_nothing_else_happens(step: str, state: State) -> None:
    """The state stays, the account stays, and one fact says which step was to be made in which state."""
    told: list[Fact] = []
    ledger, delivery = brought_to(state, told)
    if state in documented()[step][0]:
        return
    before = ledger.account()
    assert not STEPS[step](ledger, delivery)
    assert (delivery.state, ledger.account()) == (state, before)
    (fact,) = told
    assert isinstance(fact, facts.TransitionRefused)
    assert (fact.pipeline, fact.message_id, fact.transition, fact.state) == ("test", "a", step, state.name.lower())


@pytest.mark.usefixtures("lenient")
@pytest.mark.parametrize("beside", [True, False])
@pytest.mark.parametrize("state", [state for state in State if state > State.RECEIVED])
def test_what_was_entered_is_not_entered_again(state: State, *, beside: bool) -> None:
    """Whatever has become of it: it is told, what came beside it is taken, and no count is lost."""
    told: list[Fact] = []
    ledger, delivery = brought_to(state, told)
    others = [received("b"), received("c")] if beside else []
    before, weight = ledger.account(), ledger.room.bytes
    assert ledger.enter([delivery, *others]).fresh == others
    assert (delivery.state, len(told)) == (state, 1)
    more = len(others)
    assert ledger.account() == {
        **before, "received": before["received"] + more, "in_flight": before["in_flight"] + more,
    }  # fmt: skip
    assert ledger.room.bytes == weight + more


@pytest.mark.usefixtures("lenient")
def test_of_several_only_those_are_refused_whose_state_forbids_it() -> None:
    """The others go their way; one that stands in the list twice goes it once."""
    told: list[Fact] = []
    ledger = make_ledger(told)
    first, second, third = map(received, "abc")
    ledger.enter([first, second, third])
    ledger.begin([first, third])
    assert ledger.accept([first, second, third]) == [first, third]
    assert ledger.leave([first, first, third], "deleted") == [first, third]
    assert [getattr(fact, "message_id", None) for fact in told] == ["b", "a"]
    assert ledger.account() == {
        "received": 3, "deleted": 2, "retried": 0, "rejected": 0, "released": 0, "expired": 0, "in_flight": 1,
    }  # fmt: skip


@pytest.mark.parametrize("state", [state for state in State if State.RECEIVED < state < State.RETURNING])
def test_a_later_receipt_brings_its_handle_to_whatever_is_in_hand(state: State) -> None:
    """In every state up to the giving back: the delivery stays where it is, and the newer one is done with at once."""
    ledger, delivery = brought_to(state, [])
    newer = received()
    newer.receipt_handle = "newer"
    assert ledger.enter([newer]).superseded == 1
    assert (delivery.state, delivery.receipt_handle, newer.state) == (state, "newer", State.GONE)


@pytest.mark.parametrize("state", State)
def test_a_lease_is_renewed_in_the_states_of_the_table(state: State) -> None:
    """From held to postponed; never what is being given back, nor what is gone."""
    ledger, delivery = brought_to(state, [])
    assert ledger.is_due(delivery, 16.0) is (State.HELD <= state <= State.POSTPONED)
    assert ledger.holds(delivery) is (State.HELD <= state <= State.RETURNING)
    assert delivery.returning is (state in {State.RETURNING, State.RETURNED})


def test_a_lost_one_stays_in_its_state_and_a_newer_handle_takes_the_mark_away() -> None:
    """So what the sink has is still to be deleted; and what is gone cannot be lost."""
    ledger, delivery = brought_to(State.WRITTEN, [])
    assert ledger.lose(delivery)
    assert (delivery.lost, delivery.state) == (True, State.WRITTEN)
    ledger.enter([received()])
    assert (delivery.lost, delivery.state) == (False, State.WRITTEN)
    ledger.leave([delivery], "deleted")
    assert not ledger.lose(delivery)


def test_a_try_in_hand_counts_like_a_receive() -> None:
    """For backoff and for the number after which it is rejected; one that only waits is not counted."""
    told: list[Fact] = []
    steps, delivery = Life(emit=told.append, pipeline="test"), received()
    delivery.state = State.BEGUN
    steps.try_again(delivery)
    steps.wait(delivery)
    assert (delivery.tries, delivery.receive_count, delivery.state) == (1, 2, State.HELD)


def test_nobody_but_the_ledger_writes_a_field_of_a_delivery() -> None:
    """In all of the package: whoever wants a delivery changed says so to the ledger, by a method that has a name."""
    package = Path(worker.__file__).parent
    written = {
        (source.relative_to(package).as_posix(), target.attr)
        for source in package.rglob("*.py")
        if "loopback" not in source.parts  # its messages are SQS's side of the matter
        for target in assigned(ast.parse(source.read_text("utf-8")))
        if target.attr in set(Delivery.__slots__) - BY_OTHERS
    }
    assert {(source, field) for source, field in written if source not in WRITERS} == NAMESAKES
    assert {field for source, field in written if source in WRITERS} >= {"state", "deadline", "lost", "renewal"}


def assigned(tree: ast.AST) -> Iterator[ast.Attribute]:
    """Every attribute that something is assigned to, but for an object's own."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and ast.unparse(node.value) != "self":
            yield node
