"""What holds the worker up: from shares of time to one word, and one sentence that says what to do about it.

Takes the shares of a minute; gives a verdict out of a closed set. Pure: whoever measures is in `performance.py`, and
what the words mean is in docs/performance.md.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Final, Literal, get_args

Word = Literal[
    "idle",
    "receiving",
    "room",
    "decoding",
    "cpu",
    "sink",
    "deleting",
    "sink-away",
    "hanging",
    "queue-away",
    "unknown",
]
WORDS: Final[tuple[Word, ...]] = get_args(Word)

MOSTLY: Final = 0.5
BUSY: Final = 0.8
"""Of the handlers' or the delete calls' time: the rest is what passes between the end of one and the next."""
SATURATED: Final = 0.85
"""Of a CPU: a loop that has less than that left makes everything else wait, whatever it waits for by name."""
HELD_UP: Final = 0.25
"""Of the receivers' time without room: what is behind them is slower than they are."""


@dataclass(frozen=True, slots=True)
class Shares:
    """Parts of the last minute, each in [0, 1]. The fields are the stages of `sqs_worker_time_share`."""

    receiving: float = 0.0
    """Of the receivers' time: in answers that brought messages, by how full they came."""
    waiting_for_messages: float = 0.0
    """Of the receivers' time: in long polls that brought none, or few."""
    waiting_for_room: float = 0.0
    """Of the receivers' time: before they were allowed to ask. The three make up all of it."""
    decoding: float = 0.0
    """Of the event loop's time."""
    sink: float = 0.0
    """Of the handlers' time: in writes. The rest they wait for batches, and decode."""
    deleting: float = 0.0
    """Of all delete calls there may be at a time: under way."""
    settling: float = 0.0
    """Of what is in flight: written, and waiting for its delete."""
    loop: float = 0.0
    """Of one CPU: what the event loop's thread uses."""
    cpus: float = 0.0
    """Of the CPUs that the process may use: what all of its threads use."""

    def as_dict(self) -> dict[str, float]:
        """By stage, rounded for people."""
        return {stage: round(share, 3) for stage, share in asdict(self).items()}


STAGES: Final = tuple(Shares().as_dict())


@dataclass(frozen=True, slots=True)
class Bottleneck:
    """The verdict: a word for machines, a sentence for people."""

    word: Word
    sentence: str


def verdict(
    shares: Shares, *, sink_available: bool = True, stuck: bool = False, trouble: str = "", cpus_busy: float = 0.0
) -> Bottleneck:
    """What to change first.

    *trouble* is SQS's code while receives fail, *cpus_busy* how many CPUs the process uses with all its threads.

    Who waits for messages has no bottleneck; a loop without time makes every stage look slow, so it is asked before
    them; and of the stages the last one that is busy counts, because it holds up all before it.
    """
    if stuck:
        return Bottleneck("hanging", "your function: all calls of it are over their limit and hang; restart the worker")
    if not sink_available:
        return Bottleneck("sink-away", "the sink is unavailable: receiving pauses until it answers again")
    if trouble:
        return Bottleneck("queue-away", f"the queue: receives fail with {trouble}, so nothing new comes in")
    if shares.waiting_for_messages >= MOSTLY:
        waited = _percent(shares.waiting_for_messages)
        return Bottleneck("idle", f"nothing: receivers waited for messages {waited} of their time")
    return _processor(shares) or _path(shares, cpus_busy) or _nothing_clear(shares)


def _processor(shares: Shares) -> Bottleneck | None:
    if shares.loop >= SATURATED and shares.decoding >= MOSTLY:
        return Bottleneck(
            "decoding",
            f"decoding: it takes {_percent(shares.decoding)} of the event loop's time; "
            "raise WORKER_PROCESSES while CPUs are free, or start another worker",
        )
    if shares.loop >= SATURATED:
        return Bottleneck(
            "cpu",
            f"CPU: the event loop is busy {_percent(shares.loop)} of the time; "
            "raise WORKER_PROCESSES while CPUs are free, or start another worker",
        )
    if shares.cpus >= SATURATED:
        return Bottleneck(
            "cpu",
            f"CPU: {_percent(shares.cpus)} of what this process may use is used; give it more, or start another worker",
        )
    return None


def _path(shares: Shares, cpus_busy: float) -> Bottleneck | None:
    """From the end of the path to its head."""
    deletes = max(shares.deleting, shares.settling)
    if shares.sink >= BUSY:
        return _sink(shares, cpus_busy)
    if shares.waiting_for_room >= HELD_UP:
        if deletes >= MOSTLY and deletes > shares.sink:
            return _deleting(shares)
        return _sink(shares, cpus_busy) if shares.sink >= MOSTLY else _room(shares)
    if shares.deleting >= BUSY:
        return _deleting(shares)
    if shares.receiving >= MOSTLY:
        return Bottleneck(
            "receiving",
            f"SQS: receivers spent {_percent(shares.receiving)} of their time on answers, "
            f"handlers {_percent(shares.sink)} of theirs on writing; "
            "raise SQS_RECEIVERS or WORKER_PROCESSES, or run closer to the queue",
        )
    return None


def _sink(shares: Shares, cpus_busy: float) -> Bottleneck:
    sentence = (
        f"the sink: {_percent(shares.sink)} of the handlers' time is spent writing, "
        f"receivers waited for room {_percent(shares.waiting_for_room)} of theirs; "
        "raise WORKER_CONCURRENCY or give the sink more"
    )
    if cpus_busy >= SATURATED:  # threads that run Python share one CPU, and more of them change nothing
        sentence += f" (this process uses {cpus_busy:.1f} CPUs: if that is your own Python, raise WORKER_PROCESSES)"
    return Bottleneck("sink", sentence)


def _deleting(shares: Shares) -> Bottleneck:
    return Bottleneck(
        "deleting",
        f"deletes: {_percent(shares.settling)} of what is in flight is written and waits for its delete, "
        f"{_percent(shares.deleting)} of the delete calls are under way; "
        "run closer to the queue, or raise IN_FLIGHT_MAX_MESSAGES or WORKER_PROCESSES",
    )


def _room(shares: Shares) -> Bottleneck:
    return Bottleneck(
        "room",
        f"room: receivers waited for it {_percent(shares.waiting_for_room)} of their time "
        f"while handlers wrote only {_percent(shares.sink)} of theirs; "
        "raise IN_FLIGHT_MAX_MESSAGES or IN_FLIGHT_MAX_BYTES, or WORKER_CONCURRENCY where they are not reached",
    )


def _nothing_clear(shares: Shares) -> Bottleneck:
    stage, share = max(shares.as_dict().items(), key=lambda item: item[1])
    if not share:
        return Bottleneck("unknown", "nothing was received or written in the last minute")
    said = stage.replace("_", " ")
    return Bottleneck("unknown", f"no stage stands out; the largest share is that of {said} with {_percent(share)}")


def _percent(share: float) -> str:
    return f"{share:.0%}".replace("%", " %")
