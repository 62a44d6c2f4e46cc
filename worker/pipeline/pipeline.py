"""One pipeline: a queue, a codec and a sink, and the order in which it starts and stops.

Takes the parts, gives nothing back but its account. `run` returns when it has run dry: the ledger is empty (or the
deadline is over and what is left has been said), and no task of it is alive. Who knows whom is in `wiring.py`.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from worker import facts
from worker.outcome import Released
from worker.pipeline.farewell import Unfinished
from worker.pipeline.lane import newest_first
from worker.pipeline.stage import Stages
from worker.pipeline.wiring import Wiring

if TYPE_CHECKING:
    from worker.pipeline.stopping import Stop

HANDLERS_SHARE: Final = 0.75
"""Of the time to drain: then handlers are cancelled, and the rest is for giving back."""
RELEASE_SECONDS: Final = 2.0
"""Kept for giving back what the last long poll brings, which may take 20 s of the 25."""
NOTICED_SECONDS: Final = 0.2
"""In which the server learns that a receive was given up: its connection was closed before, but on another way."""


class Pipeline(Wiring):
    """Runs once."""

    @property
    def unfinished(self) -> Unfinished:
        """What stopping now has to wait for."""
        return Unfinished(self.poller.receivers, self.spec.poll.wait_seconds, len(self.ledger))

    async def run(self, stop: Stop, *, drain: bool = False) -> None:
        """Until *stop* is requested, or, to *drain*, until the queue is empty. Consumers start before producers."""
        async with Stages(may_return=lambda: self.poller.stopping) as stages:
            settling = stages.start(self.settler.run, name=f"settle-{self.spec.name}")
            renewing = stages.start(self.renewer.run, name=f"renew-{self.spec.name}")
            handling = [
                *[
                    stages.start(self.handler.run, name=f"handle-{self.spec.name}-{number}")
                    for number in range(self.spec.writers)
                ],
                *[
                    stages.start(self.handler.run_suspects, name=f"suspects-{self.spec.name}")
                    for _ in range(self.spec.own_code)
                ],
            ]
            watching = [
                renewing,
                stages.start(self.measurer.run, name=f"measure-{self.spec.name}"),
                *[stages.start(depth.run, name=f"dead-letters-{self.spec.name}") for depth in self.dead_letter_depth],
                *[stages.start(self.ahead.run, name=f"ahead-{self.spec.name}") for _ in range(self.spec.own_code)],
            ]
            polling = [
                stages.start(self._poll, name=f"poll-{self.spec.name}")
                for _ in range(self.spec.receiving)  # once, or, switched off, never
            ]
            await self._until_told(stop, drain=drain)
            await self._run_dry(stop, stages, polling, handling, settling, watching)

    async def _poll(self) -> None:
        await self.poller.run()
        self.settler.release()  # no receive is open that could be handed it

    async def _until_told(self, stop: Stop, *, drain: bool) -> None:
        if not drain:
            await stop.wait()
            return
        async with Stages(may_return=lambda: True) as either:
            emptied = either.start(self.measurer.until_empty, name=f"drain-{self.spec.name}")
            told = either.start(stop.wait, name=f"told-{self.spec.name}")
            await asyncio.wait([emptied, told], return_when=asyncio.FIRST_COMPLETED)
            await either.end([emptied, told])

    async def _run_dry(
        self,
        stop: Stop,
        stages: Stages,
        polling: list[asyncio.Task[None]],
        handling: list[asyncio.Task[None]],
        settling: asyncio.Task[None],
        watching: list[asyncio.Task[None]],
    ) -> None:
        """The whole order of stopping, from the head of the path to its end."""
        began, end = asyncio.get_running_loop().time(), stop.deadline()
        self.settler.hold_back()
        self.poller.stop()  # no receive begins; what those under way bring is released
        self.buffer.close()  # no handler begins anything
        self.settler.settle([(delivery, Released()) for delivery in self.buffer.unbegun()])
        self.handler.close()  # nor a suspect; later than what may be behind it in its group
        await stop.patience([*polling, *handling], until=began + HANDLERS_SHARE * (end - began))
        await stages.end(handling)  # and what they could not finish is released
        self.settler.settle([(delivery, Released()) for delivery in newest_first(self.handler.unbegun())])
        await stop.patience(polling, until=end - RELEASE_SECONDS)
        await self._give_up(polling, stages)
        self.settler.release()
        self.settler.close()
        await stop.last_words([settling], until=end)  # deletes, retries and releases go out
        await stages.end([settling, *watching])  # renewing last: it kept alive what was in hand
        self._emit(facts.PipelineStopped(self.spec.name, **self.ledger.account()))

    async def _give_up(self, polling: list[asyncio.Task[None]], stages: Stages) -> None:
        """A receive left open would be handed what is given back next, and hide it; SQS must notice its end first."""
        if not all(task.done() for task in polling):
            await stages.end(polling)
            await asyncio.sleep(NOTICED_SECONDS)
