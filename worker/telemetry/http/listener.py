"""The sockets and threads below the telemetry server: HTTP for strangers, bounded in number, size and time.

Takes an address and a WSGI application; gives answers from daemon threads. It ends with `shutdown` and `server_close`.
"""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from io import BufferedReader, RawIOBase, StringIO
from socketserver import TCPServer, ThreadingMixIn
from typing import Any, Final
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

REQUESTS_MAX: Final = 16
"""At once. One more takes the place of the oldest that has not sent its whole head; where all have, it is closed."""
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
        self._heard: set[socket.socket] = set()
        """Those that have sent a whole head, and are being answered. Written with `_open`, and by `heard`."""
        self._lock = threading.Lock()
        super().__init__((address[0], address[1]), _RequestHandler)

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
        """Start a thread for it, if there is one left, or can be had from somebody who says nothing."""
        with self._lock:
            full = len(self._open) >= REQUESTS_MAX and not self._drop_oldest_unheard()
            if not full:
                self._open[request] = time.monotonic()
        if full:
            self.shutdown_request(request)
        else:
            super().process_request(request, client_address)

    def heard(self, request: Any) -> None:
        """*request* has sent its whole head: it is answered, whoever comes."""
        with self._lock:
            if request in self._open:
                self._heard.add(request)

    def _drop_oldest_unheard(self) -> bool:
        """Whether there was one. Probes send their heads at once: idle connections may not keep them out."""
        oldest = next((request for request in self._open if request not in self._heard), None)
        if oldest is None:
            return False
        del self._open[oldest]
        _hang_up(oldest)
        return True

    def service_actions(self) -> None:
        """Called a few times a second by `serve_forever`: cut off who takes too long, byte by byte."""
        oldest = time.monotonic() - REQUEST_SECONDS_MAX
        with self._lock:
            for request in [request for request, since in self._open.items() if since < oldest]:
                _hang_up(request)

    def shutdown_request(self, request: Any) -> None:
        """Its end, in every case."""
        with self._lock:
            self._open.pop(request, None)
            self._heard.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away or sent nonsense is not our error, and stderr may be the sink's."""


class _RequestHandler(WSGIRequestHandler):
    """One request: bounded, and silent."""

    timeout = REQUEST_SECONDS_MAX

    def setup(self) -> None:
        super().setup()
        self.rfile = BufferedReader(_Bounded(self.rfile))

    def parse_request(self) -> bool:
        """Read the head; what it asks for is answered in any case then."""
        complete = super().parse_request()
        server: Any = self.server
        server.heard(self.request)
        return complete

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is http.server's
        """Probes come every few seconds; nobody reads about them."""

    def get_stderr(self) -> Any:
        return StringIO()


def _hang_up(request: socket.socket) -> None:
    """Its thread finds the end of what it reads or writes, and closes it."""
    with suppress(OSError):  # it has just ended by itself
        request.shutdown(socket.SHUT_RDWR)


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
