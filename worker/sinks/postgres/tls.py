"""TLS trouble on the way to PostgreSQL, in words that speak of TLS.

`of_tls` takes what asyncpg or `ssl` raised at the start and gives our error with the fix, or None if it is about
something else. What only people can mend (a certificate, a file, a server without TLS) is refused.
"""

from __future__ import annotations

import ssl
from typing import Final

import asyncpg

from worker.errors import SinkError, SinkRefused, SinkUnavailable

_OTHER_NAME: Final = (62, 64)
"""OpenSSL's X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH."""
_EXPIRED: Final = 10
"""OpenSSL's X509_V_ERR_CERT_HAS_EXPIRED."""
_FILES: Final = ("KEY_VALUES_MISMATCH", "NO_CERTIFICATE_OR_CRL_FOUND", "NO_START_LINE", "BAD_DECRYPT", "PEM")
"""In the words of OpenSSL about files, before anything was sent."""


def of_tls(error: Exception) -> SinkError | None:
    """What *error* means, if it is about TLS."""
    said = f"TLS to PostgreSQL: {error}"
    match error:
        case ssl.SSLCertVerificationError():
            return SinkRefused(f"{said}; {_certificate(error)}")
        case ssl.SSLError() if any(word in str(error).upper() for word in _FILES):
            return SinkRefused(
                f"{said}; sslrootcert, sslcert, sslkey or sslcrl in POSTGRES_DSN is no PEM file that fits the others"
            )
        case ssl.SSLError():
            return SinkUnavailable(
                f"{said}; check that the port speaks PostgreSQL, and sslmode and ssl_min_protocol_version in the DSN"
            )
        case ConnectionError() if "rejected SSL upgrade" in str(error):
            return SinkRefused(
                "TLS to PostgreSQL: the server has none, and sslmode in POSTGRES_DSN demands it; switch it on there"
                " (ssl = on), or set sslmode=prefer if the network is yours alone"
            )
        case asyncpg.ClientConfigurationError() if "root certificate" in str(error):
            return SinkRefused(
                "TLS to PostgreSQL: sslmode=verify-ca and verify-full need a certificate to trust; set sslrootcert in"
                " POSTGRES_DSN to the provider's file, or to system for a public authority"
            )
        case _:
            return None


def _certificate(error: ssl.SSLCertVerificationError) -> str:
    code = getattr(error, "verify_code", 0)
    if code in _OTHER_NAME:
        return (
            "the server's certificate is for another name: use that name as the host in POSTGRES_DSN, or"
            " sslmode=verify-ca, which does not look at it"
        )
    if code == _EXPIRED:
        return "the server's certificate has expired: renew it there, and check the clock of this machine"
    return (
        "the server's certificate is not trusted: set sslrootcert in POSTGRES_DSN to the provider's file, or to system"
        " for a public authority"
    )
