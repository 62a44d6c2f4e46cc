"""Ask: one question to several processes at once, from any thread, with a time limit for all.

Takes their URLs and a path; gives status and body of each, or None for who did not answer in time. Threads that are
still waiting then end with their own timeout, unheard; they are daemons, so they hold up no exit.
"""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from worker.telemetry.http.fetch import fetch

if TYPE_CHECKING:
    from collections.abc import Mapping

Answer = tuple[int, str]


def ask_all(urls: Mapping[int, str], path: str, *, timeout_seconds: float) -> dict[int, Answer | None]:
    """What each of *urls* answers to *path*."""
    answers: dict[int, Answer] = {}

    def ask(number: int, url: str) -> None:
        with suppress(OSError, ValueError):  # ValueError: what came is no HTTP
            answers[number] = fetch(url, path, timeout_seconds=timeout_seconds)

    asking = [threading.Thread(target=ask, args=one, name=f"ask-{one[0]}", daemon=True) for one in urls.items()]
    deadline = time.monotonic() + timeout_seconds
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join(max(0.0, deadline - time.monotonic()))
    return {number: answers.get(number) for number in urls}
