"""/metrics, /livez, /readyz and /status, from threads of their own: a loop that is blocked is still reported.

Takes a registry and the verdicts of health; gives a base URL at `start`. It reads, it never changes anything, and ends
at `stop`; requests are bounded in number, size and time, because probes share the port with whoever finds it.
"""

from __future__ import annotations

import errno
import socket
import threading
from typing import TYPE_CHECKING, Any, Final, Protocol

import orjson
from prometheus_client import make_wsgi_app

from worker.errors import SettingsError
from worker.telemetry.http.listener import Listener

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIEnvironment

    from prometheus_client import CollectorRegistry

POLL_SECONDS: Final = 0.2
"""How often the accepting thread looks whether it shall stop, and for requests that take too long."""
_TEXT: Final = ("Content-Type", "text/plain; charset=utf-8")
_JSON: Final = ("Content-Type", "application/json")
_ALWAYS: Final = [("Cache-Control", "no-store"), ("X-Content-Type-Options", "nosniff")]
_ADVICE: Final = {
    errno.EADDRINUSE: "the port is in use; set METRICS_PORT to another one, or to 0 for any free one",
    errno.EACCES: "this user may not listen there; set METRICS_PORT to 1024 or above",
    errno.EADDRNOTAVAIL: "this machine has no such address; set METRICS_HOST to 127.0.0.1, ::1, 0.0.0.0 or ::",
}
_UNKNOWN: Final = "no such name is known here; set METRICS_HOST to 127.0.0.1, ::1, 0.0.0.0 or ::"


class MetricsSource(Protocol):
    """Who has the numbers."""

    @property
    def registry(self) -> CollectorRegistry:
        """What is exposed at /metrics."""
        ...


class HealthSource(Protocol):
    """Who knows how we are."""

    def live(self) -> tuple[bool, str]:
        """Whether a restart would not help."""
        ...

    def ready(self) -> tuple[bool, str]:
        """Whether the worker does what it is for."""
        ...

    def status(self) -> dict[str, object]:
        """Everything, as JSON can say it."""
        ...


class TelemetryServer:
    """Serves until `stop`."""

    def __init__(self, host: str, port: int, *, metrics: MetricsSource, health: HealthSource) -> None:
        self._host = host
        self._port = port
        self._routes = _Routes(metrics, health)
        self._server: Listener | None = None
        """Written by `start` and `stop`."""

    def start(self) -> str:
        """Listen, and give the base URL to reach it by from this machine.

        Raises:
            SettingsError: host and port cannot be listened on; says which setting to change.
        """
        try:
            family, address = _resolve(self._host, self._port)
            server = Listener(family, address)
        except OSError as error:
            advice = _UNKNOWN if isinstance(error, socket.gaierror) else _ADVICE.get(error.errno or 0, str(error))
            raise SettingsError([f"METRICS_HOST={self._host} METRICS_PORT={self._port}: {advice}"]) from error
        server.set_app(self._routes)
        self._server = server
        threading.Thread(target=server.serve_forever, args=(POLL_SECONDS,), name="telemetry", daemon=True).start()
        return _url(server)

    def stop(self) -> None:
        """Stop listening; requests under way are given up with the process. Twice is no harm."""
        server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.server_close()


class _Routes:
    """The WSGI application."""

    def __init__(self, metrics: MetricsSource, health: HealthSource) -> None:
        self._metrics = make_wsgi_app(metrics.registry)
        self._health = health

    def __call__(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        try:
            return self._answer(environ, start)
        except Exception as error:  # noqa: BLE001 - a probe must get an answer; the error's class says where to look
            return _send(start, "500 Internal Server Error", _TEXT, f"{type(error).__name__}\n".encode())

    def _answer(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        path, method = environ["PATH_INFO"], environ["REQUEST_METHOD"]
        if path not in {"/metrics", "/livez", "/readyz", "/status"}:
            return _send(start, "404 Not Found", _TEXT, b"/metrics /livez /readyz /status\n")
        if method not in {"GET", "HEAD"}:
            return _send(start, "405 Method Not Allowed", _TEXT, b"GET or HEAD\n", ("Allow", "GET, HEAD"))
        environ["REQUEST_METHOD"] = "GET"  # the library's application knows no HEAD
        answer = self._get(path, environ, start)
        return answer if method == "GET" else []

    def _get(self, path: str, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        if path == "/metrics":
            exposed: Iterable[bytes] = self._metrics(environ, start)
            return exposed
        if path == "/status":
            return _send(start, "200 OK", _JSON, orjson.dumps(self._health.status(), option=orjson.OPT_INDENT_2))
        good, why = self._health.live() if path == "/livez" else self._health.ready()
        return _send(start, "200 OK" if good else "503 Service Unavailable", _TEXT, f"{why}\n".encode())


def _send(
    start: StartResponse, status: str, kind: tuple[str, str], body: bytes, *more: tuple[str, str]
) -> Iterable[bytes]:
    start(status, [kind, ("Content-Length", str(len(body))), *_ALWAYS, *more])
    return [body]


def _resolve(host: str, port: int) -> tuple[socket.AddressFamily, tuple[Any, ...]]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, _, _, _, address = found[0]
    return family, address


def _url(server: Listener) -> str:
    host = str(server.server_address[0])
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - a wildcard is replaced, not bound
    return f"http://[{host}]:{server.server_port}" if ":" in host else f"http://{host}:{server.server_port}"
