"""The queues of one loopback: creating, finding, changing and deleting them.

Takes names, ARNs and attribute texts, gives `QueueState`s; deleted names are refused for a minute, as on Amazon.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from worker.loopback.attributes import changed, created
from worker.loopback.errors import SqsFault, invalid_parameter
from worker.loopback.messages import DELAYED, IN_FLIGHT, VISIBLE
from worker.loopback.state import QueueState
from worker.loopback.tags import tagged

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from worker.loopback.attributes import QueueSettings
    from worker.loopback.handles import Ids
    from worker.loopback.messages import StateChange
    from worker.loopback.rules import Rules

_DELETED_SECONDS: Final = 60
_PAGE_MAX: Final = 1_000


@dataclass(slots=True)
class Entry:
    """What is known of a queue beside its messages. Written by `Queues` and `LoopbackSqs`."""

    state: QueueState
    created_at: float
    modified_at: float
    tags: dict[str, str] = field(default_factory=dict)
    purged_at: float | None = None


class Queues:
    """All queues by name."""

    def __init__(
        self,
        *,
        account_id: str,
        region: str,
        ids: Ids,
        clock: Callable[[], float],
        in_flight_limit: int,
        rules: Rules,
        observe: Callable[[StateChange], None] | None,
    ) -> None:
        self._arn_prefix = f"arn:aws:sqs:{region}:{account_id}:"
        self._ids = ids
        self._clock = clock
        self._in_flight_limit = in_flight_limit
        self._rules = rules
        self._observe = observe
        self._entries: dict[str, Entry] = {}
        self._deleted: dict[str, float] = {}

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries.values())

    def entry(self, name: str) -> Entry:
        """The queue *name*."""
        entry = self._entries.get(name)
        if entry is None:
            raise SqsFault("QueueDoesNotExist", "The specified queue does not exist.")
        return entry

    def by_arn(self, arn: str) -> QueueState | None:
        """The queue behind an ARN of this account and region."""
        entry = self._entries.get(arn.removeprefix(self._arn_prefix)) if arn.startswith(self._arn_prefix) else None
        return entry.state if entry else None

    def create(self, name: str, texts: Mapping[str, str], tags: Mapping[str, str]) -> QueueState:
        """A new queue, or the one that exists if *texts* do not contradict it."""
        settings, now = created(name, texts), self._clock()
        known = tagged(name, {}, tags) if tags else {}
        existing = self._entries.get(name)
        if existing is not None:
            _check_same(existing.state, settings, texts)
            return existing.state
        if now < self._deleted.pop(name, 0.0):
            detail = f"You must wait {_DELETED_SECONDS} seconds after deleting a queue before you create it again."
            self._deleted[name] = now + _DELETED_SECONDS
            raise SqsFault("QueueDeletedRecently", detail)
        self._check_redrive(self._arn_prefix + name, settings)
        state = QueueState(
            name,
            settings,
            arn=self._arn_prefix + name,
            tag=self._ids.tag(),
            in_flight_limit=self._in_flight_limit,
            rules=self._rules,
            observe=self._observe,
        )
        self._entries[name] = Entry(state, now, now, known)
        return state

    def change(self, name: str, texts: Mapping[str, str]) -> None:
        """SetQueueAttributes; takes effect at once, without Amazon's minute."""
        entry = self.entry(name)
        settings = changed(entry.state.settings, texts)
        self._check_redrive(entry.state.arn, settings)
        entry.state.settings = settings
        entry.modified_at = self._clock()

    def delete(self, name: str) -> QueueState:
        """Drop a queue and everything in it."""
        state = self.entry(name).state
        del self._entries[name]
        self._deleted[name] = self._clock() + _DELETED_SECONDS
        return state

    def clear(self) -> list[QueueState]:
        """Forget everything, the deleted names too."""
        states = [entry.state for entry in self]
        self._entries.clear()
        self._deleted.clear()
        return states

    def described(self, name: str) -> dict[str, str]:
        """Every attribute of a queue, its counts as of now."""
        entry, now = self.entry(name), self._clock()
        state = entry.state
        state.peek(now)
        return state.settings.described() | {
            "QueueArn": state.arn,
            "ApproximateNumberOfMessages": str(state.held[VISIBLE]),
            "ApproximateNumberOfMessagesNotVisible": str(state.held[IN_FLIGHT]),
            "ApproximateNumberOfMessagesDelayed": str(state.held[DELAYED]),
            "CreatedTimestamp": str(int(entry.created_at)),
            "LastModifiedTimestamp": str(int(entry.modified_at)),
        }

    def sources_of(self, arn: str) -> list[str]:
        """Names of the queues that dead-letter into *arn*."""
        return sorted(e.state.name for e in self if (r := e.state.settings.redrive) and r.dead_letter_arn == arn)

    def names(self, prefix: str) -> list[str]:
        """Names that begin with *prefix*."""
        return sorted(name for name in self._entries if name.startswith(prefix))

    def _check_redrive(self, arn: str, settings: QueueSettings) -> None:
        if settings.redrive is None:
            return
        target, text = self.by_arn(settings.redrive.dead_letter_arn), settings.texts["RedrivePolicy"]
        if target is None:
            raise invalid_parameter("RedrivePolicy", text, "Dead letter target does not exist.")
        if target.settings.fifo != settings.fifo:
            raise invalid_parameter(
                "RedrivePolicy", text, "Dead-letter queue must be same type of queue as the source."
            )
        if not target.settings.allow.allows(arn):
            raise invalid_parameter("RedrivePolicy", text, "The dead-letter queue's RedriveAllowPolicy denies it.")


def _check_same(state: QueueState, settings: QueueSettings, texts: Mapping[str, str]) -> None:
    current, wanted = state.settings.described(), settings.described()
    for name in texts:
        if current.get(name) != wanted.get(name):
            detail = f"A queue already exists with the same name and a different value for attribute {name}"
            raise SqsFault("QueueNameExists", detail)


def page(names: list[str], limit: int | None, token: str | None) -> tuple[list[str], str | None]:
    """The names after *token*, at most *limit*, and the token for the rest; the token is the last name given."""
    if limit is not None and not 1 <= limit <= _PAGE_MAX:
        raise invalid_parameter("MaxResults", limit, f"It must be between 1 and {_PAGE_MAX}.")
    rest = [name for name in names if token is None or name > token]
    given = rest[: limit or _PAGE_MAX]
    more = len(rest) > len(given) and limit is not None
    return given, given[-1] if more else None
