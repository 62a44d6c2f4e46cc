"""TLS on the way to the service: the files of the settings, and its troubles in words that name a setting.

`context_of` reads files, so it runs in a thread. `of_tls` takes what was raised at the start and gives our error with
the fix, or None if it is about something else.
"""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Final

from worker.errors import SinkError, SinkRefused, SinkUnavailable

if TYPE_CHECKING:
    from worker.sinks.http.settings import HttpSettings

_OTHER_NAME: Final = (62, 64)
"""OpenSSL's X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH."""
_EXPIRED: Final = 10
"""OpenSSL's X509_V_ERR_CERT_HAS_EXPIRED."""


def context_of(settings: HttpSettings) -> ssl.SSLContext:
    """Certificates and names are verified; nothing older than TLS 1.2.

    Raises:
        SinkRefused: a file is missing, or is not what it should be.
    """
    try:
        context = ssl.create_default_context(cafile=settings.ca_bundle)
    except (OSError, ValueError) as error:
        raise SinkRefused(f"HTTP_CA_BUNDLE cannot be used ({_name(error)}): give a PEM file of certificates") from error
    context.minimum_version = max(context.minimum_version, ssl.TLSVersion.TLSv1_2)
    context.set_alpn_protocols(["http/1.1"])
    if settings.client_cert is not None:
        _show(context, settings.client_cert, settings.client_key)
    return context


def of_tls(error: Exception) -> SinkError | None:
    """What *error* means, if it is about TLS."""
    for cause in (getattr(error, "certificate_error", None), getattr(error, "os_error", None), error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return SinkRefused(f"TLS to the service: {cause.verify_message}; {_certificate(cause)}")
        if isinstance(cause, ssl.SSLError):
            return _alert(cause)
        if cause is error and "ALERT" in str(error):  # what reads reports it as an OSError
            return _alert(error)
    return None


def _alert(error: Exception) -> SinkError:
    if "ALERT" in str(error):
        fix = "it does not accept the certificate that HTTP_CLIENT_CERT shows, or wants one"
        return SinkRefused(f"TLS to the service: {_reason(error)}; {fix}")
    return SinkUnavailable(f"TLS to the service: {_reason(error)}; check that the port of HTTP_URL speaks TLS")


def _show(context: ssl.SSLContext, certificate: str, key: str | None) -> None:
    def no_passphrase() -> str:
        raise ValueError("it has a passphrase")  # or OpenSSL would ask at the terminal

    try:
        context.load_cert_chain(certificate, key, password=no_passphrase)
    except (OSError, ValueError) as error:
        raise SinkRefused(
            f"HTTP_CLIENT_CERT and HTTP_CLIENT_KEY cannot be used ({_name(error)}): give PEM files of a certificate and"
            " of its key without a passphrase, which this user may read"
        ) from error


def _certificate(error: ssl.SSLCertVerificationError) -> str:
    if error.verify_code in _OTHER_NAME:
        return "the certificate is for another name: use that name as the host in HTTP_URL"
    if error.verify_code == _EXPIRED:
        return "the certificate has expired: renew it there, and check the clock of this machine"
    return "the certificate is not trusted: set HTTP_CA_BUNDLE to the file of the authority that signed it"


def _name(error: Exception) -> str:
    return getattr(error, "strerror", None) or getattr(error, "reason", None) or type(error).__name__


def _reason(error: Exception) -> str:
    return getattr(error, "reason", None) or type(error).__name__
