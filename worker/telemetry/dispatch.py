"""How facts reach those who observe them: a table from a fact's type to one function, and a fan-out over observers.

Both take a fact and give nothing back. An observer that fails is counted and passed over, because a broken counter may
not stop a message.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar, cast

from worker.telemetry.events import Fact

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from worker.telemetry.events import Emit

F = TypeVar("F", bound=Fact)


class Observer(Protocol):
    """Somebody who wants to know: metrics, logs, health, the report."""

    def heeds(self, kind: type[Fact]) -> bool:
        """Whether facts of *kind* mean anything here; asked once for each kind."""
        ...

    def observe(self, fact: Fact) -> None:
        """Take note of *fact*, on the loop's thread, without waiting."""
        ...


class Dispatch:
    """One dictionary lookup from a fact to what is done with it; facts nobody asked for are dropped."""

    def __init__(self) -> None:
        self._acts: dict[type[Fact], Callable[[Fact], None]] = {}
        """Written by `on` while the observer is built, read-only afterwards."""

    def on(self, kind: type[F], act: Callable[[F], None]) -> None:
        """Call *act* for facts of exactly this *kind*."""
        self._acts[kind] = cast("Callable[[Fact], None]", act)

    def kinds(self) -> frozenset[type[Fact]]:
        """What is acted upon."""
        return frozenset(self._acts)

    def __call__(self, fact: Fact) -> None:
        """Do with *fact* what was agreed."""
        act = self._acts.get(type(fact))
        if act is not None:
            act(fact)


class FanOut:
    """The `emit` of the worker: gives each fact to every observer that heeds it, in order, and never raises."""

    def __init__(self, observers: Iterable[Observer]) -> None:
        self._observers = tuple(observers)
        self._heeding: dict[type[Fact], tuple[Emit, ...]] = {}
        """Who is told of a kind of fact. Written by `_meet`."""
        self.failures = 0
        """Facts that an observer choked on. Written by `emit` on the loop's thread, read by the metrics."""
        self.last_failure: Exception | None = None
        """The newest of them, for a debugger. Written with `failures`."""

    def emit(self, fact: Fact) -> None:
        """Tell everybody who wants to know."""
        heeding = self._heeding.get(type(fact))
        for observe in self._meet(type(fact)) if heeding is None else heeding:
            try:
                observe(fact)
            except Exception as failure:  # noqa: BLE001 - whatever an observer does wrong, the message goes on
                self.failures += 1
                self.last_failure = failure

    def _meet(self, kind: type[Fact]) -> tuple[Emit, ...]:
        """The first fact of its kind."""
        heeding = self._heeding[kind] = tuple(one.observe for one in self._observers if one.heeds(kind))
        return heeding
