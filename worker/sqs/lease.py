"""When a lease began: a guess that is never later than the truth. Pure."""

from __future__ import annotations

from typing import Final

QUICK_SECONDS: Final = 1.0
"""An answer sooner than this is held to have been handed out when the request began."""


def leased_at(began: float, ended: float, wait: float) -> float:
    """Loop time at which the leases of a receive began, no later than SQS's own start of them.

    SQS starts a lease when it hands the message out, not when it was asked: after a long poll of 19 seconds the start
    of the request would make a new lease look 19 seconds old, and a short one would be given up at once. So a slow
    answer counts from one second before it arrived, which allows for its way here.
    """
    if wait == 0 or ended - began < QUICK_SECONDS:
        return began
    return ended - QUICK_SECONDS
