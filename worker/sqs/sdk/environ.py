"""What in the SDK's variables can never work: found before the SDK is asked, and told by the variable's name.

`check` takes the variables and the SDK's own settings and gives nothing, or QueueRefused with a sentence. Without it
the SDK meets these at its first request, in words of the operating system, as trouble that looks as if it would pass.
"""

from __future__ import annotations

import os
import ssl
from typing import TYPE_CHECKING, Any, Final

from worker.errors import QueueRefused
from worker.sqs.explain import VARIABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

READ_RAW: Final = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_CREDENTIAL_EXPIRATION",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_SQS",
    "AWS_ENDPOINT_URL_STS",
    "AWS_CA_BUNDLE",
    "REQUESTS_CA_BUNDLE",
    "SSL_CERT_FILE",
)
"""What the SDK takes as it stands, to the last space. (The region is the worker's own setting, which is stripped.)"""
_ONE_WORD: Final = ("_KEY_ID", "_ACCESS_KEY", "_TOKEN", "_ARN", "_URI", "_URL", "_URL_SQS", "_URL_STS")
"""Endings of those that cannot have a space inside either."""
_HAS_SCHEME: Final = "AWS_CONTAINER_AUTHORIZATION_TOKEN"
"""An Authorization header: its scheme is a word of its own."""


def check(environ: Mapping[str, str], setting: Callable[[str], Any]) -> None:
    """Look at the variables and at the files of certificates that they and the SDK's *setting*s name.

    Raises:
        QueueRefused: the first of them that cannot work.
    """
    for name in READ_RAW:
        if environ.get(name, "").strip() and (wrong := _odd_text(name, environ[name])):
            raise QueueRefused("open", VARIABLE, f"{name} {wrong}")
    for called, path in _bundles(environ, setting):
        if wrong := _odd_bundle(path):
            raise QueueRefused("open", VARIABLE, f"{called} names {path!r}, {wrong}")


def ca_bundle(environ: Mapping[str, str], setting: Callable[[str], Any]) -> str | None:
    """The file of certificates that the SDK trusts instead of its own; None: its own."""
    return next((path for _, path in _trusted(environ, setting)), None)


def _odd_text(name: str, value: str) -> str:
    """What is wrong with a value; never the value itself, which may be a secret."""
    if value != value.strip():
        kind = "a line break" if value.strip(" \t") != value.strip() else "white space"
        return f"begins or ends with {kind}, which the SDK takes for a part of it: set it without (printf, not echo)"
    if not value.isprintable():
        return "has a line break or another control character in it: set it again, without"
    if value[0] == value[-1] and value[0] in "\"'" and len(value) > 1:
        return "stands in quotes, which --env-file and env files of systemd or Compose may keep: set it without them"
    if any(map(str.isspace, value)) and name.endswith(_ONE_WORD) and name != _HAS_SCHEME:
        return "has white space in it, which no such value has: set it again, without"
    return ""


def _trusted(environ: Mapping[str, str], setting: Callable[[str], Any]) -> Iterator[tuple[str, str]]:
    if of_sdk := setting("ca_bundle"):
        by_variable = environ.get("AWS_CA_BUNDLE") == of_sdk
        yield ("AWS_CA_BUNDLE" if by_variable else "ca_bundle of the AWS configuration file"), str(of_sdk)
    elif of_requests := environ.get("REQUESTS_CA_BUNDLE"):
        yield "REQUESTS_CA_BUNDLE", of_requests


def _bundles(environ: Mapping[str, str], setting: Callable[[str], Any]) -> Iterator[tuple[str, str]]:
    yield from _trusted(environ, setting)
    if of_openssl := environ.get("SSL_CERT_FILE"):  # not the SDK's, but what else speaks TLS in this process reads it
        yield "SSL_CERT_FILE", of_openssl


def _odd_bundle(path: str) -> str:
    if os.path.isdir(path):  # noqa: PTH112 - the path as the SDK takes it
        return "which is a folder: name one file that holds the certificates, one after the other (PEM)"
    try:
        ssl.create_default_context(cafile=path)
    except ssl.SSLError:
        return "which is empty or holds no certificate: it has to begin with -----BEGIN CERTIFICATE----- (PEM)"
    except OSError as error:
        return f"which cannot be read ({error.strerror}): correct the path, or unset it to trust the usual authorities"
    return ""
