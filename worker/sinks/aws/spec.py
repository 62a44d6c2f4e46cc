"""What is said of a service of AWS before it is opened. Light: a plugin may import it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from worker.facts import Emit

ANSWER_SECONDS = 10.0
"""How long one call may take, its connection included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsSpec:
    """Which service, from where, for whom."""

    service: str
    """As the SDK calls it: `dynamodb`."""
    title: str
    """As people do: `DynamoDB`."""
    prefix: str
    """Of the sink's variables: `DYNAMODB` of DYNAMODB_REGION."""
    region: str | None
    """The sink's own setting, else what `SinkContext.region` says; None: the SDK's own choice."""
    endpoint_url: str | None
    """None: as AWS is configured here, which is nearly always the service's own."""
    connections: int
    """Calls at a time."""
    pipeline: str
    emit: Emit
    """Told what becomes of the credentials."""
    answer_seconds: float = ANSWER_SECONDS

    def variable(self, name: str) -> str:
        """What the user calls a setting of this sink."""
        return f"{self.prefix}_{name}"
