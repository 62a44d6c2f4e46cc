"""The least IAM policy for the configured pipelines: for the worker, for who sends, for who puts dead letters back.

Takes places (ARNs), gives statements; each says what it is for. SQS checks a batch call by the right of the single one,
so there is no `sqs:DeleteMessageBatch` to allow.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

from worker.deploy.arn import partition_of, region_of_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

Role = Literal["worker", "producer", "operator"]
VERSION: Final = "2012-10-17"
"""Of the policy language; there is no later one."""
_RECEIVE: Final = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility", "sqs:GetQueueAttributes")
_SEND: Final = ("sqs:SendMessage", "sqs:GetQueueAttributes")
_WATCH: Final = ("sqs:GetQueueAttributes",)
_LOOK_UP: Final = ("sqs:GetQueueUrl",)
_MOVE: Final = (
    "sqs:StartMessageMoveTask",
    "sqs:ListMessageMoveTasks",
    "sqs:CancelMessageMoveTask",
    "sqs:ListDeadLetterSourceQueues",
)
_PROTECT: Final = ("ecs:UpdateTaskProtection",)
_TO_READ: Final = ("kms:Decrypt",)
_TO_WRITE: Final = ("kms:Decrypt", "kms:GenerateDataKey")
"""SQS decrypts the data key that it has just asked for, to see that it is whole."""


@dataclass(frozen=True, slots=True)
class PipelineQueues:
    """One pipeline's queues."""

    pipeline: str
    queue: str
    """ARN."""
    dead_letters: str | None
    """ARN of the queue to which this worker sends rejected messages itself."""
    watched: str | None = None
    """ARN of the dead-letter queue into which only SQS puts messages: this worker measures it."""
    looked_up: tuple[str, ...] = ()
    """ARNs of those that are named without their URL, which SQS has to be asked for."""


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of a policy."""

    sid: str
    purpose: str
    """For people: IAM has no room for it."""
    actions: Sequence[str]
    resources: Sequence[str]
    condition: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def as_dict(self) -> dict[str, object]:
        """As IAM takes it."""
        said: dict[str, object] = {
            "Sid": self.sid,
            "Effect": "Allow",
            "Action": list(self.actions),
            "Resource": list(self.resources),
        }
        return said | ({"Condition": self.condition} if self.condition else {})


def statements(
    role: Role, places: Sequence[PipelineQueues], *, keys: Sequence[str] = (), tasks: str = ""
) -> list[Statement]:
    """What *role* needs for *places*, *keys* being the KMS keys of their queues and *tasks* its own ECS tasks.

    Raises:
        ValueError: an operator has nothing to do where no dead-letter queue is named; a key is no ARN of one.
    """
    found = list(_OF[role](places))
    if role == "worker":
        found += _protection(tasks)
    sends = role != "worker" or any(place.dead_letters for place in places)
    return [*found, *_of_keys(keys, _TO_WRITE if sends else _TO_READ)]


def document(found: Iterable[Statement]) -> dict[str, object]:
    """The policy."""
    return {"Version": VERSION, "Statement": [one.as_dict() for one in found]}


def _of_worker(places: Sequence[PipelineQueues]) -> Iterator[Statement]:
    queues = _each(place.queue for place in places)
    yield Statement("ReceiveAndSettle", "take messages, renew their leases, delete or give back", _RECEIVE, queues)
    if letters := _each(place.dead_letters for place in places):
        yield Statement("SendDeadLetters", "send rejected messages on, with the reason", _SEND, letters)
    if watched := _each(place.watched for place in places):
        yield Statement("WatchDeadLetters", "measure how many dead letters there are", _WATCH, watched)
    if looked_up := _each(arn for place in places for arn in place.looked_up):
        yield Statement("LookUpUrls", "find queues that are named without their URL", _LOOK_UP, looked_up)


def _of_producer(places: Sequence[PipelineQueues]) -> Iterator[Statement]:
    queues = _each(place.queue for place in places)
    yield Statement("Send", "send messages, singly and in batches", _SEND[:1], queues)
    yield Statement("LookUpUrls", "find a queue by its name", _LOOK_UP, queues)


def _of_operator(places: Sequence[PipelineQueues]) -> Iterator[Statement]:
    silent = [place.pipeline for place in places if place.dead_letters is None and place.watched is None]
    if silent:
        raise ValueError(
            f"pipeline {', '.join(silent)} names no dead-letter queue, so nothing can be put back: set SQS_DLQ_URL,"
            " or give --dead-letters if the queue's redrive policy names it"
        )
    queues = _each(place.queue for place in places)
    letters = _each(place.dead_letters or place.watched for place in places)
    yield Statement("ReadDeadLetters", "look at dead letters, release and delete them", _RECEIVE, letters)
    yield Statement("MoveDeadLetters", "put dead letters back by a move task", _MOVE, letters)
    yield Statement("PutBack", "what is put back arrives in the queue", _SEND, queues)
    yield Statement("LookUpUrls", "find the queues by their names", _LOOK_UP, _each((*letters, *queues)))


def _protection(tasks: str) -> Iterator[Statement]:
    if tasks:
        yield Statement("KeepBusyTasks", "keep ECS from ending a task that is at work", _PROTECT, (tasks,))


def _of_keys(keys: Sequence[str], actions: Sequence[str]) -> Iterator[Statement]:
    """One statement for each region, since SQS asks KMS in its own."""
    by_region: dict[str, list[str]] = {}
    for key in keys:
        by_region.setdefault(region_of_key(key), []).append(key)
    for number, (region, those) in enumerate(by_region.items(), 1):
        service = f"sqs.{region}.{partition_of(region).suffix}"
        sid = "UseKey" if len(by_region) == 1 else f"UseKey{number}"
        condition = {"StringEquals": {"kms:ViaService": service}}
        yield Statement(sid, "the key that encrypts the queues, through SQS alone", actions, those, condition)


def _each(arns: Iterable[str | None]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(arn for arn in arns if arn is not None))


_OF: Final[Mapping[Role, Callable[[Sequence[PipelineQueues]], Iterator[Statement]]]] = {
    "worker": _of_worker,
    "producer": _of_producer,
    "operator": _of_operator,
}
