"""AWS JSON 1.0: a request's target and body in, SQS's answer out, with whatever the fault rules make of it.

Takes an `HttpRequest`, gives exactly one `Reply` to a callback, at once or when a long poll or a latency rule ends; the
exchange it returns is cancelled when the client goes away.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

import orjson

from worker.loopback.errors import CODES, SqsFault
from worker.loopback.faults import FaultPlan
from worker.loopback.operations import OPERATIONS, Request, queue_name
from worker.loopback.params import Params
from worker.loopback.rendering import received_json
from worker.loopback.spoiling import Reply, damaged, spoilt

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from worker.loopback.faults import Faults
    from worker.loopback.messages import Stored
    from worker.loopback.rendering import Json
    from worker.loopback.service import LoopbackSqs

_TARGET: Final = "AmazonSQS."
_CORAL: Final = {"SerializationException", "UnknownOperationException", "MissingRequiredParameterException"}
"""Errors of the framework under SQS, which has its own namespace."""
_RECEIVE: Final = "ReceiveMessage"
_KNOWN: Final = {*OPERATIONS, _RECEIVE}


class HttpRequest(NamedTuple):
    """What the wire needs of an HTTP request; header values are empty where the header was not there."""

    method: str
    path: str
    body: bytes
    target: str = ""
    host: str = ""
    content_type: str = ""
    authorization: str = ""
    trace: str = ""
    keep_alive: bool = True


@dataclass(slots=True)
class WireAccount:
    """What came over the wire. Written by `Wire`."""

    requests: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)


class Cancellable(Protocol):
    """A timer or a waiting receive."""

    def cancel(self) -> object:
        """It shall not happen."""
        ...


class Exchange:
    """One request under way. `pending` is written by the wire."""

    __slots__ = ("pending",)

    def __init__(self) -> None:
        self.pending: Cancellable | None = None

    def cancel(self) -> None:
        """The client is gone."""
        if self.pending is not None:
            self.pending.cancel()


class Wire:
    """The door to one `LoopbackSqs`."""

    def __init__(self, sqs: LoopbackSqs, faults: Faults, rng: random.Random, *, scheme: str = "http") -> None:
        self._sqs = sqs
        self._faults = faults
        self._scheme = scheme
        self.account = WireAccount()
        self._calm = FaultPlan((), rng)

    def handle(self, request: HttpRequest, done: Callable[[Reply], None]) -> Exchange:
        """Answer *request* once."""
        exchange = Exchange()
        operation = request.target.removeprefix(_TARGET)
        self.account.requests[operation if operation in _KNOWN else "?"] += 1
        try:
            params = Params.remembered(request.body) if operation == _RECEIVE else Params.parse(request.body)
            plan = self._plan(operation, params, request) if self._faults.rules else self._calm
            call = Request(self._sqs, params, plan, self._scheme, request.host, request.trace or None)
            if plan.rules:
                self._troubled(operation, call, exchange, done)
            else:
                self._perform(operation, call, exchange, done)
        except SqsFault as fault:
            done(self.refusal(fault))
        return exchange

    def refusal(self, fault: SqsFault) -> Reply:
        """How SQS says an error."""
        self.account.errors[fault.code] += 1
        space = "com.amazon.coral.service" if fault.code in _CORAL else "com.amazonaws.sqs"
        body = orjson.dumps({"__type": f"{space}#{fault.code}", "message": fault.detail})
        query = f"{fault.query_code};{'Sender' if fault.sender else 'Receiver'}" if fault.code in CODES else None
        return Reply(fault.status, body, self._sqs.ids.next(), query_error=query)

    def _accepted(self, answer: Json) -> Reply:
        return Reply(200, orjson.dumps(answer), self._sqs.ids.next())

    def _perform(self, operation: str, call: Request, exchange: Exchange, done: Callable[[Reply], None]) -> None:
        if operation == _RECEIVE:
            self._receive(call, exchange, done)
            return
        act = OPERATIONS.get(operation)
        if act is None:
            raise SqsFault("UnknownOperationException", f"The operation {operation} is not known.")
        done(self._accepted(act(call)))

    def _receive(self, call: Request, exchange: Exchange, done: Callable[[Reply], None]) -> None:
        plan, queue = call.plan, self._sqs.queue(call.queue)
        asked = call.params.receive
        request = asked.request
        if plan.rules and plan.first("still_visible"):
            request = request._replace(visibility_seconds=0)

        def answered(messages: list[Stored]) -> None:
            shown = received_json(queue, messages, asked)
            if plan.rules:
                shown = damaged(shown, plan)
            done(self._accepted({"Messages": shown} if shown else {}))

        exchange.pending = self._sqs.receive_message(queue.name, request, answered)

    # ── trouble ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _plan(self, operation: str, params: Params, request: HttpRequest) -> FaultPlan:
        url = params.optional_text("QueueUrl")
        name = queue_name(url, self._sqs.account_id) if url else params.optional_text("QueueName") or ""
        return self._faults.plan(operation, name, _access_key(request.authorization))

    def _troubled(self, operation: str, call: Request, exchange: Exchange, done: Callable[[Reply], None]) -> None:
        late = call.plan.first("latency")
        if late is None:
            self._attempt(operation, call, exchange, done)
            return
        loop, seconds = asyncio.get_running_loop(), call.plan.delay_seconds()
        if not late.performed:
            exchange.pending = loop.call_later(seconds, self._guarded, operation, call, exchange, done)
            return

        def answer_late(reply: Reply) -> None:
            exchange.pending = loop.call_later(seconds, done, reply)

        self._guarded(operation, call, exchange, answer_late)

    def _guarded(self, operation: str, call: Request, exchange: Exchange, done: Callable[[Reply], None]) -> None:
        try:
            self._attempt(operation, call, exchange, done)
        except SqsFault as fault:
            done(self.refusal(fault))

    def _attempt(self, operation: str, call: Request, exchange: Exchange, done: Callable[[Reply], None]) -> None:
        rule = call.plan.whole
        if rule is None:
            self._perform(operation, call, exchange, done)
        elif not rule.works:
            done(spoilt(rule, None, self.refusal))
        else:
            self._perform(operation, call, exchange, lambda reply: done(spoilt(rule, reply, self.refusal)))


def _access_key(authorization: str) -> str:
    """The key id of a SigV4 header; signatures are not checked, and unsigned requests are welcome."""
    return authorization.partition("Credential=")[2].partition("/")[0] or "*"
