"""What is asked of what was seen: a failure says the promise, and what was seen instead."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from worker.testing.sinks.case import Case

SHOWN: Final = 12
"""Keys that a failure lists."""


def promise(case: Case, kept: bool, what: str, seen: object) -> None:  # noqa: FBT001 - it reads as an assertion
    """Fail unless *kept*: *what* is the promise, *seen* is what the suite saw.

    Raises:
        AssertionError: with both, and the sink's guarantee.
    """
    __tracebackhide__ = True
    if not kept:
        guarantee = f"{case.guarantee.kind}: {case.guarantee.words}"
        raise AssertionError(f"the sink {case.name}\n  promises  {guarantee}\n  so        {what}\n  but seen  {seen}")


def promise_stored(case: Case, wanted: Sequence[str], *, times: int = 1, what: str = "") -> None:
    """The destination holds the keys of *wanted* and no other, after each was accepted *times* times.

    A transactional sink holds each once, one that stores at least once holds it as often as it was accepted, or less
    often where it knows repeats; one that keeps nothing holds nothing.
    """
    __tracebackhide__ = True
    found = Counter(case.keys())
    if not case.stores:
        promise(case, not found, what or "nothing is found at the destination", shown(list(found)))
        return
    missing = [key for key in dict.fromkeys(wanted) if key not in found]
    foreign = [key for key in found if key not in set(wanted)]
    promise(case, not missing, what or "every accepted record is stored", f"missing: {shown(missing)}")
    promise(case, not foreign, what or "nothing else is stored", f"stored as well: {shown(foreign)}")
    _promise_copies(case, found, Counter(wanted), times)


def _promise_copies(case: Case, found: Counter[str], wanted: Counter[str], times: int) -> None:
    __tracebackhide__ = True
    over = {key: count for key, count in found.items() if count > (1 if case.transactional else times * wanted[key])}
    words = "a key is stored once" if case.transactional else "a key is stored no more often than it was written"
    promise(
        case, not over, words, f"stored more often: {shown([f'{key} ({count} times)' for key, count in over.items()])}"
    )


def shown(keys: Collection[str]) -> str:
    """*keys* for a person."""
    first = ", ".join(key[:60] for key in list(keys)[:SHOWN])
    return (first or "none") + (f" … {len(keys)} in all" if len(keys) > SHOWN else "")
