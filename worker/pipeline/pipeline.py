"""One pipeline: a queue, a codec and a sink, wired stage by stage, and the order in which it stops.

Takes the parts, gives nothing back but its account. `run` returns when it has run dry: the ledger is empty (or the
deadline is over and what is left has been said), and no task of it is alive.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from worker import facts
from worker.backoff import Backoff
from worker.outcome import Released
from worker.pipeline.ahead import Ahead
from worker.pipeline.aside import Aside
from worker.pipeline.breaker import Breaker
from worker.pipeline.buffer import Arrivals, Buffer
from worker.pipeline.caution import Caution
from worker.pipeline.decode import Decoder
from worker.pipeline.farewell import Unfinished
from worker.pipeline.gate import Gate
from worker.pipeline.handle import Handler
from worker.pipeline.holding import ALONE_SECONDS, Holding
from worker.pipeline.lane import newest_first
from worker.pipeline.lanes import Lanes
from worker.pipeline.ledger import Ledger
from worker.pipeline.measure import Measurer
from worker.pipeline.poll import Poller
from worker.pipeline.renew import Renewer
from worker.pipeline.room import Room
from worker.pipeline.settle import Settler
from worker.pipeline.sizing import Sizing
from worker.pipeline.stage import Stages
from worker.pipeline.suspects import Suspects
from worker.pipeline.write import Writer

if TYPE_CHECKING:
    from worker.pipeline.spec import Parts, PipelineSpec
    from worker.pipeline.stopping import Stop

HANDLERS_SHARE: Final = 0.75
"""Of the time to drain: then handlers are cancelled, and the rest is for giving back."""
RELEASE_SECONDS: Final = 2.0
"""Kept for giving back what the last long poll brings, which may take 20 s of the 25."""
NOTICED_SECONDS: Final = 0.2
"""In which the server learns that a receive was given up: its connection was closed before, but on another way."""


class Pipeline:
    """Runs once."""

    def __init__(self, spec: PipelineSpec, parts: Parts) -> None:
        self.spec = spec
        self._emit, emit, name = parts.emit, parts.emit, spec.name
        self.room = Room(
            max_messages=spec.max_messages,
            max_bytes=spec.max_bytes,
            largest_message=spec.largest_message,
            frame_bytes=parts.queue.frame_bytes,
        )
        self.ledger = Ledger(room=self.room, lease_seconds=spec.lease_seconds, emit=emit, pipeline=name)
        self.sizing = Sizing(spec.batch)
        self.buffer: Buffer = self._make_lanes(parts) if spec.fifo else Arrivals(self.sizing)
        self.aside = Aside(self.buffer.nudge)
        self.breaker = Breaker(
            hold_seconds=spec.hold_seconds, random=parts.random, restored=self.aside.hasten, emit=emit, pipeline=name
        )
        self.caution = parts.caution or Caution()
        self.ahead = self._make_ahead()
        self.settler = self._make_settler(parts)
        self.handler = self._make_handler(parts)
        self.poller = self._make_poller(parts)
        self.renewer = Renewer(parts.queue, ledger=self.ledger, emit=emit, pipeline=name)
        self.measurer = Measurer(
            parts.queue,
            ledger=self.ledger,
            poller=self.poller,
            buffer=self.buffer,
            random=parts.random,
            emit=emit,
            pipeline=name,
        )
        self.dead_letter_depth = [depth for depth in [parts.dead_letter_depth] if depth]
        self.ahead.watch(self.handler, self.poller, self.settler)
        self.ahead.follow()

    def _make_ahead(self) -> Ahead:
        return Ahead(
            writers=self.spec.writers,
            max_messages=self.spec.max_messages,
            max_bytes=self.spec.max_bytes,
            ledger=self.ledger,
            sizing=self.sizing,
            buffer=self.buffer,
            aside=self.aside,
            breaker=self.breaker,
            emit=self._emit,
            pipeline=self.spec.name,
        )

    def _make_lanes(self, parts: Parts) -> Lanes:
        spec = self.spec
        holding = Holding(
            max_messages=spec.max_messages,
            max_bytes=spec.max_bytes,
            backoff=Backoff(spec.settle.retry_base_seconds, spec.settle.retry_max_seconds, parts.random),
            redrive_count=spec.redrive_count,
        )
        return Lanes(
            self.sizing,
            holding,
            life=self.ledger,
            settle=lambda settled: self.settler.settle(settled),  # noqa: PLW0108 - it is made later
            rested=lambda: self.ahead.follow(),  # noqa: PLW0108 - as above
            emit=parts.emit,
            pipeline=spec.name,
        )

    def _make_settler(self, parts: Parts) -> Settler:
        alone = self.spec.fifo and self.spec.redrive_count is not None
        return Settler(
            parts.queue,
            settings=replace(self.spec.settle, alone_seconds=ALONE_SECONDS if alone else None),
            ledger=self.ledger,
            dead_letters=parts.dead_letters,
            buffer=self.buffer,
            random=parts.random,
            emit=parts.emit,
            pipeline=self.spec.name,
        )

    def _make_decoder(self, parts: Parts) -> Decoder:
        return Decoder(
            parts.codec,
            parts.key,
            source=parts.queue.name,
            ordered=self.spec.fifo,
            emit=parts.emit,
            pipeline=self.spec.name,
        )

    def _make_writer(self, parts: Parts) -> Writer:
        return Writer(
            parts.sink,
            breaker=self.breaker,
            ordered=self.spec.fifo,
            emit=parts.emit,
            pipeline=self.spec.name,
            decode=parts.codec.decode if self.spec.own_code else None,
        )

    def _make_handler(self, parts: Parts) -> Handler:
        return Handler(
            life=self.ledger,
            buffer=self.buffer,
            decoder=self._make_decoder(parts),
            writer=self._make_writer(parts),
            breaker=self.breaker,
            aside=self.aside,
            suspects=self._make_suspects(),
            ordered=self.spec.fifo,
            crowding=self.ahead.crowding,
            settler=self.settler,
            write_limit_seconds=self.spec.write_limit_seconds,
            max_receives=self.spec.max_receives,
            sizing=self.sizing,
            followed=self.ahead.follow,
            wall=parts.wall,
            emit=parts.emit,
            pipeline=self.spec.name,
        )

    def _make_suspects(self) -> Suspects | None:
        spec, caution = self.spec, self.caution
        lease_seconds = spec.lease_seconds if spec.own_code else None
        caution.watch(self.ahead.others, stuck=self.ahead.stuck, lease_seconds=lease_seconds)
        if not spec.own_code:
            return None
        return Suspects(
            caution, last_receive=spec.redrive_count, ordered=spec.fifo, emit=self._emit, pipeline=spec.name
        )

    def _make_poller(self, parts: Parts) -> Poller:
        return Poller(
            parts.queue,
            settings=self.spec.poll,
            ledger=self.ledger,
            buffer=self.buffer,
            settler=self.settler,
            gate=Gate(
                room=self.room,
                buffer=self.buffer,
                aside=self.aside,
                breaker=self.breaker,
                caution=self.caution,
                own_code=self.spec.own_code,
                last_receive=self.spec.redrive_count,
            ),
            random=parts.random,
            emit=parts.emit,
            pipeline=self.spec.name,
        )

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
