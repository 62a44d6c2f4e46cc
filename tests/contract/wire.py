"""SQS's JSON over plain HTTP, for setting queues up and for looking at what a server really answers.

Takes an operation and its parameters and gives status, headers and document, with no SDK in between; used by the
contract suite only. It ends when its `aiohttp` session is closed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    import aiohttp

UNSIGNED: Final = (
    "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/sqs/aws4_request, "
    "SignedHeaders=host;x-amz-date, Signature=0000000000000000000000000000000000000000000000000000000000000000"
)
"""Servers on this machine check no signature; some read the service and region from its scope."""


@dataclass(frozen=True, slots=True)
class Wired:
    """One answer as it stood on the wire."""

    status: int
    headers: Mapping[str, str]
    document: dict[str, Any]

    @property
    def error_type(self) -> str:
        """The shape's name in an error answer."""
        return str(self.document.get("__type", "")).rpartition("#")[2]


class Wire:
    """Sends requests to one server."""

    def __init__(self, endpoint_url: str, session: aiohttp.ClientSession) -> None:
        self.endpoint_url = endpoint_url
        self._session = session

    async def call(self, operation: str, **asked: Any) -> Wired:
        """One request, whatever comes of it."""
        headers = {
            "Content-Type": "application/x-amz-json-1.0",
            "X-Amz-Target": f"AmazonSQS.{operation}",
            "X-Amz-Date": "20260101T000000Z",
            "Authorization": UNSIGNED,
        }
        async with self._session.post(self.endpoint_url + "/", json=asked, headers=headers) as answer:
            # The operations without an output answer with an empty body.
            document = await answer.json(content_type=None) if await answer.read() else {}
            return Wired(answer.status, answer.headers.copy(), document or {})

    async def must(self, operation: str, **asked: Any) -> dict[str, Any]:
        """One request that has to succeed, because a test is being set up with it."""
        answer = await self.call(operation, **asked)
        if answer.status != 200:
            raise RuntimeError(f"{operation} was refused: {answer.status} {answer.document}")
        return answer.document
