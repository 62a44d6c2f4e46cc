"""How far this machine's clock is from SQS's, learned only when SQS refuses a request because of it.

`ServerClock` takes the local Unix clock and gives the time to sign with; `corrected` takes a refusal's code, the Date
of that answer and the time that the refused request bore, and says whether to sign and send it once more. Pure.

A Date is not believed without a refusal: it has whole seconds, and an answer may come from something before SQS whose
clock is worse than ours. Several requests refused for one wrong clock each learn the same and are each repeated; one
that bore a good time is not, so nothing is repeated for ever.
"""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

ABOUT_TIME: Final = {"RequestExpired": 60.0, "RequestTimeTooSkewed": 60.0}
MAYBE_ABOUT_TIME: Final = {"InvalidSignature": 240.0, "SignatureDoesNotMatch": 240.0}
FAR_SECONDS: Final = ABOUT_TIME | MAYBE_ABOUT_TIME
"""Refusals to how far off a request's time must have been to be their reason; AWS tolerates five minutes or more.

A wrong secret is refused in the same words as a time that is too old, so for those only nearly that much will do.
"""


class ServerClock:
    """The time to sign with. One for everything that is signed for one endpoint."""

    def __init__(self, wall: Callable[[], float]) -> None:
        self._wall = wall
        self.offset_seconds = 0.0
        """What is added to the local clock. Written by `corrected`."""

    def now(self) -> float:
        """Unix time as SQS sees it, as far as is known."""
        return self._wall() + self.offset_seconds

    def corrected(self, code: str, date: str | None, signed_unix: float) -> bool:
        """Whether a request of *signed_unix*, refused with *code* and *date*, is worth signing again, with a new time.

        *code* is the canonical name (`canonical` in errors.py), *date* the answer's Date header.
        """
        far = FAR_SECONDS.get(code)
        server = None if far is None or date is None else unix_of(date)
        if far is None or server is None or abs(server - signed_unix) < far:
            return False
        self.offset_seconds = server - self._wall()
        return True


def unix_of(date: str) -> float | None:
    """The Unix time of an HTTP date; None if it is not one."""
    try:
        return parsedate_to_datetime(date).timestamp()
    except (ValueError, OverflowError):
        return None
