"""How often a message is tried: when one more retry would be one too many, and who counts. Pure.

SQS counts receives for its redrive policy; a queue without one counts and never acts. So where the worker has a
dead-letter queue of its own and the queue has no policy, the worker draws the line, at the number that Amazon draws it
at if nobody says another.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from worker.outcome import Rejected, Retried

if TYPE_CHECKING:
    from worker.outcome import Outcome
    from worker.sqs.queue import Redrive

RECEIVES_USUAL: Final = 10
"""Amazon's own maxReceiveCount, if a redrive policy names none (SetQueueAttributes: RedrivePolicy)."""


def most_receives(own: int | None, redrive: Redrive | None, *, dead_letters: bool, fifo: bool) -> int | None:
    """After how many receives a failing message is rejected by us; None: never, SQS or nobody moves it.

    On a FIFO queue it is tried again in hand, which SQS does not see, so there we count to the policy's number.

    Args:
        own: what the settings say.
        redrive: the queue's policy, which then counts for itself.
        dead_letters: whether we have a dead-letter queue to send to.
        fifo: whether tries are in hand.
    """
    policy = redrive.max_receive_count if redrive is not None else None
    if fifo and (own or policy):
        return min(number for number in (own, policy) if number)
    if not dead_letters:
        return None
    return own if own is not None or redrive is not None else RECEIVES_USUAL


def judged(outcome: Outcome, attempts: int, most: int | None) -> Outcome:
    """*outcome* of a message's try number *attempts*; where that was enough, a retry is a rejection for its reason."""
    if most is None or attempts < most or not isinstance(outcome, Retried):
        return outcome
    return Rejected(outcome.reason, f"tried {attempts} times; the last time: {outcome.detail or outcome.reason}")
