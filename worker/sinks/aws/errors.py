"""What an error of a service of AWS means to a sink.

`AwsError` is what every call through the door raises. It is *away* (`SinkUnavailable`) unless the sink knows better,
which loses nothing: a sink catches it, looks at `code`, and raises `SinkRefused` or rejects for what a record caused.
`at_start` makes of it what only people can mend, with the fix. Codes have no `Exception` at their end. Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from worker.errors import CredentialsRefused, QueueRefused, QueueThrottled, SinkError, SinkRefused, SinkUnavailable
from worker.sqs.explain import POINTED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from worker.errors import QueueError
    from worker.sinks.aws.spec import AwsSpec

THROTTLES: Final = frozenset(
    {
        "ActiveStatementsExceeded",
        "LimitExceeded",
        "ProvisionedThroughputExceeded",
        "ReplicatedWriteConflict",
        "TransactionConflict",
        "TransactionInProgress",
    }
)
"""Codes with status 400 that pass, beside those that SQS has too: too much at once, of this or of somebody else."""
_DENIED: Final = frozenset({"AccessDenied", "NotAuthorized", "UnauthorizedOperation"})


class AwsError(SinkUnavailable):
    """A call that came to nothing: the service said so, or nobody answered."""

    def __init__(self, error: QueueError, answer: Mapping[str, Any], *, service: str) -> None:
        detail = f": {error.detail}" if error.detail else ""
        super().__init__(f"{service} {error.operation}: {error.code}{detail}")
        self.operation = error.operation
        """The method of the SDK's client: `batch_write_item`."""
        self.code = error.code
        """Without `Exception` at its end; or the name of what the SDK or the network raised."""
        self.detail = error.detail
        """The service's own words, shortened; they may quote a record."""
        self.answer = answer
        """All that the service answered, as the SDK parsed it; empty without an answer."""
        self.throttled = isinstance(error, QueueThrottled) or error.code in THROTTLES
        """Too much was asked: it passes, sooner with a pause."""
        self.lasting = isinstance(error, QueueRefused) and not self.throttled
        """Somebody has to change something: a record, a right, a setting."""
        self.cause: QueueError = error

    @property
    def status(self) -> int:
        """Of HTTP; 0 without an answer."""
        return int(self.answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))

    @property
    def denied(self) -> bool:
        """A right is missing, or a policy forbids it."""
        return self.code in _DENIED or self.code.startswith("AccessDenied")

    @property
    def of_credentials(self) -> bool:
        """There are none, or none that are accepted."""
        return isinstance(self.cause, CredentialsRefused)


def at_start(error: AwsError, spec: AwsSpec, *, what: str, rights: str) -> SinkError:
    """*error* for the person who starts the worker; what passes stays as it is.

    *what* is what was to be opened (`table orders`), *rights* the actions that it takes.
    """
    if not error.lasting:
        return error
    said = f" ({spec.title} or the SDK: {error.code}: {error.detail})"
    if error.code in POINTED:
        return SinkRefused(f"{what} cannot be opened: {error.detail}")
    if error.of_credentials:
        words = (
            f"no accepted credentials for {what}: give the worker a role, or set AWS_PROFILE, or AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY; if they are right, check this machine's clock"
        )
    elif error.code == "NoRegionError":
        words = f"no region for {what}: set {spec.variable('REGION')} or AWS_REGION"
    elif error.denied:
        words = f"not allowed: give the worker's credentials {rights} on {what}"
    else:
        words = (
            f"refused for {what}: check its name, {spec.variable('REGION')} and {spec.variable('ENDPOINT_URL')}, and "
            f"that the credentials may call {rights}"
        )
    return SinkRefused(words + said)
