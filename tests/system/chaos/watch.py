"""The watch: once a second the memory, the open files and the accounts of every worker, from outside.

A thread of its own, because a stopped worker does not answer and nobody else may wait for it. Ends with `stop`.
"""

from __future__ import annotations

import os
import re
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from worker.telemetry.http.fetch import fetch

if TYPE_CHECKING:
    from tests.system.chaos.crew import Crew, Process

EACH_SECONDS = 1.0
SCRAPE_EACH = 3
"""Every third look reads the metrics too."""
_COUNT = re.compile(r"^sqs_worker_messages_(\w+?)(?:_total)?\{([^}]*)\} ([0-9.e+]+)$", re.MULTILINE)
_WHOSE = re.compile(r'(?:pipeline|process)="\w+"')
"""Of the labels: those that say whose account it is."""


class Watch:
    """Looks at a crew."""

    def __init__(self, crew: Crew) -> None:
        self._crew = crew
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def stop(self) -> None:
        """No more looks."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        number = 0
        while not self._stop.wait(EACH_SECONDS):
            number += 1
            for process in list(self._crew.lives):
                if process.alive and not process.paused:
                    self._look(process, scrape=number % SCRAPE_EACH == 0)

    def _look(self, process: Process, *, scrape: bool) -> None:
        with suppress(OSError):  # it ends whenever it likes
            rss = int(Path(f"/proc/{process.process.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
            fds = len(os.listdir(f"/proc/{process.process.pid}/fd"))  # noqa: PTH208 - only the number
            process.samples.append((time.monotonic_ns(), rss, fds))
        if scrape and (url := process.find_url()):
            with suppress(OSError, ValueError):
                process.exposed = fetch(url, "/metrics")[1]
                process.scrapes += accounts(process.exposed)


def accounts(exposed: str) -> list[dict[str, int]]:
    """The account of each pipeline, and of each process, in what /metrics says."""
    found: dict[str, dict[str, int]] = {}
    for name, labels, value in _COUNT.findall(exposed):
        counts = found.setdefault(",".join(sorted(_WHOSE.findall(labels))), {})
        counts[name] = counts.get(name, 0) + int(float(value))  # in flight comes by stage
    complete = {"received", "in_flight"}  # one that just opens does not say all of it yet
    return [counts for counts in found.values() if complete <= counts.keys()]
