"""The SDK's exceptions, and the network's beneath it, in our words.

`translated` takes what a call raised and gives one of our errors, by the table of codes in `sqs/errors.py`.
"""

from __future__ import annotations

from typing import Final

import aiohttp
from botocore import exceptions as sdk

from worker.errors import CredentialsRefused, QueueError, QueueRefused, QueueUnavailable
from worker.sqs.errors import shortened, to_error

_NO_CREDENTIALS: Final = (
    sdk.NoCredentialsError,
    sdk.PartialCredentialsError,
    sdk.CredentialRetrievalError,
    sdk.UnknownCredentialError,
    sdk.TokenRetrievalError,
    sdk.NoAuthTokenError,
    sdk.SSOError,
    sdk.LoginError,
    sdk.RefreshWithMFAUnsupportedError,
    sdk.ProfileNotFound,
    sdk.InvalidConfigError,
)
_MISCONFIGURED: Final = (
    sdk.BaseEndpointResolverError,
    sdk.EndpointProviderError,
    sdk.InvalidRegionError,
    sdk.InvalidEndpointConfigurationError,
    sdk.InvalidProxiesConfigError,
    sdk.ConfigParseError,
    sdk.ConfigNotFound,
    sdk.ParamValidationError,
    sdk.InvalidRetryConfigurationError,
    sdk.InvalidDefaultsMode,
    sdk.MissingDependencyException,
)
_PASSING: Final = (sdk.BotoCoreError, aiohttp.ClientError, OSError)
_WRONG_SHAPE: Final = (ValueError, TypeError, KeyError, AttributeError, IndexError, ArithmeticError, RecursionError)
"""What botocore's parsers raise on JSON that is not what its model says."""


class NotAws(Exception):
    """An answer with status 200 that the service cannot have given."""


class NotSqs(NotAws):
    """One that SQS cannot have given."""


_KINDS: Final[tuple[tuple[tuple[type[Exception], ...], type[QueueError], str | None], ...]] = (
    ((NotAws,), QueueUnavailable, None),
    ((TimeoutError,), QueueUnavailable, "Timeout"),
    (_NO_CREDENTIALS, CredentialsRefused, None),
    (_MISCONFIGURED, QueueRefused, None),
    (_PASSING, QueueUnavailable, None),
    (_WRONG_SHAPE, QueueUnavailable, "NotUnderstood"),
)
"""Exceptions to ours, first match wins, with the code to report (None: the exception's own name)."""


def translated(operation: str, error: Exception) -> QueueError:
    """Our error for whatever the SDK or the network raised; what is in no row is held to be passing."""
    if isinstance(error, QueueError):
        return error
    if isinstance(error, sdk.ClientError):
        return _answered(operation, error)
    kind, code = next(
        ((kind, code) for types, kind, code in _KINDS if isinstance(error, types)), (QueueUnavailable, None)
    )
    return kind(operation, code or type(error).__name__, shortened(str(error)))


def not_opened(error: Exception) -> QueueError:
    """As `translated`, but botocore's bare ValueError about an endpoint or a setting will not pass by itself."""
    if isinstance(error, ValueError) and not isinstance(error, sdk.BotoCoreError):
        return QueueRefused("open", "InvalidAddress", shortened(str(error)))
    return translated("open", error)


def _answered(operation: str, error: sdk.ClientError) -> QueueError:
    told = error.response.get("Error", {})
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    return to_error(operation, str(told.get("Code", "")), status, str(told.get("Message", "")))
