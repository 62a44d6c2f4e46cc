"""A sink that wishes large batches gets them: through the real program, with the leases kept alive meanwhile."""

from __future__ import annotations

import json
import signal
import time
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from tests.system.rig import Child, Rig

SINK: Final = """
import json
import time
from typing import Annotated

from worker.sinks import Demand, Guarantee, Seconds, Section, SinkPlugin, Variable


class BulkSettings(Section):
    path: Annotated[str, Variable("BULK_PATH", "a file")]
    age_seconds: Annotated[Seconds, Variable("BULK_AGE_SECONDS", "seconds")] = 2.0


class BulkSink:
    def __init__(self, settings):
        self.path = settings.path
        self.demand = Demand(
            rows=5_000, bytes=64 * 1024 * 1024, age_seconds=settings.age_seconds, writers=1, max_writers=1
        )

    async def open(self):
        pass

    async def write(self, records):
        with open(self.path, "a") as file:
            line = {"keys": [r.key for r in records], "receives": max(r.receive_count for r in records)}
            print(json.dumps(line), file=file)
        return [None] * len(records)

    async def close(self):
        pass


BULK = SinkPlugin(
    name="bulk",
    summary="A line for each batch.",
    settings=BulkSettings,
    make=lambda settings, context: BulkSink(settings),
    guarantee=Guarantee("at least once", "a redelivery is in another line"),
)
"""


def start(rig: Rig, *arguments: str, **settings: str) -> Child:
    """A worker into that sink, which is a module in its working folder."""
    (rig.folder / "bulk.py").write_text(SINK)
    return rig.worker(*arguments, SINK="bulk:BULK", BULK_PATH="batches", SQS_WAIT_TIME_SECONDS="1", **settings)


def batches(rig: Rig) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (rig.folder / "batches").read_text().splitlines()]


def test_batches_are_as_large_as_the_sink_wishes(rig: Rig) -> None:
    """12,000 messages that are there make two full batches and the rest, though no bound was raised by hand."""
    rig.send(12_000)
    worker = start(rig, "--drain")
    assert worker.end() == 0
    written = batches(rig)
    assert sorted(len(batch["keys"]) for batch in written) == [2_000, 5_000, 5_000]
    assert len({key for batch in written for key in batch["keys"]}) == 12_000


def test_what_waits_for_its_batch_keeps_its_lease(rig: Rig) -> None:
    """Eight seconds of age are longer than a lease of five: nothing comes a second time, and the batch is written."""
    rig.send(100)
    worker = start(rig, BULK_AGE_SECONDS="8")
    rig.until_books("received", 100)
    began = time.monotonic()
    rig.until_books("deleted", 100)
    assert time.monotonic() - began >= 7
    worker.tell(signal.SIGTERM)
    assert worker.end() == 0
    (batch,) = batches(rig)
    assert (len(batch["keys"]), batch["receives"]) == (100, 1)
    assert worker.account()["expired"] == 0


def test_draining_does_not_wait_for_a_batch_to_be_full(rig: Rig) -> None:
    """When the queue has nothing more, what there is is written at once, and the run ends."""
    rig.send(100)
    worker = start(rig, "--drain", BULK_AGE_SECONDS="45")
    rig.until_books("received", 100)
    began = time.monotonic()
    assert worker.end() == 0
    assert time.monotonic() - began < 20
    assert [len(batch["keys"]) for batch in batches(rig)] == [100]


def test_stopping_gives_back_what_waits_for_its_batch(rig: Rig) -> None:
    """Nobody waits for its age; another worker has it at once."""
    rig.send(100)
    worker = start(rig, BULK_AGE_SECONDS="45")
    rig.until_books("received", 100)
    worker.tell(signal.SIGTERM)
    assert worker.end() == 0
    assert worker.account()["released"] == 100
    assert rig.books()["visible"] == 100


def test_what_cannot_fit_does_not_start(rig: Rig) -> None:
    """Refused with the numbers by `worker run`, as by `worker check`."""
    worker = start(rig, IN_FLIGHT_MAX_MESSAGES="100")
    assert worker.end() == 3
    said = "".join(worker.lines)
    assert "bulk:BULK wants batches of 5000 messages, but only 100 may be in flight: none would ever be full" in said
    assert "set IN_FLIGHT_MAX_MESSAGES to 5000 or more (10000 keeps all writers busy), or BATCH_MAX_ROWS to 100" in said
