"""TLS with certificates made at test time: only the right name under the right authority is spoken to."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.unit.sqs.native.peers import REQUEST, listening
from worker.sqs.endpoint import Endpoint
from worker.sqs.native.answer import WireTrouble
from worker.sqs.native.pool import Pool, tls_context

if TYPE_CHECKING:
    from pathlib import Path

HERE = x509.IPAddress(ip_address("127.0.0.1"))
ELSEWHERE = x509.DNSName("elsewhere.test")


@dataclass(frozen=True)
class Authority:
    """Signs certificates; its own is what a client trusts."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate
    bundle: Path


def authority(folder: Path) -> Authority:
    """A new one."""
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = signed(key, "authority", key, "authority", x509.BasicConstraints(ca=True, path_length=None))
    bundle = folder / "authority.pem"
    bundle.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return Authority(key, certificate, bundle)


def signed(
    key: ec.EllipticCurvePrivateKey,
    name: str,
    by: ec.EllipticCurvePrivateKey,
    issuer: str,
    extension: x509.ExtensionType,
    *,
    days: int = 1,
) -> x509.Certificate:
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(
        issuer_name=x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, issuer)]),
        subject_name=x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]),
        public_key=key.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=now - timedelta(days=9),
        not_valid_after=now + timedelta(days=days),
    )
    return builder.add_extension(extension, critical=False).sign(by, hashes.SHA256())


def server_side(folder: Path, by: Authority, name: x509.GeneralName, *, days: int = 1) -> ssl.SSLContext:
    """A server's context with a certificate for *name*."""
    key = ec.generate_private_key(ec.SECP256R1())
    names = x509.SubjectAlternativeName([name])
    certificate = signed(key, "server", by.key, "authority", names, days=days)
    file = folder / "server.pem"
    file.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_alpn_protocols(["http/1.1"])
    context.load_cert_chain(file)
    return context


async def exchanged(server: ssl.SSLContext, bundle: str) -> bytes:
    """The body of an answer to a client that trusts *bundle*."""
    async with listening(server) as peer:
        pool = Pool(Endpoint.of(f"https://127.0.0.1:{peer.port}"), limit=1, tls=tls_context(bundle))
        try:
            answers = [await pool.exchange(REQUEST, repeated=None) for _ in range(2)]
            assert peer.connections == 1
            return bytes(answers[-1].body)
        finally:
            await pool.close()


async def test_the_right_certificate_is_spoken_to(tmp_path: Path) -> None:
    """Over one connection, as often as wanted."""
    ours = authority(tmp_path)
    assert await exchanged(server_side(tmp_path, ours, HERE), str(ours.bundle)) == b"{}"


@pytest.mark.parametrize("wrong", ["authority", "host", "date"])
async def test_a_wrong_certificate_is_refused_in_words(tmp_path: Path, wrong: str) -> None:
    """Not one byte of a request is sent; the words say what is wrong with whose certificate."""
    ours = authority(tmp_path)
    other = tmp_path / "other"
    other.mkdir()
    name = ELSEWHERE if wrong == "host" else HERE
    server = server_side(tmp_path, ours, name, days=-1 if wrong == "date" else 1)
    bundle = authority(other).bundle if wrong == "authority" else ours.bundle
    with pytest.raises(WireTrouble, match=r"the certificate of 127\.0\.0\.1:\d+ is not accepted: .*AWS_CA_BUNDLE") as e:
        await exchanged(server, str(bundle))
    assert e.value.code == "SSLError"
    assert {"authority": "certificate", "host": "mismatch", "date": "expired"}[wrong] in e.value.detail


async def test_a_server_without_tls_is_no_tls(tmp_path: Path) -> None:
    """Somebody's plain server on the port is told apart from a wrong certificate."""

    async def plain(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 This is no TLS\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(plain, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    pool = Pool(Endpoint.of(f"https://127.0.0.1:{port}"), limit=1, tls=tls_context(str(authority(tmp_path).bundle)))
    with pytest.raises(WireTrouble, match="no TLS with") as raised:
        await pool.exchange(REQUEST, repeated=None)
    assert raised.value.code == "SSLError"
    await pool.close()
    server.close()
    await server.wait_closed()


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        (ssl.TLSVersion.MINIMUM_SUPPORTED, ssl.TLSVersion.TLSv1_2),
        (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2),
        (ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_3),
    ],
)
def test_certificates_and_names_are_verified(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, theirs: ssl.TLSVersion, ours: ssl.TLSVersion
) -> None:
    """Whatever a distribution sets as OpenSSL's oldest version: Debian 12 sets none, others ask for 1.3."""
    defaults = ssl.create_default_context

    def distribution(*, cafile: str | None = None, capath: str | None = None) -> ssl.SSLContext:
        context = defaults(cafile=cafile, capath=capath)
        context.minimum_version = theirs
        return context

    monkeypatch.setattr(ssl, "create_default_context", distribution)
    context = tls_context(str(authority(tmp_path).bundle))
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version is ours
