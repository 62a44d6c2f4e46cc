"""Wiring: the stages of one pipeline, and what each of them knows of the others.

Takes the numbers and the open parts, makes the stages in the order of the path, and starts none of them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from worker.pipeline.ahead import Ahead
from worker.pipeline.aside import Aside
from worker.pipeline.backoff import Backoff
from worker.pipeline.breaker import Breaker
from worker.pipeline.buffer import Arrivals, Buffer
from worker.pipeline.caution import Caution
from worker.pipeline.decide import Decider
from worker.pipeline.decode import Decoder
from worker.pipeline.gate import Gate
from worker.pipeline.handle import Handler
from worker.pipeline.holding import ALONE_SECONDS, Holding
from worker.pipeline.lanes import Lanes
from worker.pipeline.ledger import Ledger
from worker.pipeline.measure import Measurer
from worker.pipeline.poll import Poller
from worker.pipeline.renew import Renewer
from worker.pipeline.room import Room
from worker.pipeline.settle import Settler
from worker.pipeline.sizing import Sizing
from worker.pipeline.suspects import Suspects
from worker.pipeline.tries import Tries
from worker.pipeline.under_way import UnderWay
from worker.pipeline.write import Writer

if TYPE_CHECKING:
    from worker.pipeline.spec import Parts, PipelineSpec


class Wiring:
    """Made once, and not changed."""

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
        self.under_way = UnderWay()
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
        self.ahead.watch(self.poller, self.settler)
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
            under_way=self.under_way,
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

    def _make_handler(self, parts: Parts) -> Handler:
        suspects = self._make_suspects()
        decider = Decider(
            buffer=self.buffer,
            settler=self.settler,
            suspects=suspects,
            max_receives=self.spec.max_receives,
            under_way=self.under_way,
        )
        return Handler(
            life=self.ledger,
            buffer=self.buffer,
            decoder=self._make_decoder(parts),
            tries=self._make_tries(parts, decider),
            aside=self.aside,
            decider=decider,
            suspects=suspects,
            sizing=self.sizing,
            under_way=self.under_way,
            begun_or_ended=self.ahead.follow,
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

    def _make_decoder(self, parts: Parts) -> Decoder:
        return Decoder(
            parts.codec,
            parts.key,
            source=parts.queue.name,
            ordered=self.spec.fifo,
            emit=parts.emit,
            pipeline=self.spec.name,
        )

    def _make_tries(self, parts: Parts, decider: Decider) -> Tries:
        return Tries(
            life=self.ledger,
            buffer=self.buffer,
            writer=self._make_writer(parts),
            aside=self.aside,
            decider=decider,
            sizing=self.sizing,
            under_way=self.under_way,
            ordered=self.spec.fifo,
            limit_seconds=self.spec.write_limit_seconds,
            hold_seconds=self.spec.hold_seconds,
            crowding=self.ahead.crowding,
            wall=parts.wall,
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
