"""An HTTP server before a real one that speaks JSON as AWS does: passes calls on, but for those that a test spoils.

Takes the URL of the server behind it; `spoil` puts answers before the next calls of an operation. It counts what came,
and the bytes and items of the largest call. Ends with the `with` block, which ends its threads.
"""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from collections import defaultdict
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator

Asked = dict[str, Any]
Answer = tuple[int, bytes]
Fault = "Callable[[Faulty, str, Asked], Answer | Literal['lost']]"
REQUEST_BYTES: Final = 16 * 1024 * 1024
TIMEOUT_SECONDS: Final = 30


class Faulty:
    """What is to go wrong, and what came."""

    def __init__(self, behind: str) -> None:
        self._behind = behind
        self._faults: dict[str, list[Any]] = defaultdict(list)
        self._lock = threading.Lock()
        self.calls: dict[str, list[Asked]] = defaultdict(list)
        """What was asked, by operation. Written by the threads."""
        self.most_bytes = 0
        """Of one request. Written by the threads."""
        self.url = ""
        """Where it listens."""

    def spoil(self, operation: str, *faults: Any) -> None:
        """The next calls of *operation*, one fault each."""
        self._faults[operation] += faults

    def answered(self, operation: str, body: bytes, headers: dict[str, str]) -> Answer | Literal["lost"]:
        """What becomes of one call."""
        asked: Asked = json.loads(body)
        with self._lock:
            self.calls[operation].append(asked)
            self.most_bytes = max(self.most_bytes, len(body))
            fault = self._faults[operation].pop(0) if self._faults[operation] else None
        if len(body) > REQUEST_BYTES:
            return error("com.amazon.coral.service#SerializationException", status=413)
        self._headers = headers
        answer: Answer | Literal["lost"] = (
            self.passed_on(operation, asked) if fault is None else fault(self, operation, asked)
        )
        return answer

    def passed_on(self, operation: str, asked: Asked) -> Answer:
        """What the server behind says."""
        headers = {
            "Content-Type": self._headers["Content-Type"],
            "X-Amz-Target": f"{self._headers['X-Amz-Target'].partition('.')[0]}.{operation}",
            "X-Amz-Date": self._headers["X-Amz-Date"],
            "Authorization": self._headers["Authorization"],
        }
        request = urllib.request.Request(self._behind, json.dumps(asked).encode(), headers)  # noqa: S310 - ours
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310 - as above
                return answer.status, answer.read()
        except urllib.error.HTTPError as refused:
            return refused.code, refused.read()


def error(shape: str, status: int = 400, **more: Any) -> Answer:
    """An error as the service says it."""
    return status, json.dumps({"__type": shape, "message": "its words", **more}).encode()


def answer_lost(faulty: Faulty, operation: str, asked: Asked) -> Literal["lost"]:
    """Carried out, and nobody hears of it."""
    faulty.passed_on(operation, asked)
    return "lost"


@contextmanager
def faulty(behind: str) -> Iterator[Faulty]:
    """One before *behind*."""
    script = Faulty(behind)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            operation = self.headers["X-Amz-Target"].partition(".")[2]
            answer = script.answered(operation, body, dict(self.headers))
            if answer == "lost":
                self.close_connection = True
                return
            status, said = answer
            self.send_response(status)
            for name, value in (("x-amzn-RequestId", "1"), ("Content-Length", str(len(said)))):
                self.send_header(name, value)
            self.send_header("Content-Type", "application/x-amz-json-1.0")
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    script.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, name="faulty", daemon=True)
    thread.start()
    try:
        yield script
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
