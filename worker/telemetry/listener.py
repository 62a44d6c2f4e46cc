"""The sockets and threads below the telemetry server: HTTP for strangers, bounded in number, size and time.

Takes an address and a WSGI application; gives answers from daemon threads. It ends with `shutdown` and `server_close`.
"""

from __future__ import annotations

import socket
import threading
import time
from io import BufferedReader, RawIOBase, StringIO
from socketserver import TCPServer, ThreadingMixIn
from typing import Any, Final
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

REQUESTS_MAX: Final = 16
"""At once. A connection beyond them is closed unanswered."""
REQUEST_BYTES_MAX: Final = 16 * 1024
"""Of a request's line and headers; what comes after is not read."""
REQUEST_SECONDS_MAX: Final = 10.0
"""From accept to close, however slowly the other side reads or writes."""
REFUSED_PAUSE_SECONDS: Final = 0.1


class Listener(ThreadingMixIn, WSGIServer):
    """A thread for each of at most `REQUESTS_MAX` requests, none older than `REQUEST_SECONDS_MAX`."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, family: socket.AddressFamily, address: tuple[Any, ...]) -> None:
        self.address_family = family
        self._open: dict[socket.socket, float] = {}
        """Connections and when they came. Written by the accepting thread and at each one's end, under `_lock`."""
        self._lock = threading.Lock()
        super().__init__((address[0], address[1]), _Handler)

    def server_bind(self) -> None:
        """Bind without HTTPServer's question to the DNS for our name: it may take seconds and is of no use."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])
        self.setup_environ()

    def get_request(self) -> tuple[Any, Any]:
        """Accept; out of descriptors, wait a moment, or this thread would spin until there are some."""
        try:
            return super().get_request()
        except OSError:
            time.sleep(REFUSED_PAUSE_SECONDS)
            raise

    def process_request(self, request: Any, client_address: Any) -> None:
        """Start a thread for it, if there is one left."""
        with self._lock:
            full = len(self._open) >= REQUESTS_MAX
            if not full:
                self._open[request] = time.monotonic()
        if full:
            self.shutdown_request(request)
        else:
            super().process_request(request, client_address)

    def service_actions(self) -> None:
        """Called a few times a second by `serve_forever`: cut off who takes too long, byte by byte."""
        oldest = time.monotonic() - REQUEST_SECONDS_MAX
        with self._lock:
            for request in [request for request, since in self._open.items() if since < oldest]:
                try:
                    request.shutdown(socket.SHUT_RDWR)
                except OSError:
                    continue  # it has just ended by itself

    def shutdown_request(self, request: Any) -> None:
        """Its end, in every case."""
        with self._lock:
            self._open.pop(request, None)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away or sent nonsense is not our error, and stderr may be the sink's."""


class _Handler(WSGIRequestHandler):
    """One request: bounded, and silent."""

    timeout = REQUEST_SECONDS_MAX

    def setup(self) -> None:
        super().setup()
        self.rfile = BufferedReader(_Bounded(self.rfile))

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is http.server's
        """Probes come every few seconds; nobody reads about them."""

    def get_stderr(self) -> Any:
        return StringIO()


class _Bounded(RawIOBase):
    """The first `REQUEST_BYTES_MAX` bytes of a request; then its end."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self._left = REQUEST_BYTES_MAX
        """Written by `readinto`."""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        got = self._inner.read1(min(len(buffer), self._left))
        buffer[: len(got)] = got
        self._left -= len(got)
        return len(got)

    def close(self) -> None:
        self._inner.close()
        super().close()
