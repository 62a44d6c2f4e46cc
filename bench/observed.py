"""`worker run`, with a clock beside its SQLite sink: how long from being sent to being a row?

`python -m bench.observed FILE ARGUMENTS…` runs the worker's own command line; the only thing changed is that each
write that has returned, and so is on the disk, is noted with the times in its messages. FILE has the percentiles then.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, cast

from bench.spans import Spans
from worker.cli import main as worker
from worker.sinks.sqlite.sink import SqliteSink

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.message import Message


def observe(spans: Spans) -> None:
    """Note every row that SqliteSink writes from now on."""
    write = SqliteSink.write

    async def noted(self: SqliteSink, records: Sequence[Message]) -> Sequence[None]:
        written = await write(self, records)
        now = time.monotonic_ns()
        for record in records:
            spans.add(cast("dict[str, int]", record.value)["sent_ns"], now)
        return written

    SqliteSink.write = noted  # type: ignore[method-assign] # the one change, named above


def main() -> None:
    """Run the worker, then tell."""
    spans, target = Spans(), Path(sys.argv.pop(1))
    observe(spans)
    try:
        worker()
    finally:
        target.write_text(json.dumps(spans.summary()))


if __name__ == "__main__":
    main()
