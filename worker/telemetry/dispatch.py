"""How facts reach those who observe them: tables from a fact's type to functions, and a fan-out over observers.

Both take a fact and give nothing back. An observer that fails is counted and passed over, because a broken counter may
not stop a message.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, TypeVar, cast

from worker.facts import Fact
from worker.telemetry.memo import Memo

if TYPE_CHECKING:
    from collections.abc import Iterable

F = TypeVar("F", bound=Fact)

Act = Callable[[Fact], None]
"""What is done with a fact, on the loop's thread, without waiting."""


class Observer(Protocol):
    """Somebody who wants to know: metrics, logs, health, the report."""

    def heeds(self, kind: type[Fact]) -> bool:
        """Whether facts of *kind* mean anything here; asked once for each kind."""
        ...

    def observe(self, fact: Fact) -> None:
        """Take note of *fact*, on the loop's thread, without waiting."""
        ...


class Dispatch:
    """An observer made of acts by kind of fact; facts nobody asked for are dropped.

    `FanOut` calls the acts themselves: on the hot path there is one lookup for all observers, and no step between.
    """

    def __init__(self) -> None:
        self._acts: dict[type[Fact], tuple[Act, ...]] = {}
        """In the order of being agreed. Written by `on` and `share` while the observer is built, then read only."""

    def on(self, kind: type[F], act: Callable[[F], None]) -> None:
        """Call *act* for facts of exactly this *kind*."""
        self._acts[kind] = (*self.acts(kind), cast("Act", act))

    def share(self, other: Dispatch) -> None:
        """Do what *other* does too. Whatever several observers share is done once for all of them by a `FanOut`."""
        for kind in other.kinds():
            self._acts[kind] = (*self.acts(kind), *other.acts(kind))

    def kinds(self) -> frozenset[type[Fact]]:
        """What is acted upon."""
        return frozenset(self._acts)

    def acts(self, kind: type[Fact]) -> tuple[Act, ...]:
        """What is done with facts of *kind*."""
        return self._acts.get(kind, ())

    def heeds(self, kind: type[Fact]) -> bool:
        """Whether anything is done with facts of *kind*."""
        return bool(self.acts(kind))

    def observe(self, fact: Fact) -> None:
        """Do with *fact* what was agreed."""
        for act in self.acts(type(fact)):
            act(fact)


class FanOut:
    """The `emit` of the worker: gives each fact to every observer that heeds it, in order, and never raises."""

    def __init__(self, observers: Iterable[Observer]) -> None:
        self._observers = tuple(observers)
        self._acts = Memo(self._meet)
        """What all observers do with a kind of fact."""
        self.failures = 0
        """Times that an observer choked on a fact. Written by `emit` on the loop's thread, read by the metrics."""
        self.last_failure: Exception | None = None
        """The newest of them, for a debugger. Written with `failures`."""

    def emit(self, fact: Fact) -> None:
        """Tell everybody who wants to know."""
        for act in self._acts[type(fact)]:
            try:
                act(fact)
            except Exception as failure:  # noqa: BLE001 - whatever an observer does wrong, the message goes on
                self.failures += 1
                self.last_failure = failure

    def _meet(self, kind: type[Fact]) -> tuple[Act, ...]:
        """The first fact of its kind."""
        return tuple(dict.fromkeys(act for one in self._observers for act in _acts(one, kind)))


def _acts(observer: Observer, kind: type[Fact]) -> tuple[Act, ...]:
    if isinstance(observer, Dispatch):
        return observer.acts(kind)
    return (observer.observe,) if observer.heeds(kind) else ()
