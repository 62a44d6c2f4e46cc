"""`python -m worker` is `worker`."""

from __future__ import annotations

from worker.process import early

early.begin()

from worker.cli import main  # noqa: E402 - whatever takes time is imported when signals are heard

main(prog_name="worker")
