"""What a person can do about credentials that cannot be had: the SDK's exceptions in our words, with the command.

`advised` takes what the chain of credentials raised and the profile in use, and gives our error. Only what may pass by
itself (a service that does not answer) stays passing trouble; everything else waits for somebody.
"""

from __future__ import annotations

import errno
import re
from typing import TYPE_CHECKING, Final

from botocore import exceptions as sdk

from worker.errors import CredentialsRefused, QueueError, QueueRefused, QueueUnavailable
from worker.sqs.errors import shortened
from worker.sqs.explain import CREDENTIALS_FILE, PROFILE, SIGN_IN

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_LASTING: Final = frozenset({errno.ENOENT, errno.EACCES, errno.EISDIR, errno.ENOTDIR, errno.ENOEXEC, errno.EPERM})
"""Of files and programs. What the network says has other numbers."""
_FILES: Final = (
    ("AWS_WEB_IDENTITY_TOKEN_FILE", "the token of the role's identity, which Kubernetes mounts"),
    ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "the token of the pod's identity agent"),
)
_NOT_UNDERSTOOD: Final = (ValueError, TypeError, KeyError, AttributeError, IndexError)
"""What the SDK raises on an answer that is no credentials."""


def advised(
    error: Exception, *, profile: str, environ: Mapping[str, str], translated: Callable[[str, Exception], QueueError]
) -> QueueError:
    """Our error for *error* of the chain; *translated* has the words for what needs no advice."""
    if advice := _advice(error, profile, environ):
        code, words = advice
        return CredentialsRefused("sign", code, shortened(words))
    ours = translated("sign", error)
    if isinstance(error, sdk.CredentialRetrievalError) and _is_away(error):
        return QueueUnavailable("sign", ours.code, ours.detail)
    return _of_a_service(ours, error) if isinstance(error, sdk.ClientError) else ours


def _advice(error: Exception, profile: str, environ: Mapping[str, str]) -> tuple[str, str] | None:
    """A code and what to do."""
    match error:
        case sdk.SSOError() | sdk.TokenRetrievalError():
            return SIGN_IN, _sign_in("aws sso login", profile, error)
        case sdk.LoginError():
            return SIGN_IN, _sign_in("aws login", profile, error)
        case sdk.ProfileNotFound():
            return PROFILE, _no_profile(profile, environ)
        case _:
            words = _unreadable(error, profile, environ)
            return (CREDENTIALS_FILE, words) if words else None


def _sign_in(command: str, profile: str, error: Exception) -> str:
    option = "" if profile == "default" else f" --profile {profile}"
    return f"the sign-in of AWS profile {profile} has ended, or there was none: run `{command}{option}` ({error})"


def _unreadable(error: Exception, profile: str, environ: Mapping[str, str]) -> str:
    """What to do about files and programs; empty for anything else."""
    if isinstance(error, OSError) and error.errno in _LASTING:
        return _no_file(error, profile, environ)
    if isinstance(error, sdk.MissingDependencyException):
        return f"AWS profile {profile} needs what is not installed here: {error}"
    if isinstance(error, sdk.ConfigParseError):
        return f"{error}: correct the file"
    if isinstance(error, _NOT_UNDERSTOOD) and not isinstance(error, sdk.BotoCoreError):
        words = f"what was found for AWS profile {profile} is no credentials ({type(error).__name__}: {error})"
        return f"{words}; look at its credential_process, and at AWS_CREDENTIAL_EXPIRATION"
    return ""


def _is_away(error: sdk.CredentialRetrievalError) -> bool:
    """Whether a container's agent may still come: it starts beside the container. One that refuses (4xx) is there."""
    return error.kwargs.get("provider") == "container-role" and not re.search(r"response 4\d\d", str(error))


def _of_a_service(ours: QueueError, error: sdk.ClientError) -> QueueError:
    """What STS or SSO said, which is no word about the queue."""
    kind = CredentialsRefused if isinstance(ours, QueueRefused) else QueueUnavailable
    return kind("sign", ours.code, f"{error.operation_name} says: {ours.detail}")


def _no_profile(profile: str, environ: Mapping[str, str]) -> str:
    name = "AWS_DEFAULT_PROFILE" if environ.get("AWS_DEFAULT_PROFILE") else "AWS_PROFILE"
    files = (
        environ.get("AWS_CONFIG_FILE", "~/.aws/config"),
        environ.get("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials"),
    )
    return f"{name} names {profile!r}, and neither {files[0]} nor {files[1]} has such a profile: correct one of them"


def _no_file(error: OSError, profile: str, environ: Mapping[str, str]) -> str:
    for variable, what in _FILES:
        if environ.get(variable) and str(error.filename) == environ[variable]:
            words = f"{variable} names {environ[variable]!r}, which cannot be read ({error.strerror}): it should hold"
            return f"{words} {what}; mount it, or unset the variable"
    named = repr(str(error.filename)) if error.filename else "a file"
    words = f"{named}, which AWS profile {profile} names, cannot be read or run ({error.strerror})"
    return f"{words}: correct its credential_process or web_identity_token_file"
