"""What the run tells while it goes on: one line for each claim, and in quiet minutes what is waited for."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

TELL_SECONDS = 10.0
"""How long a wait may be silent."""


def say(text: str) -> None:
    """One line of the account."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


@dataclass(slots=True)
class Checks:
    """What was claimed and whether it held."""

    failed: list[str] = field(default_factory=list)
    """Written by `that`."""

    def that(self, claim: str, found: object, *, holds: bool) -> None:
        """Say *claim* with what was *found*, and remember it if it does not hold."""
        say(f"  {'ok ' if holds else 'NOT'} {claim}: {found}")
        if not holds:
            self.failed.append(claim)


def until(what: str, look: Callable[[], object], holds: Callable[[object], bool], *, seconds: float) -> object:
    """What *look* finds last: when it *holds*, or when the time is over. Says what is waited for while it is quiet."""
    began = told = time.monotonic()
    while not holds(found := look()):
        now = time.monotonic()
        if now - began > seconds:
            break
        if now - told > TELL_SECONDS:
            told = now
            say(f"      waiting for {what}: {found} ({now - began:.0f} of at most {seconds:.0f} s)")
        time.sleep(1)
    return found
