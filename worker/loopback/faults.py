"""Trouble on purpose: rules that say which requests go wrong, how, how often and when.

Takes rules (in code, or as JSON over the control address), gives each request a `FaultPlan`, which says what
befalls it, and counts what fired. Seeded, so the same requests meet the same trouble; without rules nothing is asked of
it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, ClassVar, Final, Literal, TypeVar

from worker.loopback.errors import SqsFault

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterator, Sequence

E = TypeVar("E")
R = TypeVar("R")

Action = Literal[
    "latency",  # the request takes `seconds` (to `seconds_max`) longer
    "status",  # an HTTP status without a word from SQS
    "error",  # SQS's error `code`
    "expired_token",  # ExpiredToken for requests signed with `access_key` ("*": any)
    "silence",  # no answer until somebody closes
    "reset",  # the connection is reset
    "lose_answer",  # performed, then the connection is closed instead of an answer
    "truncate",  # performed, and the answer is cut after `size` bytes, its head included
    "html",  # 200 with a page, as a proxy answers
    "no_request_id",  # performed, and the answer does not say which request it was
    "partial",  # `share` of a batch's entries fail with `code`
    "omit",  # `share` of a batch's entries are in neither list of the answer
    "duplicate",  # a receive has `share` of its messages twice
    "still_visible",  # a receive hands out without hiding
    "reorder",  # a receive's messages are shuffled
    "wrong_md5",  # `share` of the bodies do not match their MD5
    "missing_field",  # `share` of the messages lack `field`
]
_WHOLE: Final = frozenset(
    {"status", "error", "expired_token", "silence", "reset", "lose_answer", "truncate", "html", "no_request_id"}
)
_ALWAYS_PERFORMED: Final = frozenset({"lose_answer", "truncate", "no_request_id"})
_ENTRIES: Final = frozenset({"partial", "omit"})


@dataclass(frozen=True, slots=True)
class FaultRule:
    """One kind of trouble. JSON-able; fields that the action does not name are ignored."""

    __pydantic_config__: ClassVar[dict[str, object]] = {"extra": "forbid", "strict": True}
    """Rules come over the network: a misspelt field or a text for a number is refused, not ignored."""

    action: Action
    operation: str = "*"
    queue: str = "*"
    probability: float = 1.0
    count: int | None = None
    """Fires at most so often."""
    after_seconds: float = 0.0
    """Counted from when the rules were set."""
    until_seconds: float | None = None
    seconds: float = 0.0
    seconds_max: float | None = None
    status: int | None = None
    """None: 503 for `status`, and what belongs to `code` for `error`."""
    code: str = "InternalError"
    message: str = "A fault rule of the loopback did this."
    access_key: str = "*"
    performed: bool = False
    """Whether SQS does the work all the same."""
    size: int = 0
    share: float = 1.0
    sender_fault: bool = False
    field: str = "Body"

    @property
    def works(self) -> bool:
        """The operation is performed although the answer is spoilt."""
        return self.performed or self.action in _ALWAYS_PERFORMED

    def fault(self) -> SqsFault:
        """What SQS would have said."""
        if self.action == "expired_token":
            return SqsFault("ExpiredTokenException", "The security token included in the request is expired")
        return SqsFault(self.code, self.message, status=self.status)


class Omitted:
    """The answer to an entry that is in neither list."""


OMITTED: Final = Omitted()


@dataclass(frozen=True, slots=True)
class FaultPlan:
    """What befalls one request."""

    rules: tuple[FaultRule, ...]
    rng: random.Random

    def first(self, action: Action) -> FaultRule | None:
        """The first rule with this action."""
        return next((rule for rule in self.rules if rule.action == action), None)

    @property
    def whole(self) -> FaultRule | None:
        """The rule that spoils the answer as a whole."""
        return next((rule for rule in self.rules if rule.action in _WHOLE), None)

    def delay_seconds(self) -> float:
        """How much longer the request takes."""
        late = [rule for rule in self.rules if rule.action == "latency"]
        return sum(self.rng.uniform(r.seconds, r.seconds if r.seconds_max is None else r.seconds_max) for r in late)

    def hit(self, rule: FaultRule | None) -> bool:
        """Whether a rule with a share strikes this entry or message."""
        return rule is not None and self.rng.random() < rule.share

    def through(
        self, entries: Sequence[E], perform: Callable[[Sequence[E]], list[R | SqsFault]]
    ) -> list[R | SqsFault | Omitted]:
        """Perform what the rules let through, and answer for every entry in order."""
        verdicts = [next((r for r in self.rules if r.action in _ENTRIES and self.hit(r)), None) for _ in entries]
        through = [one for one, rule in zip(entries, verdicts, strict=True) if rule is None or rule.works]
        answers = iter(perform(through) if through else [])
        return [self._answer(rule, answers) for rule in verdicts]

    def _answer(self, rule: FaultRule | None, answers: Iterator[R | SqsFault]) -> R | SqsFault | Omitted:
        if rule is None:
            return next(answers)
        if rule.works:
            next(answers)
        return OMITTED if rule.action == "omit" else SqsFault(rule.code, rule.message, sender=rule.sender_fault)

    def arranged(self, messages: Sequence[E]) -> list[E]:
        """A receive's messages, some twice or in another order."""
        rule, limit = self.first("duplicate"), 10
        twice = [one for one in messages if self.hit(rule)][: limit - len(messages)] if rule else []
        arranged = [*messages, *twice]
        if self.first("reorder"):
            self.rng.shuffle(arranged)
        return arranged


class Faults:
    """The rules in force and what became of them. `set` is called by a test or the control address."""

    def __init__(self, rules: Sequence[FaultRule] = (), *, rng: random.Random, clock: Callable[[], float]) -> None:
        self._rng = rng
        self._clock = clock
        self.rules: list[FaultRule] = []
        self.fired: list[int] = []
        """For each rule, how many requests it befell."""
        self._since = 0.0
        self.set(rules)

    def set(self, rules: Sequence[FaultRule]) -> None:
        """Put these in force instead, from now on."""
        self.rules = list(rules)
        self.fired = [0] * len(rules)
        self._since = self._clock()

    def plan(self, operation: str, queue: str, access_key: str = "*") -> FaultPlan:
        """What befalls this request. Rules are asked in order; one that spoils the whole answer leaves the rest of
        its kind unasked, so that counts tell what really happened.
        """
        age = self._clock() - self._since
        struck: list[FaultRule] = []
        spoilt = False
        for number, rule in enumerate(self.rules):
            whole = rule.action in _WHOLE
            if (whole and spoilt) or not self._matches(number, rule, operation, queue, access_key, age):
                continue
            if self._rng.random() < rule.probability:
                self.fired[number] += 1
                struck.append(rule)
                spoilt = spoilt or whole
        return FaultPlan(tuple(struck), self._rng)

    def described(self) -> list[dict[str, object]]:
        """Each rule with its count, for the account."""
        return [asdict(rule) | {"fired": fired} for rule, fired in zip(self.rules, self.fired, strict=True)]

    def _matches(self, number: int, rule: FaultRule, operation: str, queue: str, access_key: str, age: float) -> bool:
        return (
            rule.operation in {"*", operation}
            and rule.queue in {"*", queue}
            and (rule.action != "expired_token" or rule.access_key in {"*", access_key})
            and (rule.count is None or self.fired[number] < rule.count)
            and rule.after_seconds <= age
            and (rule.until_seconds is None or age < rule.until_seconds)
        )
