"""Life: the states of a delivery, and the steps from one to another. No other module writes a state.

    state      where it is                                  its handle     renewed      it can leave as
    received   came from SQS, not entered                   -              no           expired
    held       waits in hand, begun by nobody               kept           yes          -
    begun      with a handler, perhaps in the sink          kept           yes, limit   -
    written    the sink has it                              to delete      yes          deleted, expired
    rejected   on its way to the dead-letter queue          kept           yes          expired
    lettered   the dead-letter queue has it                 to delete      yes          rejected, expired
    postponed  waits to be given back                       kept           yes          -
    returning  is being given back                          to change      no           as it was settled, expired
    returned   as before, and its message is here again     void           no           as it was settled, expired
    gone       left, and is counted in one column           -              no           -

*Limit*: while an attempt is under way, only inside its time limit. *As it was settled*: retried, released, or rejected
where only SQS's own redrive policy can move it. From held to returned it is counted as in flight.

    step          from                                      to          who makes it, and when
    enter         received                                  held        poll, of what came
    recognise     received                                  written     poll, of what came and was written before
    supersede     received                                  gone        poll, of what only brings a newer handle
    begin         held                                      begun       handle, of a batch that it begins
    wait          held begun rejected                       held        lanes, of what stays in hand and in order
    accept        begun                                     written     settle, when the sink has accepted all of it
    reject        held begun                                rejected    settle, when nothing can help
    letter        rejected                                  lettered    settle, when the dead-letter queue has it
    postpone      held begun rejected                       postponed   settle, while a stop waits for open receives
    give back     held begun rejected postponed             returning   settle, before SQS is asked
    return        returning                                 returned    poll, when its message has come again
    leave:deleted   written                                 gone        settle, when SQS has said so
    leave:rejected  lettered returning returned             gone        settle, as above
    leave:retried   returning returned                      gone        settle, as above
    leave:released  returning returned                      gone        settle, as above
    leave:expired   written rejected lettered returning returned  gone  settle, when SQS is asked no more

*Lost* is no state but a mark beside it: SQS called the handle void. What is written is still written then; a newer
handle takes the mark away, and the delivery goes on from where it was.

A step that the state forbids is a defect of the worker. It is not made: nothing is deleted for it, and what is counted
stays counted. Where `strict` is set it raises, everywhere else it is reported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from worker import facts
from worker.errors import IllegalTransition
from worker.message import State

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from worker.facts import Emit
    from worker.message import Delivery
    from worker.outcome import OutcomeName

strict: bool = False
"""The one switch: tests, the simulation and the chaos run set it before they build anything."""


class Transition(NamedTuple):
    """One step."""

    name: str
    """A label of the metric."""
    sources: tuple[State, ...]
    target: State


RECEIVED, HELD, BEGUN, WRITTEN, REJECTED, LETTERED, POSTPONED, RETURNING, RETURNED, GONE = State
"""Of an enumeration a member is looked up each time, and these are needed for every message."""

ENTER: Final = Transition("enter", (RECEIVED,), HELD)
RECOGNISE: Final = Transition("recognise", (RECEIVED,), WRITTEN)
SUPERSEDE: Final = Transition("supersede", (RECEIVED,), GONE)
BEGIN: Final = Transition("begin", (HELD,), BEGUN)
WAIT: Final = Transition("wait", (BEGUN, HELD, REJECTED), HELD)
ACCEPT: Final = Transition("accept", (BEGUN,), WRITTEN)
REJECT: Final = Transition("reject", (BEGUN, HELD), REJECTED)
LETTER: Final = Transition("letter", (REJECTED,), LETTERED)
POSTPONE: Final = Transition("postpone", (BEGUN, HELD, REJECTED), POSTPONED)
GIVE_BACK: Final = Transition("give back", (BEGUN, HELD, REJECTED, POSTPONED), RETURNING)
RETURN: Final = Transition("return", (RETURNING,), RETURNED)
LEAVE: Final[Mapping[OutcomeName, Transition]] = {
    "deleted": Transition("leave:deleted", (WRITTEN,), GONE),
    "rejected": Transition("leave:rejected", (LETTERED, RETURNING, RETURNED), GONE),
    "retried": Transition("leave:retried", (RETURNING, RETURNED), GONE),
    "released": Transition("leave:released", (RETURNING, RETURNED), GONE),
    "expired": Transition("leave:expired", (WRITTEN, REJECTED, LETTERED, RETURNING, RETURNED), GONE),
}
TRANSITIONS: Final = (
    *(ENTER, RECOGNISE, SUPERSEDE, BEGIN, WAIT, ACCEPT, REJECT, LETTER, POSTPONE, GIVE_BACK, RETURN),
    *LEAVE.values(),
)

_DEFECT: Final = (
    "a defect in the worker; the step was not made, and nothing was deleted for it: please report this line"
)


class Life:
    """The steps that stages make: one method each."""

    def __init__(self, *, emit: Emit, pipeline: str) -> None:
        self._emit = emit
        self._pipeline = pipeline

    def begin(self, deliveries: Sequence[Delivery]) -> None:
        """A handler begins these."""
        self._step(deliveries, BEGIN)

    def wait(self, delivery: Delivery) -> None:
        """It stays in hand, and nobody has begun it any more."""
        self._step([delivery], WAIT)

    def try_again(self, delivery: Delivery) -> None:
        """It stays in hand for its next try, which counts like a receive."""
        if self._step([delivery], WAIT):
            delivery.tries += 1
            delivery.receive_count += 1

    def accept(self, deliveries: Sequence[Delivery]) -> Sequence[Delivery]:
        """The sink has accepted these; returns those that may be deleted now."""
        return self._step(deliveries, ACCEPT)

    def reject(self, delivery: Delivery) -> bool:
        """Nothing can help it; whether it may be dead-lettered now."""
        return bool(self._step([delivery], REJECT))

    def letter(self, delivery: Delivery) -> bool:
        """The dead-letter queue has it; whether it may be deleted now."""
        return bool(self._step([delivery], LETTER))

    def postpone(self, delivery: Delivery) -> bool:
        """It is to be given back later; whether it may be."""
        return bool(self._step([delivery], POSTPONE))

    def give_back(self, delivery: Delivery) -> bool:
        """From here on nobody renews it; whether its visibility may be changed now."""
        return bool(self._step([delivery], GIVE_BACK))

    def renew_until(self, delivery: Delivery, until: float) -> None:
        """No renewal of its lease begins after loop time *until*: then its attempt is over its time limit."""
        delivery.renew_until = until

    def _step(self, deliveries: Sequence[Delivery], transition: Transition) -> Sequence[Delivery]:
        """Those whose state allowed it; nearly always all."""
        _, sources, target = transition
        mostly = sources[0]
        refused: list[Delivery] = []
        for delivery in deliveries:
            if delivery.state is mostly or delivery.state in sources:
                delivery.state = target
            else:
                refused.append(delivery)
        if not refused:
            return deliveries
        made = list(reversed(deliveries))
        for delivery in refused:
            made.remove(delivery)  # the last of those that stand in it twice
            self._refuse(delivery, transition)
        return made[::-1]

    def _refuse(self, delivery: Delivery, transition: Transition) -> None:
        """Say so.

        Raises:
            IllegalTransition: where `strict` is set.
        """
        message, state = delivery.message_id, delivery.state.name.lower()
        if strict:
            raise IllegalTransition(message, transition.name, state)
        self._emit(facts.TransitionRefused(self._pipeline, message, transition.name, state, _DEFECT))
