"""A loopback whose clock the test turns by hand, and the few verbs that the tests speak."""

from __future__ import annotations

import asyncio
import json
import random
import selectors
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from worker.loopback.long_poll import ReceiveRequest
from worker.loopback.messages import DELAYED, IN_FLIGHT, VISIBLE
from worker.loopback.rules import Rules
from worker.loopback.service import LoopbackSqs
from worker.message import Attribute, Outgoing

if TYPE_CHECKING:
    from collections.abc import Callable

    from worker.loopback.messages import Sent, StateChange, Stored
    from worker.loopback.state import QueueState

START = 1_700_000_000.0


@dataclass(frozen=True)
class Got:
    """One receipt, as it was when it was handed out."""

    body: str
    id: str
    handle: str
    count: int


class World:
    """One loopback and its clock."""

    def __init__(
        self,
        *,
        in_flight_limit: int = 120_000,
        rules: Rules = Rules.RECORDED,
        observe: Callable[[StateChange], None] | None = None,
    ) -> None:
        self.now = START
        self.sqs = LoopbackSqs(
            rng=random.Random(7),
            clock=lambda: self.now,
            in_flight_limit=in_flight_limit,
            rules=rules,
            observe=observe,
        )

    def queue(self, name: str = "jobs", **attributes: object) -> QueueState:
        """Make a queue; `.fifo` names are FIFO with content-based deduplication unless told otherwise."""
        texts = {one: str(value) for one, value in attributes.items()}
        if name.endswith(".fifo"):
            texts = {"FifoQueue": "true", "ContentBasedDeduplication": "true"} | texts
        return self.sqs.create_queue(name, texts)

    def redrive(self, name: str, target: str, most: int) -> None:
        """Make *target* the dead-letter queue of *name*."""
        arn = self.sqs.queue(target).arn
        policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": most})
        self.sqs.set_queue_attributes(name, {"RedrivePolicy": policy})

    def send(
        self,
        body: str = "hello",
        name: str = "jobs",
        *,
        group: str | None = None,
        deduplication: str | None = None,
        delay: int | None = None,
        attributes: dict[str, Attribute] | None = None,
    ) -> Sent:
        """Send one message."""
        return self.sqs.send_message(name, Outgoing(body, attributes or {}, group, deduplication, delay))

    def receive(
        self, name: str = "jobs", *, limit: int = 10, visibility: int | None = None, attempt: str | None = None
    ) -> list[Got]:
        """Receive what there is now."""
        found: list[Stored] = []
        self.sqs.receive_message(name, ReceiveRequest(limit, 0, visibility, attempt), found.extend)
        return [Got(one.body, one.id, one.handle, one.receive_count) for one in found]

    def bodies(self, name: str = "jobs", *, limit: int = 10) -> list[str]:
        """The bodies of what there is now."""
        return [one.body for one in self.receive(name, limit=limit)]

    def held(self, name: str = "jobs") -> tuple[int, int, int]:
        """Visible, in flight and delayed, as GetQueueAttributes says."""
        self.sqs.get_queue_attributes(name)
        held = self.sqs.queue(name).held
        return held[VISIBLE], held[IN_FLIGHT], held[DELAYED]


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop whose time jumps to the next timer instead of waiting for it; nothing to do at all is an error."""

    def __init__(self) -> None:
        self._now = 0.0
        super().__init__(_Jump(self))

    def time(self) -> float:
        """The virtual time."""
        return self._now

    def jump(self, seconds: float) -> None:
        """Let time pass; the selector calls it."""
        self._now += seconds


class _Jump(selectors.DefaultSelector):
    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[Any]:
        """Time passes at once."""
        if timeout is None:
            raise RuntimeError("everybody waits and nothing is going to happen")
        self._loop.jump(timeout)
        return super().select(0)


def in_virtual_time(scenario: Callable[[World], Any]) -> None:
    """Run a scenario on a virtual loop, with a world whose clock is that loop's."""
    loop = VirtualLoop()
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        world = World()
        world.sqs = LoopbackSqs(rng=random.Random(7), clock=lambda: START + loop.time())
        runner.run(scenario(world))
