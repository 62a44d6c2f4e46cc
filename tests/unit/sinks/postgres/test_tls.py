"""TLS on the way to PostgreSQL: what goes wrong is told in words that speak of TLS, with what to change."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import asyncpg
import pytest

from bench.certificate import certificate
from worker.errors import SinkError, SinkRefused, SinkUnavailable
from worker.sinks.postgres.errors import at_open
from worker.sinks.postgres.sink import PostgresSink

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@asynccontextmanager
async def server(files: tuple[Path, Path], host: str = "127.0.0.1") -> AsyncIterator[str]:
    """Says yes to TLS, shakes hands, and hangs up: gives its address."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*files)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readexactly(8)
            writer.write(b"S")
            await writer.start_tls(context)
            await reader.read(1)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    listening = await asyncio.start_server(serve, host, 0)
    async with listening:
        yield f"{host}:{listening.sockets[0].getsockname()[1]}"


async def trouble(place: str, words: str) -> SinkError:
    """What opening says."""
    with pytest.raises(SinkError) as raised:
        await PostgresSink(f"postgresql://me:geheim@{place}/x?{words}").open()
    assert "geheim" not in str(raised.value)
    return raised.value


@pytest.mark.parametrize("words", ["sslrootcert=system", "sslrootcert=system&sslmode=require"])
async def test_a_certificate_of_nobody_is_not_trusted(tmp_path: Path, words: str) -> None:
    """`system` asks the machine's authorities, and never less than the whole proof."""
    async with server(certificate(tmp_path)) as place:
        error = await trouble(place, words)
    assert isinstance(error, SinkRefused)
    assert "TLS to PostgreSQL" in str(error)
    assert "set sslrootcert" in str(error)


async def test_the_machines_own_authorities_are_those_of_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Among them, the certificate is no trouble any more: the next thing is."""
    files = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(files[0]))
    async with server(files) as place:
        error = await trouble(place, "sslrootcert=system")
    assert isinstance(error, SinkUnavailable)
    assert "TLS" not in str(error)


async def test_a_certificate_for_another_name_says_so(tmp_path: Path) -> None:
    """Another fix than that for one that is not trusted."""
    files = certificate(tmp_path)
    async with server(files, "127.0.0.2") as place:
        error = await trouble(place, f"sslmode=verify-full&sslrootcert={files[0]}")
    assert isinstance(error, SinkRefused)
    assert "for another name" in str(error)


@pytest.mark.parametrize("word", ["sslrootcert", "sslcert", "sslkey", "sslcrl"])
async def test_a_file_that_is_not_there_is_named_by_its_word(tmp_path: Path, word: str) -> None:
    """Missing, or a folder: refused at once, before anybody is asked."""
    for path in (tmp_path / "nowhere.pem", tmp_path):
        error = await trouble("127.0.0.1:1", f"sslmode=verify-full&{word}={path}")
        assert isinstance(error, SinkRefused)
        assert f"{word} in POSTGRES_DSN names a file that is not there" in str(error)


async def test_a_file_that_is_no_certificate_is_refused(tmp_path: Path) -> None:
    """An empty one, for one."""
    empty = tmp_path / "empty.pem"
    empty.touch()
    error = await trouble("127.0.0.1:1", f"sslmode=verify-full&sslrootcert={empty}")
    assert isinstance(error, SinkRefused)
    assert "is no PEM file" in str(error)


async def test_verification_without_a_certificate_to_trust_names_the_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in libpq there is no default but a file in the home folder."""
    monkeypatch.setenv("HOME", str(tmp_path))
    error = await trouble("127.0.0.1:1", "sslmode=verify-full")
    assert isinstance(error, SinkRefused)
    assert "set sslrootcert" in str(error)


def test_a_server_that_wants_tls_is_told_from_a_wrong_password() -> None:
    """Its words are "no encryption"; the code is that of a refused login."""
    error = asyncpg.InvalidAuthorizationSpecificationError(
        'no pg_hba.conf entry for host "10.0.0.1", user "me", database "x", no encryption'
    )
    meaning = at_open(error, "t")
    assert isinstance(meaning, SinkRefused)
    assert "sslmode=require" in str(meaning)


def test_a_broken_handshake_passes_and_speaks_of_tls() -> None:
    """It may be a server that is just starting behind a proxy."""
    meaning = at_open(ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number"), "t")
    assert isinstance(meaning, SinkUnavailable)
    assert "TLS to PostgreSQL" in str(meaning)
