"""TLS to the service: its certificate is verified, ours is shown, and what goes wrong names a setting."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from bench.certificate import certificate
from tests.system.receiver import Told, receiver
from worker.errors import SinkError, SinkRefused, SinkUnavailable
from worker.sinks.http.settings import HttpSettings
from worker.sinks.http.sink import HttpSink
from worker.testing.messages import make_messages

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    return certificate(tmp_path)


def server_side(files: tuple[Path, Path], *, wants: Path | None = None) -> ssl.SSLContext:
    """The service's side; *wants* is what a client's certificate has to be."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*files)
    if wants is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(wants)
    return context


@contextmanager
def refusing(context: ssl.SSLContext) -> Iterator[int]:
    """A service that says why it refuses a handshake, and lets that arrive; its port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listening.accept()
                    with connection, suppress(OSError):
                        refused(context, connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join(10)


def refused(context: ssl.SSLContext, connection: socket.socket) -> None:
    """One connection, read to its end, so that the alert is not lost with what nobody reads."""
    copy = connection.dup()
    with suppress(ssl.SSLError):
        context.wrap_socket(connection, server_side=True)
    with copy:
        copy.shutdown(socket.SHUT_WR)
        while copy.recv(65_536):
            pass


async def stored(url: str, **settings: Any) -> None:
    """A start, a write and an end."""
    sink = HttpSink(HttpSettings(url=url, timeout_seconds=5.0, **settings), connections=2)
    try:
        await sink.open()
        assert await sink.write(make_messages(2)) == [None, None]
    finally:
        await sink.close()


async def trouble(url: str, **settings: Any) -> SinkError:
    with pytest.raises(SinkError) as raised:
        await stored(url, **settings)
    return raised.value


async def test_only_a_certificate_of_a_trusted_authority_is_spoken_to(files: tuple[Path, Path]) -> None:
    """The system's authorities know nothing of this one, HTTP_CA_BUNDLE does."""
    with receiver(server_side(files)) as service:
        said = await trouble(service.url)
        assert isinstance(said, SinkRefused)
        assert "set HTTP_CA_BUNDLE" in str(said)
        assert service.asked == []
        await stored(service.url, ca_bundle=str(files[0]))
        assert service.keys == ["m-0", "m-1"]


async def test_only_the_right_name_is_spoken_to(files: tuple[Path, Path]) -> None:
    """The certificate is for 127.0.0.1 and localhost."""
    with receiver(server_side(files)) as service:
        said = await trouble(service.url.replace("127.0.0.1", "127.0.0.2"), ca_bundle=str(files[0]))
    assert isinstance(said, SinkUnavailable | SinkRefused)
    assert service.asked == []


async def test_a_client_certificate_is_shown(files: tuple[Path, Path], tmp_path: Path) -> None:
    """With its key in a file of its own, or in the same; without one, or with another, the start is refused."""
    (theirs := tmp_path / "theirs").mkdir()
    (others := tmp_path / "others").mkdir()
    client, other = certificate(theirs), certificate(others)
    both = tmp_path / "both.pem"
    both.write_bytes(client[0].read_bytes() + client[1].read_bytes())
    with receiver(server_side(files, wants=client[0])) as service:
        check = {"ca_bundle": str(files[0]), "check_url": service.url.replace("orders", "health")}
        await stored(service.url, **check, client_cert=str(client[0]), client_key=str(client[1]))
        await stored(service.url, **check, client_cert=str(both))
        assert service.keys == ["m-0", "m-1"] * 2
        asked = len(service.asked)
        assert isinstance(await trouble(service.url, ca_bundle=str(files[0])), SinkUnavailable), "found by a write"
        assert len(service.asked) == asked
    shown: dict[str, str]
    for shown in ({}, {"client_cert": str(other[0]), "client_key": str(other[1])}):
        with refusing(server_side(files, wants=client[0])) as port:
            url = f"https://127.0.0.1:{port}/"
            said = await trouble(url, check_url=url, ca_bundle=str(files[0]), **shown)
        assert isinstance(said, SinkRefused)
        assert "HTTP_CLIENT_CERT" in str(said)


async def test_files_that_are_none_are_refused_by_the_name_of_their_setting(
    files: tuple[Path, Path], tmp_path: Path
) -> None:
    """Missing, empty, of somebody else's key, with a passphrase: nobody is asked for it at a terminal."""
    empty = tmp_path / "empty.pem"
    empty.write_text("")
    locked = tmp_path / "locked.key"
    locked.write_bytes(
        ec.generate_private_key(ec.SECP256R1()).private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"geheim"),
        )
    )
    (others := tmp_path / "others").mkdir()
    _, wrong = certificate(others)
    with receiver(server_side(files)) as service:
        for file in (tmp_path / "none.pem", empty):
            said = await trouble(service.url, ca_bundle=str(file))
            assert isinstance(said, SinkRefused)
            assert str(said).startswith("HTTP_CA_BUNDLE cannot be used")
        for key in (tmp_path / "none.key", empty, wrong, locked):
            said = await trouble(service.url, client_cert=str(files[0]), client_key=str(key))
            assert isinstance(said, SinkRefused)
            assert "HTTP_CLIENT_KEY cannot be used" in str(said)


async def test_a_service_without_tls_is_away(files: tuple[Path, Path]) -> None:
    """As one whose port is another program's meanwhile, and the other way round."""

    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(plain, "127.0.0.1", 0) as listening:
        said = await trouble(f"https://127.0.0.1:{listening.sockets[0].getsockname()[1]}/")
        assert isinstance(said, SinkUnavailable)
        assert "speaks TLS" in str(said)
    with receiver(server_side(files)) as service:
        service.answer = lambda _: Told()
        assert isinstance(await trouble(service.url.replace("https:", "http:")), SinkUnavailable)
