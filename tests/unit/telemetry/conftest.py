"""Fixtures: one of every fact, and clocks that stand still until told."""

from __future__ import annotations

import inspect
from dataclasses import fields
from typing import TYPE_CHECKING, get_type_hints

import pytest

from worker import facts
from worker.facts import Fact, PipelineState

if TYPE_CHECKING:
    from collections.abc import Callable

PLAIN: dict[object, object] = {int: 1, float: 1.5, bool: True}
"""A value for each type that facts use and that is not text."""


class Clock:
    """A clock that the test turns."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """The time that was set."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def every_kind() -> list[type[Fact]]:
    # The names of the module, not `__subclasses__` alone: slots make a second class that lingers until it is collected.
    kinds = [kind for _, kind in inspect.getmembers(facts, inspect.isclass) if issubclass(kind, Fact)]
    return [kind for kind in kinds if kind is not Fact]


@pytest.fixture
def make() -> Callable[[type[Fact]], Fact]:
    def make_one(kind: type[Fact]) -> Fact:
        hints = get_type_hints(kind)
        return kind(**{f.name: _value(f.name, hints[f.name]) for f in fields(kind)})

    return make_one


def _value(name: str, hint: object) -> object:
    if name == "outcome":
        return "deleted"
    if name in {"sent_at", "pipelines"}:
        return (1.0,) if name == "sent_at" else ("orders",)
    return PLAIN.get(hint, "orders" if name == "pipeline" else f"a-{name}")


@pytest.fixture
def state() -> PipelineState:
    return PipelineState(
        buffered=3,
        handling=4,
        settling=1,
        in_flight=10,
        in_flight_bytes=5000,
        receivers=2,
        receiving=True,
        sink_available=True,
        last_receive_age=0.0,
    )
