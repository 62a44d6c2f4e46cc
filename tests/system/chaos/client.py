"""A plain SQS client of our own for the rig: one connection, JSON over http.client, no retries, nothing of the product.

Takes an operation and its parameters, gives the parsed answer, or `Unanswered` when nobody knows whether it was done.
The loopback checks no signatures, so none are made.
"""

from __future__ import annotations

import http.client
import json
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator

ANSWER_SECONDS = 10.0
IDLE_SECONDS = 10.0
"""Unused for longer, a connection is not used again: the server may have hung up, and in the middle of a request."""
OK = 200


class Unanswered(Exception):
    """Refused, cut short or lost: it may or may not have been done."""


class Client:
    """One connection to one loopback, opened anew after every trouble. Belongs to one thread."""

    def __init__(self, endpoint: str) -> None:
        where = urlsplit(endpoint)
        assert where.hostname is not None
        self._connection = http.client.HTTPConnection(where.hostname, where.port, timeout=ANSWER_SECONDS)
        self._endpoint = endpoint
        self._used_at = time.monotonic()

    def url(self, queue: str) -> str:
        """The URL of a queue by its name."""
        return f"{self._endpoint}/000000000000/{queue}"

    def call(self, operation: str, queue: str, **asked: Any) -> dict[str, Any]:
        """One request.

        Raises:
            Unanswered: no good answer came.
        """
        headers = {"X-Amz-Target": f"AmazonSQS.{operation}", "Content-Type": "application/x-amz-json-1.0"}
        body = json.dumps({"QueueUrl": self.url(queue), **asked})
        status, data = self._request("POST", "/", body.encode(), headers)
        try:
            answer = json.loads(data)
        except ValueError as error:
            raise Unanswered(f"{status} {data[:80]!r}") from error
        if status != OK or not isinstance(answer, dict):
            raise Unanswered(f"{status} {data[:80]!r}")
        return answer

    def control(self, method: str, path: str, value: object = None) -> dict[str, Any]:
        """The loopback's own address."""
        body = b"" if value is None else json.dumps(value).encode()
        status, data = self._request(method, f"/_loopback/{path}", body, {})
        if status != OK:
            raise Unanswered(f"{status} {data[:200]!r}")
        return dict(json.loads(data))

    def queues(self) -> dict[str, dict[str, int]]:
        """What the loopback counts, by queue."""
        return dict(self.control("GET", "account")["queues"])

    def drained(self, queue: str, *, delete: bool) -> Iterator[dict[str, Any]]:
        """Receive until nothing comes; for the end, when nobody else receives. Deletes only dead letters: the deletes
        of the other queues are evidence.
        """
        while True:
            got = self.call(
                "ReceiveMessage", queue, MaxNumberOfMessages=10, WaitTimeSeconds=0, MessageAttributeNames=["All"]
            )
            messages: list[dict[str, Any]] = got.get("Messages") or []
            if not messages:
                return
            yield from messages
            if not delete:
                continue
            entries = [{"Id": str(i), "ReceiptHandle": m["ReceiptHandle"]} for i, m in enumerate(messages)]
            self.call("DeleteMessageBatch", queue, Entries=entries)

    def close(self) -> None:
        """Hang up."""
        self._connection.close()

    def _request(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        if time.monotonic() > self._used_at + IDLE_SECONDS:
            self._connection.close()
        self._used_at = time.monotonic()
        try:
            self._connection.request(method, path, body, headers)
            answer = self._connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            raise Unanswered(repr(error)) from error
