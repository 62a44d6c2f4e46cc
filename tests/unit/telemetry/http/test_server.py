"""The server over real sockets on the loopback address."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from prometheus_client.parser import text_string_to_metric_families as parse

from worker.errors import SettingsError
from worker.facts import MessagesReceived, WorkerStarted
from worker.telemetry.health import Health
from worker.telemetry.http import listener
from worker.telemetry.http.fetch import fetch
from worker.telemetry.http.server import TelemetryServer
from worker.telemetry.metrics.metrics import Metrics

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.unit.telemetry.conftest import Clock


class Served:
    """A running server and what it shows."""

    def __init__(self, clock: Clock) -> None:
        self.metrics = Metrics(version="1", worker_id="w")
        self.health = Health(worker_id="w", clock=clock)
        self.server = TelemetryServer("127.0.0.1", 0, metrics=self.metrics, health=self.health)
        self.url = self.server.start()
        self.port = int(self.url.rpartition(":")[2])

    def connect(self) -> socket.socket:
        """A connection that has said nothing yet."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=60)

    def ask(self, request: str) -> str:
        """The raw answer to a raw request."""
        with self.connect() as connection:
            connection.sendall(request.encode())
            return b"".join(iter(lambda: connection.recv(65536), b"")).decode()


@pytest.fixture
def served(clock: Clock) -> Iterator[Served]:
    served = Served(clock)
    yield served
    served.server.stop()


def test_metrics_are_served_as_text(served: Served) -> None:
    """What was counted is in the answer, in the format its parser reads."""
    served.metrics.observe(MessagesReceived("orders", asked=10, count=3, bytes=1, seconds=0.1))
    status, body = fetch(served.url, "/metrics")
    shown = {s.name: s.value for f in parse(body) for s in f.samples if s.labels == {"pipeline": "orders"}}
    assert status == 200
    assert shown["sqs_worker_messages_received_total"] == 3


def test_openmetrics_is_served_to_who_accepts_it(served: Served) -> None:
    """Prometheus asks for OpenMetrics and gets it, content type included."""
    request = "GET /metrics HTTP/1.0\r\nAccept: application/openmetrics-text; version=1.0.0\r\n\r\n"
    head, _, body = served.ask(request).partition("\r\n\r\n")
    assert "application/openmetrics-text; version=1.0.0" in head
    families = list(text_string_to_metric_families(body))  # type: ignore[no-untyped-call] # the library's parser
    assert len(families) > 10


def test_probes_answer_with_the_verdict(served: Served, clock: Clock) -> None:
    """Alive but not ready before the start; ready after it; dead when beats stop, and each says why."""
    assert fetch(served.url, "/livez") == (200, "ok\n")
    assert fetch(served.url, "/readyz") == (503, "starting\n")
    served.health.observe(WorkerStarted("w", "1", (), ""))
    assert fetch(served.url, "/readyz") == (200, "ok\n")
    clock.now += 60
    assert fetch(served.url, "/livez") == (503, "the event loop has not turned for 60.0 s\n")


def test_status_is_json(served: Served) -> None:
    """A person or a program reads one document."""
    status, body = fetch(served.url, "/status")
    assert (status, json.loads(body)["state"]) == (200, "starting")


def test_everything_else_is_refused(served: Served) -> None:
    """Other paths do not exist, other verbs are not allowed, and HEAD gives no body."""
    assert fetch(served.url, "/debug")[0] == 404
    assert fetch(served.url, "/")[0] == 404
    refused = served.ask("POST /metrics HTTP/1.0\r\nContent-Length: 5\r\n\r\nhello")
    assert " 405 " in refused.splitlines()[0]
    assert "Allow: GET, HEAD" in refused
    head, _, body = served.ask("HEAD /metrics HTTP/1.0\r\n\r\n").partition("\r\n\r\n")
    assert " 200 " in head.splitlines()[0]
    assert body == ""


def test_it_answers_while_the_loop_is_blocked() -> None:
    """The one moment a probe is for: the loop is really blocked, and the server says so from its own thread."""
    seen: list[tuple[int, str]] = []
    blocked, release = threading.Event(), threading.Event()
    health = Health(worker_id="w", stall_seconds=0.05)
    server = TelemetryServer("127.0.0.1", 0, metrics=Metrics(), health=health)

    async def block() -> None:
        health.beat()
        blocked.set()
        release.wait(60)

    loop = threading.Thread(target=lambda: asyncio.run(block()))
    url = server.start()
    loop.start()
    try:
        assert blocked.wait(60)
        while not seen or seen[-1][0] == 200:
            seen.append(fetch(url, "/livez"))
        metrics = fetch(url, "/metrics")
    finally:
        release.set()
        loop.join(10)
        server.stop()
    assert seen[-1][0] == 503
    assert "has not turned" in seen[-1][1]
    assert metrics[0] == 200


def test_a_port_in_use_names_the_setting() -> None:
    """The operator reads which setting to change and to what."""
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        server = TelemetryServer("127.0.0.1", port, metrics=Metrics(), health=Health(worker_id="w"))
        with pytest.raises(SettingsError, match=f"METRICS_PORT={port}: the port is in use"):
            server.start()
        server.stop()


def test_an_address_that_is_not_ours_names_the_setting() -> None:
    """A wrong METRICS_HOST is told from a wrong port."""
    server = TelemetryServer("192.0.2.1", 0, metrics=Metrics(), health=Health(worker_id="w"))
    with pytest.raises(SettingsError, match=r"METRICS_HOST=192\.0\.2\.1 .* no such address"):
        server.start()


def test_ipv6_works() -> None:
    """The address goes into the URL with its brackets, and the URL can be fetched."""
    server = TelemetryServer("::1", 0, metrics=Metrics(), health=Health(worker_id="w"))
    url = server.start()
    answer = fetch(url, "/livez")
    server.stop()
    assert url.startswith("http://[::1]:")
    assert answer == (200, "ok\n")


def test_nobody_answers_after_stop(served: Served) -> None:
    """Stopping closes the port, and stopping twice does no harm."""
    served.server.stop()
    served.server.stop()
    with pytest.raises(OSError, match="refused"):
        fetch(served.url, "/livez")


def test_a_proxy_of_the_environment_is_not_asked(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """A probe of ourselves does not leave the machine."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    assert fetch(served.url, "/livez")[0] == 200


def test_only_http_is_fetched() -> None:
    """No file of the machine is read through a mistyped URL."""
    with pytest.raises(ValueError, match="not the URL of a worker"):
        fetch("file:///etc", "/hostname")


def test_a_probe_is_answered_although_idle_connections_hold_every_place(served: Served) -> None:
    """The oldest that has sent no whole head makes room, one for each that comes; the others keep their places."""
    with ExitStack() as ends:
        idle = [ends.enter_context(served.connect()) for _ in range(listener.REQUESTS_MAX)]
        idle[0].sendall(b"GET /livez HTTP/1.0\r\nX: half a head\r\n")
        assert fetch(served.url, "/livez") == (200, "ok\n")
        assert idle[0].recv(1) == b""
        idle[-1].sendall(b"GET /livez HTTP/1.0\r\n\r\n")
        assert b"".join(iter(lambda: idle[-1].recv(65536), b"")).endswith(b"ok\n")


def test_who_is_being_answered_keeps_its_place(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where all have sent their heads one more is closed at once, and takes no thread."""
    asked, answer = threading.Semaphore(0), threading.Event()

    def live() -> tuple[bool, str]:
        asked.release()
        return answer.wait(60), "ok"

    monkeypatch.setattr(served.health, "live", live)
    with ExitStack() as ends:
        busy = [ends.enter_context(served.connect()) for _ in range(listener.REQUESTS_MAX)]
        for connection in busy:
            connection.sendall(b"GET /livez HTTP/1.0\r\n\r\n")
            assert asked.acquire(timeout=60)
        with served.connect() as one_more:
            assert one_more.recv(1) == b""
        answer.set()
        assert all(connection.recv(15) == b"HTTP/1.0 200 OK" for connection in busy)


def test_a_slow_request_is_cut_off(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who sends a byte now and then cannot keep a place."""
    monkeypatch.setattr(listener, "REQUEST_SECONDS_MAX", 0.0)
    with served.connect() as slow:
        slow.sendall(b"GET /livez HT")
        assert slow.recv(1) == b""


def test_an_endless_request_is_read_to_its_bound_only(served: Served) -> None:
    """Headers without end neither fill the memory nor keep the thread."""
    with served.connect() as endless:
        try:
            endless.sendall(b"GET /livez HTTP/1.0\r\n" + b"X: y\r\n" * 1_000_000)
            endless.recv(1)
        except OSError:
            pass  # closed in the middle of it: just that
    assert fetch(served.url, "/livez")[0] == 200


def test_an_error_inside_gives_500_and_no_traceback(served: Served, capfd: pytest.CaptureFixture[str]) -> None:
    """The probe gets an answer, and nothing is printed between the log lines."""

    def broken() -> Any:
        raise RuntimeError("boom")

    served.metrics.watch("orders", broken)
    assert fetch(served.url, "/metrics") == (500, "RuntimeError\n")
    assert capfd.readouterr() == ("", "")


def test_asking_somebody_else_is_no_defect() -> None:
    """A port can belong to a server that does not speak HTTP."""
    with socket.create_server(("127.0.0.1", 0)) as other:

        def greet() -> None:
            with other.accept()[0] as asked:
                asked.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")
                asked.recv(1024)

        greeter = threading.Thread(target=greet, daemon=True)
        greeter.start()
        with pytest.raises(OSError, match="does not speak HTTP"):
            fetch(f"http://127.0.0.1:{other.getsockname()[1]}", "/livez", timeout_seconds=60)
        greeter.join(60)
