"""The container agent of ECS: sets the scale-in protection of the task that this process runs in.

Takes what to set; gives what the agent answered, errors included, as a value. Each request has a connection and a time
limit of its own. The endpoint and its answers are described in the ECS developer guide, *Task scale-in protection
endpoint*; it is plain HTTP on a link-local address.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import httptools
import orjson

if TYPE_CHECKING:
    from collections.abc import Mapping

VARIABLE: Final = "ECS_AGENT_URI"
PATH: Final = "/task-protection/v1/state"
ANSWER_SECONDS: Final = 10.0
"""The agent itself gives ECS 4 s to answer."""
ANSWER_BYTES_MAX: Final = 64 * 1024
_OK: Final = 200
_READ_BYTES: Final = 4096


@dataclass(frozen=True, slots=True)
class Told:
    """What came of a request."""

    code: str = ""
    """Empty: it was done. Else ECS's code or reason, or ours for what never got there."""
    detail: str = ""


class Agent:
    """The agent at *uri*; ValueError: it is none."""

    def __init__(self, uri: str) -> None:
        parts = urlsplit(uri)
        self._host = parts.hostname or ""
        self._port = parts.port or 80
        self._path = parts.path.rstrip("/") + PATH

    async def protect(self, *, minutes: int) -> Told:
        """Keep scale-in and deployments away from this task for *minutes* (1 to 2,880)."""
        return await self._put({"ProtectionEnabled": True, "ExpiresInMinutes": minutes}, protected=True)

    async def release(self) -> Told:
        """Let them end it."""
        return await self._put({"ProtectionEnabled": False}, protected=False)

    async def _put(self, wanted: Mapping[str, object], *, protected: bool) -> Told:
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                status, body = await self._exchange(orjson.dumps(wanted))
        except TimeoutError:
            return Told("timeout", f"the ECS agent did not answer within {ANSWER_SECONDS:g} s")
        except (OSError, ValueError, httptools.HttpParserError) as error:  # ValueError: no name of a host
            return Told("unreachable", f"the ECS agent at {self._host}:{self._port}: {error}")
        return meaning(status, body, protected=protected)

    async def _exchange(self, body: bytes) -> tuple[int, bytes]:
        reader, writer = await asyncio.open_connection(self._host, self._port)
        try:
            head = (
                f"PUT {self._path} HTTP/1.1\r\nHost: {self._host}:{self._port}\r\nContent-Type: application/json\r\n"
                f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
            )
            writer.write(head.encode() + body)
            answer = _AgentAnswer()
            parser = httptools.HttpResponseParser(answer)
            while not answer.complete and (data := await reader.read(_READ_BYTES)):
                parser.feed_data(data)
            if not answer.complete:
                raise ConnectionError("closed the connection before it had answered")
            return parser.get_status_code(), answer.body
        finally:
            writer.close()


def agent_of(environ: Mapping[str, str]) -> Agent | None:
    """The agent that ECS names in every container; None elsewhere."""
    uri = environ.get(VARIABLE, "")
    if not uri.startswith("http://"):
        return None
    try:
        return Agent(uri)
    except ValueError:  # nothing that ECS has written
        return None


def meaning(status: int, body: bytes, *, protected: bool) -> Told:
    """What an answer says of the wish that the task be *protected* (or not). A refusal may come with status 200."""
    said = _object(body)
    failure, error, state = (_inner(said, name) for name in ("failure", "error", "protection"))
    if failure:
        return Told(str(failure.get("Reason") or "failure"), str(failure.get("Detail") or ""))
    if error:
        return Told(str(error.get("Code") or f"http-{status}"), str(error.get("Message") or ""))
    if status != _OK:
        return Told(f"http-{status}", body[:200].decode("utf-8", "replace"))
    if state.get("ProtectionEnabled") is not protected:
        return Told("not-obeyed", "the ECS agent answered without setting the protection")
    return Told()


class _AgentAnswer:
    """Filled by the parser."""

    def __init__(self) -> None:
        self.body = b""
        self.complete = False

    def on_body(self, data: bytes) -> None:
        """More of it."""
        self.body += data[: ANSWER_BYTES_MAX - len(self.body)]

    def on_message_complete(self) -> None:
        """All of it is here."""
        self.complete = True


def _object(body: bytes) -> dict[str, Any]:
    try:
        said = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return said if isinstance(said, dict) else {}


def _inner(said: dict[str, Any], name: str) -> dict[str, Any]:
    inner = said.get(name)
    return inner if isinstance(inner, dict) else {}
