"""What follows from other settings when it was not given itself.

Takes the values of one pipeline and gives them with the consequences added, each with an origin that says why, so that
`worker config` can show it. What cannot be read yet (a bad address) has no consequences; its problem is found later.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from worker.plugins.setting import variable_of
from worker.settings.pipeline import PipelineSettings
from worker.settings.sources import Value
from worker.sqs.address import QueueAddress, parse_address

if TYPE_CHECKING:
    from collections.abc import Iterator

    from worker.settings.sources import Values

HOST_NAME_CHARACTERS: Final = 128
LOCAL_REGION: Final = "us-east-1"
"""Signing needs some region; an SQS on this machine does not look at it."""
_CAPPED: Final = (("batch_max_rows", "in_flight_max_messages"), ("batch_max_bytes", "in_flight_max_bytes"))


def with_consequences(values: Values, beneath: Values) -> Values:
    """*values* and everything that follows from them; where they say nothing, what is *beneath* holds."""
    extended = dict(values)
    extended.update(_place(extended))
    extended = beneath | extended
    for consequence in (_local_region, _caps):
        extended.update(consequence(extended))
    return extended


def region_notice(values: Values) -> str:
    """What to say when the region that was given is not the queue's own; empty if there is nothing to say."""
    address, region = _address(values), values.get("region")
    if address is None or address.region is None or region is None or region.given == address.region:
        return ""
    return f"{region.called} is {region.given}, but the queue's address names {address.region}, which is used"


def worker_id_of(host: str) -> str:
    """A host name as a worker id: only characters that an id may have."""
    return re.sub(r"[^A-Za-z0-9._-]", "-", host)[:HOST_NAME_CHARACTERS] or "worker"


def _place(values: Values) -> Iterator[tuple[str, Value]]:
    address = _address(values)
    if address is None:
        return
    if address.region is not None:  # the queue is where its address says, whatever the shell's profile says
        yield "region", following("region", address.region, values["queue"])
    if address.endpoint_url is not None and "endpoint_url" not in values:
        yield "endpoint_url", following("endpoint_url", address.endpoint_url, values["queue"])


def _local_region(values: Values) -> Iterator[tuple[str, Value]]:
    endpoint = values.get("endpoint_url")
    if "region" not in values and endpoint is not None and str(endpoint.given).startswith("http://"):
        yield "region", following("region", LOCAL_REGION, endpoint)


def _caps(values: Values) -> Iterator[tuple[str, Value]]:
    for field, limit_field in _CAPPED:
        limit = values.get(limit_field)
        number = _whole(limit.given) if limit else None
        if (
            limit
            and number is not None
            and field not in values
            and number < PipelineSettings.model_fields[field].default
        ):
            yield field, following(field, number, limit)


def following(field: str, given: object, source: Value) -> Value:
    """The value *given* of *field*, because *source* was given."""
    variable = variable_of(PipelineSettings, field)
    return Value(given, variable.name if variable else field, f"follows from {source.called}")


def _address(values: Values) -> QueueAddress | None:
    queue = values.get("queue")
    try:
        return parse_address(str(queue.given)) if queue else None
    except ValueError:
        return None


def _whole(given: object) -> int | None:
    try:
        return int(str(given))
    except ValueError:
        return None
