"""Hanging: calls of your function that outlived their time limit and have not ended.

Takes the calls as they are given up and as they end after all; gives the messages that must not be begun again beside
their own hanging call, and facts. Used on the loop's thread only.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from worker.outcome import Released, Retried
from worker.telemetry import events

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.message import Message
    from worker.telemetry.events import Emit

PAUSE_SECONDS: Final = 5.0
"""The least after which a message whose call still hangs is handed out again: each time costs a receive."""
BEHIND: Final = Released("group")
"""Not begun, since a call with an earlier message of its group hangs."""


@dataclass(frozen=True, slots=True)
class HangingCall:
    """One of them."""

    messages: tuple[str, ...]
    """Their ids."""
    began: float
    """Loop time."""


class Hanging:
    """All of one function."""

    def __init__(
        self, *, function: str, slots: int, limit_seconds: float, ordered: bool, emit: Emit, pipeline: str
    ) -> None:
        self._function = function
        self._slots = slots
        self._limit_seconds = limit_seconds
        self._ordered = ordered
        self._emit = emit
        self._pipeline = pipeline
        self._calls: dict[object, HangingCall] = {}  # written by begin and end

    def __len__(self) -> int:
        return len(self._calls)

    def begin(self, call: object, messages: Sequence[Message], *, began: float) -> None:
        """*call*, made at loop time *began* with *messages*, is over its limit and goes on."""
        hanging = self._calls[call] = HangingCall(tuple([message.id for message in messages]), began)
        self._emit(
            events.CallHung(
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
                events.HungCallEnded(self._pipeline, self._function, hanging.messages[0], seconds, len(self._calls))
            )

    def aside(self, messages: Sequence[Message]) -> dict[str, Retried | Released]:
        """Those of *messages* that are not to be begun now, by id, with their outcomes."""
        if not self._calls:
            return {}
        held = {message_id: call.began for call in self._calls.values() for message_id in call.messages}
        aside: dict[str, Retried | Released] = {}
        groups: set[str | None] = set()
        for message in messages:
            if message.id in held:
                # As long again as it has taken so far: a call that hangs for hours costs a few receives, not hundreds.
                pause = max(PAUSE_SECONDS, self._now() - held[message.id])
                aside[message.id] = Retried("still-running", pause, "its earlier call has not ended")
                groups.add(message.group_id)
            elif self._ordered and message.group_id in groups:
                aside[message.id] = BEHIND
        return aside

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()
