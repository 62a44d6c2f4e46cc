"""The loopback's own address, `/_loopback/`: is it up, what has it seen, which faults are in force.

Takes an HTTP request under that path, gives a plain JSON answer; unknown ones are 404.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Final

import orjson
from pydantic import TypeAdapter, ValidationError

from worker.loopback.faults import FaultRule
from worker.loopback.messages import DELAYED, IN_FLIGHT, VISIBLE
from worker.loopback.spoiling import Reply

if TYPE_CHECKING:
    from worker.loopback.faults import Faults
    from worker.loopback.service import LoopbackSqs
    from worker.loopback.wire import HttpRequest, WireAccount

PATH: Final = "/_loopback/"
_RULES: Final = TypeAdapter(list[FaultRule])


class Control:
    """Serves the five control requests."""

    def __init__(self, sqs: LoopbackSqs, faults: Faults, account: WireAccount) -> None:
        self._sqs = sqs
        self._faults = faults
        self._account = account

    def handle(self, request: HttpRequest) -> Reply:
        """The answer to a request under `/_loopback/`."""
        match request.method, request.path.removeprefix(PATH):
            case "GET", "health":
                return Reply(200, b"ok", content_type="text/plain")
            case "GET", "account":
                return _json(200, self.account())
            case "POST", "faults":
                return self._set(request.body)
            case "DELETE", "faults":
                self._faults.set([])
                return _json(200, {"faults": []})
            case "POST", "reset":
                return self._reset()
        return _json(404, {"error": f"no {request.method} {request.path} here"})

    def account(self) -> dict[str, object]:
        """Everything counted since the start or the last reset."""
        return {
            "requests": dict(self._account.requests),
            "errors": dict(self._account.errors),
            "queues": {name: self._queue(name) for name in self._sqs.registry.names("")},
            "faults": self._faults.described(),
        }

    def _queue(self, name: str) -> dict[str, int]:
        state = self._sqs.queue(name)
        state.peek(self._sqs.clock())
        held = {"visible": state.held[VISIBLE], "not_visible": state.held[IN_FLIGHT], "delayed": state.held[DELAYED]}
        counts = asdict(state.counts)
        return counts | {"moved": state.counts.moved_out} | held

    def _set(self, body: bytes) -> Reply:
        try:
            rules = _RULES.validate_json(body)
        except ValidationError as error:
            return _json(400, {"error": str(error)})
        self._faults.set(rules)
        return _json(200, {"faults": self._faults.described()})

    def _reset(self) -> Reply:
        self._sqs.reset()
        self._faults.set([])
        self._account.requests.clear()
        self._account.errors.clear()
        return _json(200, {})


def _json(status: int, value: object) -> Reply:
    return Reply(status, orjson.dumps(value), content_type="application/json")
