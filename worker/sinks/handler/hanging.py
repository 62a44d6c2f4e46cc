"""Hanging: calls of your function that outlived their time limit and have not ended.

Takes the calls as they are given up and as they end after all; gives facts, and what keeps messages from being begun
again beside their own hanging call. Used on the loop's thread only.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from worker import facts
from worker.errors import CallHangs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.facts import Emit
    from worker.message import Message


@dataclass(frozen=True, slots=True)
class HangingCall:
    """One of them."""

    messages: tuple[str, ...]
    """Their ids."""
    began: float
    """Loop time."""


class Hanging:
    """All of one function."""

    def __init__(self, *, function: str, slots: int, limit_seconds: float, emit: Emit, pipeline: str) -> None:
        self._function = function
        self._slots = slots
        self._limit_seconds = limit_seconds
        self._emit = emit
        self._pipeline = pipeline
        self._calls: dict[object, HangingCall] = {}  # written by begin and end

    def __len__(self) -> int:
        return len(self._calls)

    def begin(self, call: object, messages: Sequence[Message], *, began: float) -> None:
        """*call*, made at loop time *began* with *messages*, is over its limit and goes on."""
        hanging = self._calls[call] = HangingCall(tuple([message.id for message in messages]), began)
        self._emit(
            facts.CallHung(
                self._pipeline,
                self._function,
                hanging.messages[0],
                len(messages),
                round(self._now() - began, 3),
                self._limit_seconds,
                len(self._calls),
                self._slots,
            )
        )

    def end(self, call: object) -> None:
        """*call* has ended; nothing, if it was not among these."""
        hanging = self._calls.pop(call, None)
        if hanging is not None:
            seconds = round(self._now() - hanging.began, 3)
            self._emit(
                facts.HungCallEnded(self._pipeline, self._function, hanging.messages[0], seconds, len(self._calls))
            )

    def with_any_of(self, messages: Sequence[Message]) -> CallHangs | None:
        """That calls hang which were made with some of *messages*, for an earlier receipt of them; None: none does."""
        if not self._calls:
            return None
        ids = {message.id for message in messages}
        calls = [call for call, hanging in self._calls.items() if not ids.isdisjoint(hanging.messages)]
        if not calls:
            return None
        held = {one for call in calls for one in self._calls[call].messages}
        return CallHangs(
            "an earlier call has not ended", goes_on=partial(self._any, calls), then=None, mixed=not ids <= held
        )

    def _any(self, calls: Sequence[object]) -> bool:
        return any(call in self._calls for call in calls)

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()
