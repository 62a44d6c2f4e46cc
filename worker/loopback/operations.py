"""The 22 operations that answer at once, from parameters to the answer's JSON; the table that finds them by name.

Takes a `Request`, gives a JSON object (empty where SQS says nothing) or raises `SqsFault`. ReceiveMessage may have to
wait and is therefore the wire's own.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from worker.loopback.errors import SqsFault
from worker.loopback.rendering import Json, batch_json, no_more, sent_json, task_json

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from worker.loopback.faults import FaultPlan
    from worker.loopback.messages import Sent
    from worker.loopback.params import Params
    from worker.loopback.service import LoopbackSqs
    from worker.message import Outgoing


class Request(NamedTuple):
    """One request to SQS."""

    sqs: LoopbackSqs
    params: Params
    plan: FaultPlan
    scheme: str
    host: str
    """With its port, as the client wrote it: queue URLs must lead it back here."""
    trace: str | None = None
    """The header X-Amzn-Trace-Id, by which tracing libraries give each message sent its AWSTraceHeader."""

    @property
    def queue(self) -> str:
        """The queue's name, out of its URL."""
        return queue_name(self.params.text("QueueUrl"), self.sqs.account_id)

    def url(self, name: str) -> str:
        """A queue's URL."""
        return f"{self.scheme}://{self.host}/{self.sqs.account_id}/{name}"

    def page(self, key: str, found: tuple[list[str], str | None]) -> Json:
        """A page of queue URLs."""
        names, token = found
        shown: Json = {key: [self.url(name) for name in names]} if names or key == "queueUrls" else {}
        return shown | ({"NextToken": token} if token else {})


@lru_cache(maxsize=256)
def queue_name(url: str, account_id: str) -> str:
    """The last part of a URL `.../ACCOUNT/NAME`, or a bare name; a queue of another account does not exist here."""
    start, slash, name = url.rpartition("/")
    if not name or (slash and not start):
        raise SqsFault("InvalidAddress", f"The address {url} is not valid for this endpoint.")
    if start and not start.endswith("/" + account_id):
        raise SqsFault("QueueDoesNotExist", "The specified queue does not exist.")
    return name


def _add_permission(request: Request) -> Json:
    params = request.params
    request.sqs.add_permission(
        request.queue, params.text("Label"), params.texts("AWSAccountIds"), params.texts("Actions")
    )
    return {}


def _cancel_message_move_task(request: Request) -> Json:
    return {"ApproximateNumberOfMessagesMoved": request.sqs.cancel_message_move_task(request.params.text("TaskHandle"))}


def _change_message_visibility(request: Request) -> Json:
    handle, seconds = request.params.text("ReceiptHandle"), request.params.integer("VisibilityTimeout")
    request.sqs.change_message_visibility(request.queue, handle, seconds)
    return {}


def _change_message_visibility_batch(request: Request) -> Json:
    name, entries = request.queue, request.params.entries()
    wanted = [(one.text("ReceiptHandle"), one.integer("VisibilityTimeout")) for one in entries]

    def perform(some: Sequence[tuple[str, int]]) -> list[SqsFault | None]:
        return request.sqs.change_message_visibility_batch(name, some)

    answers = request.plan.through(wanted, perform) if request.plan.rules else perform(wanted)
    return batch_json(entries.ids, answers, no_more)


def _create_queue(request: Request) -> Json:
    params = request.params
    state = request.sqs.create_queue(params.text("QueueName"), params.text_map("Attributes"), params.text_map("tags"))
    return {"QueueUrl": request.url(state.name)}


def _delete_message(request: Request) -> Json:
    request.sqs.delete_message(request.queue, request.params.text("ReceiptHandle"))
    return {}


def _delete_message_batch(request: Request) -> Json:
    name, entries = request.queue, request.params.entries()
    handles = entries.texts("ReceiptHandle")

    def perform(some: Sequence[str]) -> list[SqsFault | None]:
        return request.sqs.delete_message_batch(name, some)

    answers = request.plan.through(handles, perform) if request.plan.rules else perform(handles)
    return batch_json(entries.ids, answers, no_more)


def _delete_queue(request: Request) -> Json:
    request.sqs.delete_queue(request.queue)
    return {}


def _get_queue_attributes(request: Request) -> Json:
    names = request.params.texts("AttributeNames")
    found = request.sqs.get_queue_attributes(request.queue, names)
    return {"Attributes": found} if found else {}


def _get_queue_url(request: Request) -> Json:
    return {"QueueUrl": request.url(request.sqs.get_queue_url(request.params.text("QueueName")))}


def _list_dead_letter_source_queues(request: Request) -> Json:
    limit, token = request.params.optional_integer("MaxResults"), request.params.optional_text("NextToken")
    return request.page(
        "queueUrls", request.sqs.list_dead_letter_source_queues(request.queue, limit=limit, token=token)
    )


def _list_message_move_tasks(request: Request) -> Json:
    limit = request.params.optional_integer("MaxResults")
    tasks = request.sqs.list_message_move_tasks(request.params.text("SourceArn"), limit=1 if limit is None else limit)
    return {"Results": [task_json(task) for task in tasks]}


def _list_queue_tags(request: Request) -> Json:
    tags = request.sqs.list_queue_tags(request.queue)
    return {"Tags": tags} if tags else {}


def _list_queues(request: Request) -> Json:
    limit, token = request.params.optional_integer("MaxResults"), request.params.optional_text("NextToken")
    prefix = request.params.optional_text("QueueNamePrefix") or ""
    return request.page("QueueUrls", request.sqs.list_queues(prefix, limit=limit, token=token))


def _purge_queue(request: Request) -> Json:
    request.sqs.purge_queue(request.queue)
    return {}


def _remove_permission(request: Request) -> Json:
    request.sqs.remove_permission(request.queue, request.params.text("Label"))
    return {}


def _send_message(request: Request) -> Json:
    return sent_json(request.sqs.send_message(request.queue, request.params.outgoing(request.trace)))


def _send_message_batch(request: Request) -> Json:
    name, entries = request.queue, request.params.entries()
    messages = [one.outgoing(request.trace) for one in entries]

    def perform(some: Sequence[Outgoing]) -> list[Sent | SqsFault]:
        return request.sqs.send_message_batch(name, some)

    answers = request.plan.through(messages, perform) if request.plan.rules else perform(messages)
    return batch_json(entries.ids, answers, sent_json)


def _set_queue_attributes(request: Request) -> Json:
    request.sqs.set_queue_attributes(request.queue, request.params.text_map("Attributes"))
    return {}


def _start_message_move_task(request: Request) -> Json:
    source, destination = request.params.text("SourceArn"), request.params.optional_text("DestinationArn")
    rate = request.params.optional_integer("MaxNumberOfMessagesPerSecond")
    return {"TaskHandle": request.sqs.start_message_move_task(source, destination_arn=destination, rate=rate).handle}


def _tag_queue(request: Request) -> Json:
    request.sqs.tag_queue(request.queue, request.params.text_map("Tags"))
    return {}


def _untag_queue(request: Request) -> Json:
    request.sqs.untag_queue(request.queue, request.params.texts("TagKeys"))
    return {}


OPERATIONS: Final[dict[str, Callable[[Request], Json]]] = {
    "AddPermission": _add_permission,
    "CancelMessageMoveTask": _cancel_message_move_task,
    "ChangeMessageVisibility": _change_message_visibility,
    "ChangeMessageVisibilityBatch": _change_message_visibility_batch,
    "CreateQueue": _create_queue,
    "DeleteMessage": _delete_message,
    "DeleteMessageBatch": _delete_message_batch,
    "DeleteQueue": _delete_queue,
    "GetQueueAttributes": _get_queue_attributes,
    "GetQueueUrl": _get_queue_url,
    "ListDeadLetterSourceQueues": _list_dead_letter_source_queues,
    "ListMessageMoveTasks": _list_message_move_tasks,
    "ListQueueTags": _list_queue_tags,
    "ListQueues": _list_queues,
    "PurgeQueue": _purge_queue,
    "RemovePermission": _remove_permission,
    "SendMessage": _send_message,
    "SendMessageBatch": _send_message_batch,
    "SetQueueAttributes": _set_queue_attributes,
    "StartMessageMoveTask": _start_message_move_task,
    "TagQueue": _tag_queue,
    "UntagQueue": _untag_queue,
}
