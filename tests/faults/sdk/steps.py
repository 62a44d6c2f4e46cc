"""What the cases about the SDK's door share: credentials, a queue's place, a delivery."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from worker.message import Delivery
from worker.sqs.spec import QueueSpec

if TYPE_CHECKING:
    from pathlib import Path

    from tests.faults.sdk.scripted import (
        Scripted,
    )

LAPSE: Final = 3.0
"""Seconds that the door waits beyond what it must: as few as a busy machine allows, so that no case takes long."""
BUSY_SECONDS: Final = 15.0
"""What a busy machine may add to it; what is to be told apart from it takes minutes."""


def write_credentials(file: Path, key: str) -> None:
    """Static credentials, as somebody's cron job writes them."""
    file.write_text(f"[default]\naws_access_key_id = {key}\naws_secret_access_key = secret\naws_session_token = t\n")


def spoil_credentials(file: Path) -> None:
    """A file that somebody is in the middle of writing."""
    file.write_text("[default\n")


def spec_of(server: Scripted, *, queue: str | None = None, visibility_timeout: int | None = None) -> QueueSpec:
    """The queue `orders` on the scripted server."""
    return QueueSpec(
        queue=queue or f"{server.endpoint_url}/000000000000/orders",
        pipeline="orders",
        region="us-east-1",
        endpoint_url=server.endpoint_url,
        receivers=1,
        settlers=1,
        visibility_timeout=visibility_timeout,
    )


def delivery(number: int) -> Delivery:
    """A delivery to settle."""
    return Delivery(f"id-{number}", f"handle-{number}", "x", 0.0, 0.0, 1, 0.0)
