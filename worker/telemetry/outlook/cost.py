"""What the requests to SQS cost, in US dollars.

Takes requests and what they brought; gives dollars. SQS bills each request, whatever it does and however many messages
it carries, and each further 64 KiB of what it carries as one more. The first million of a month is free, and prices
fall above 100,000 million: neither is known to one process, so this is the most that it can be, data transfer and keys
(KMS) aside.
"""

from __future__ import annotations

from math import ceil
from typing import Final

DOLLARS_PER_MILLION: Final = {False: 0.40, True: 0.50}
"""Standard and FIFO queues: Amazon SQS pricing, requests, US East (N. Virginia), first tier after the free one."""
BILLED_BYTES: Final = 64 * 1024
"""Amazon SQS pricing: "every 64 KB chunk of a payload is billed as 1 request"."""
_MILLION: Final = 1_000_000


class Cost:
    """One pipeline. Written on the loop's thread, read on any."""

    def __init__(self, dollars_per_million: float = DOLLARS_PER_MILLION[False]) -> None:
        self._price = dollars_per_million / _MILLION
        self.billed = 0
        """Requests as SQS counts them. Written by `requested` and `received`."""

    def requested(self) -> None:
        """Count a request."""
        self.billed += 1

    def received(self, size: int) -> None:
        """Count what an answer of *size* bytes costs above its request."""
        if size > BILLED_BYTES:
            self.billed += ceil(size / BILLED_BYTES) - 1

    @property
    def dollars(self) -> float:
        """All of it, since the start."""
        return self.billed * self._price
