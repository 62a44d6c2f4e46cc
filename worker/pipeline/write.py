"""Write: gives a batch of records to the sink until each of them has an answer.

Takes records, gives one answer each, in order. A sink that is away is waited for (through the breaker, leases kept);
a batch in which something is refused is halved until the bad record is alone. It ends with an answer for every record,
or by cancellation, after which nobody knows what the sink has kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from worker.errors import SinkRefused, SinkUnavailable
from worker.outcome import DONE, Reject, Rejected, Retried, Retry
from worker.telemetry import events

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.message import Message
    from worker.outcome import Done
    from worker.pipeline.breaker import Breaker
    from worker.sinks.sink import Sink
    from worker.telemetry.events import Emit


class Writer:
    """The sink as the handlers see it: it answers, whatever happens to it."""

    def __init__(self, sink: Sink, *, breaker: Breaker, emit: Emit, pipeline: str) -> None:
        self._sink = sink
        self._breaker = breaker
        self._emit = emit
        self._pipeline = pipeline

    async def write(self, records: Sequence[Message]) -> list[Done | Retried | Rejected]:
        """One answer for each record."""
        try:
            answers = await self._until_there(records)
        except SinkRefused as error:
            return await self._halve(records, Rejected("sink-data", detail=str(error)))
        except Retry as error:
            return [Retried(error.reason, error.after)] * len(records)
        except Reject as error:
            return [Rejected(error.reason, error.detail)] * len(records)
        except Exception as error:  # noqa: BLE001 - a sink's bug must end as an outcome of the record that shows it
            return await self._halve(records, Retried(type(error).__name__, detail="unexpected in the sink"))
        return [DONE if answer is None else answer for answer in answers]

    async def _until_there(self, records: Sequence[Message]) -> Sequence[Retried | Rejected | None]:
        """Write, again and again while the sink is away; any other answer shows that it is there."""
        while True:
            async with self._breaker.attempt():
                try:
                    answers = await self._sink.write(records)
                except SinkUnavailable as error:
                    self._breaker.failed(error)
                    continue
                except Exception:
                    self._breaker.succeeded()
                    raise
                self._breaker.succeeded()
            if len(answers) != len(records):
                raise ValueError("the sink answered for another number of records")
            return answers

    async def _halve(self, records: Sequence[Message], alone: Retried | Rejected) -> list[Done | Retried | Rejected]:
        """*alone* is the answer of a single record; more of them are written in two halves."""
        if len(records) == 1:
            return [alone]
        self._emit(events.BatchSplit(self._pipeline, len(records), alone.reason))
        middle = len(records) // 2
        return await self.write(records[:middle]) + await self.write(records[middle:])
