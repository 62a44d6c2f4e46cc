"""The preflight against a queue and a sink: what they say, and what it means that they say nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from worker.errors import CredentialsRefused, QueueMissing, QueueRefused, QueueUnavailable, SinkRefused, SinkUnavailable
from worker.facts import TransportChosen
from worker.preflight import Finding, examine
from worker.settings import PipelineSettings, WorkerSettings
from worker.sinks.sink import Demand
from worker.sqs.queue import OK, QueueAttributes, Redrive

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.facts import Emit
    from worker.message import Delivery, Message, Outgoing
    from worker.outcome import Rejected, Retried
    from worker.sinks.sink import Sink
    from worker.sqs.queue import Admission, EntryResult, Queue

ARN = "arn:aws:sqs:eu-west-1:1:"
WELL = QueueAttributes(ARN + "orders", 7, 2, 0, 300, 345_600, 1_048_576, 20, 0, fifo=False, redrive=None)
DEAD = QueueAttributes(ARN + "orders-dlq", 0, 0, 0, 300, 1_209_600, 1_048_576, 20, 0, fifo=False, redrive=None)


@dataclass
class _FakeQueue:
    """Says what it is told to say; a queue that nobody receives from."""

    name: str
    says: QueueAttributes | Exception
    closed: int = 0
    """Written by close."""
    frame_bytes: int | None = None

    async def receive(
        self, limit: int, wait: float, *, attempt_id: str | None = None, admission: Admission | None = None
    ) -> list[Delivery]:
        raise AssertionError("a check receives nothing", limit, wait, attempt_id, admission)

    async def delete(self, deliveries: Sequence[Delivery]) -> list[EntryResult]:
        raise AssertionError("a check deletes nothing", deliveries)

    async def change_visibility(self, deliveries: Sequence[Delivery], seconds: Sequence[int]) -> list[EntryResult]:
        raise AssertionError("a check changes nothing", deliveries, seconds)

    async def send(self, messages: Sequence[Outgoing]) -> list[EntryResult]:
        return [OK for _ in messages]

    async def attributes(self) -> QueueAttributes:
        if isinstance(self.says, Exception):
            raise self.says
        return self.says

    async def close(self) -> None:
        self.closed += 1


@dataclass
class _FakeSink:
    """Opens or does not."""

    trouble: Exception | None = None
    steps: list[str] = field(default_factory=list)
    """Written by open and close."""

    @property
    def demand(self) -> Demand:
        return Demand()

    async def open(self) -> None:
        self.steps.append("open")
        if self.trouble:
            raise self.trouble

    async def write(self, records: Sequence[Message]) -> Sequence[Retried | Rejected | None]:
        raise AssertionError("a check writes nothing", records)

    async def close(self) -> None:
        self.steps.append("close")


@dataclass
class _World:
    """Queues by address, and one sink."""

    queues: dict[str, _FakeQueue]
    sink: _FakeSink = field(default_factory=_FakeSink)

    async def open_queue(self, address: str, _settings: PipelineSettings, emit: Emit) -> Queue:
        emit(TransportChosen("default", address, "sdk", "a proxy is set"))
        return self.queues[address]

    def make_sink(self, _settings: PipelineSettings) -> Sink:
        return self.sink

    async def examine(self, *, dlq: str | None = None) -> dict[str, Finding]:
        settings = PipelineSettings(queue="orders", dlq=dlq)
        findings = await examine(settings, WorkerSettings(), open_queue=self.open_queue, make_sink=self.make_sink)
        return {finding.check: finding for finding in findings}


def world(says: QueueAttributes | Exception, dead: QueueAttributes | Exception = DEAD) -> _World:
    dlq = _FakeQueue("orders-dlq", dead)
    return _World({"orders": _FakeQueue("orders", says), "orders-dlq": dlq, DEAD.arn: dlq})


async def test_all_is_asked_and_closed_again() -> None:
    """Queue, dead-letter queue and sink are opened, looked at and closed; nothing is received or written."""
    here = world(WELL)
    found = await here.examine(dlq="orders-dlq")
    receives = found.pop("receives")  # it once said nothing of a queue whose messages could fail for ever
    assert {f.severity for f in found.values()} == {"ok"}
    assert (receives.severity, "after 10 receives" in receives.finding) == ("warn", True)
    assert found["queue"].finding == "answers: 7 visible, 2 in flight"
    assert (here.queues["orders"].closed, here.queues["orders-dlq"].closed) == (1, 1)
    assert here.sink.steps == ["open", "close"]


async def test_the_redrive_policy_s_target_is_looked_at() -> None:
    """A dead-letter queue that SQS alone feeds can be too short-lived as well."""
    short = QueueAttributes(DEAD.arn, 0, 0, 0, 300, 60, 1_048_576, 20, 0, fifo=False, redrive=None)
    queue = QueueAttributes(WELL.arn, 0, 0, 0, 300, 600, 1_048_576, 20, 0, fifo=False, redrive=Redrive(DEAD.arn, 5))
    assert (await world(queue, short).examine())["dead-letter retention"].severity == "warn"


@pytest.mark.parametrize(
    ("error", "check", "words"),
    [
        (CredentialsRefused("attributes", "ExpiredToken"), "credentials", "role"),
        (QueueMissing("attributes", "QueueDoesNotExist"), "queue", "region"),
        (QueueUnavailable("attributes", "ConnectTimeout"), "queue", "network"),
        (QueueRefused("attributes", "AccessDenied"), "queue", "sqs:GetQueueAttributes"),
        (QueueRefused("open", "NoRegionError", "set AWS_REGION"), "queue", "correct what SQS names"),
    ],
)
async def test_a_queue_that_does_not_answer_is_explained(error: Exception, check: str, words: str) -> None:
    """Each kind of refusal has its own fix; the sink is looked at all the same."""
    here = world(error)
    found = await here.examine()
    assert set(found) == {check, "sink"}
    assert found[check].severity == "refuse"
    assert words in found[check].fix
    assert str(error) in found[check].finding
    assert here.queues["orders"].closed == 1


async def test_without_a_dead_letter_queue_only_the_queue_is_opened() -> None:
    """There is nothing else to ask."""
    here = world(WELL)
    assert (await here.examine())["dead-letter queue"].severity == "warn"
    assert here.queues["orders-dlq"].closed == 0


async def test_a_missing_dead_letter_queue_is_refused() -> None:
    """What is sent to it would be lost."""
    found = await world(WELL, QueueMissing("attributes", "QueueDoesNotExist")).examine(dlq="orders-dlq")
    assert found["dead-letter queue"].severity == "refuse"


async def test_a_dead_letter_queue_that_may_not_be_read_is_a_warning() -> None:
    """A least-privilege role may send to it and nothing else."""
    found = await world(WELL, QueueRefused("attributes", "AccessDenied")).examine(dlq="orders-dlq")
    assert found["dead-letter queue"].severity == "warn"
    assert found["visibility"].severity == "ok"


@pytest.mark.parametrize("trouble", [SinkRefused("read-only"), SinkUnavailable("locked")])
async def test_a_sink_that_does_not_open_is_refused(trouble: Exception) -> None:
    """In its own words."""
    here = world(WELL)
    here.sink.trouble = trouble
    found = await here.examine(dlq="orders-dlq")
    assert found["sink"].severity == "refuse"
    assert str(trouble) in found["sink"].finding


async def test_the_way_to_the_queue_is_told_with_its_reason() -> None:
    """A proxy, for one, is seen before anything moves; once, for the queue that is received from."""
    found = await world(WELL).examine(dlq="orders-dlq")
    assert (found["transport"].severity, found["transport"].finding) == ("ok", "sdk: a proxy is set")
