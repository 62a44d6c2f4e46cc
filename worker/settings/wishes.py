"""What a sink wishes, where nobody has said otherwise: larger batches, and bounds in flight that hold some of them.

Takes a pipeline's settings and the sink's `Demand`, gives the settings as they are then followed. Pure. A setting that
somebody gave stays as it is; whether all of it fits together is looked at by the preflight.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from worker.sqs.quotas import IN_FLIGHT

if TYPE_CHECKING:
    from worker.settings.pipeline import PipelineSettings
    from worker.sinks.sink import Demand

BYTES_MAX: Final = 16 * 1024 * 1024 * 1024
"""As much as `IN_FLIGHT_MAX_BYTES` may say."""


def fitted(settings: PipelineSettings, demand: Demand, *, most_bytes: int | None = None) -> PipelineSettings:
    """*settings* with what *demand* wishes; at most *most_bytes* in flight, which is what the memory holds."""
    wishes = _wishes(settings, demand)
    if not wishes:
        return settings
    wished = settings.model_copy(update=wishes)
    return wished.model_copy(
        update=_bounds(wished, held(wished, demand), BYTES_MAX if most_bytes is None else most_bytes)
    )


def held(settings: PipelineSettings, demand: Demand) -> int:
    """How many batches should be in flight: one in each writer's hands, and one that is being filled."""
    return min(settings.concurrency, demand.max_writers or settings.concurrency) + 1


def _wishes(settings: PipelineSettings, demand: Demand) -> dict[str, int]:
    """Field → what the sink wishes, where nobody has given it."""
    wait_ms = None if demand.age_seconds is None else round(demand.age_seconds * 1000)
    rows = min(demand.rows, demand.max_rows) if demand.rows and demand.max_rows else demand.rows
    size = {"batch_max_rows": rows, "batch_max_bytes": demand.bytes}
    other = {"batch_max_wait_ms": wait_ms, "concurrency": demand.writers}
    wishes = {
        field: value for field, value in (size | other).items() if value is not None and not settings.is_given(field)
    }
    if wishes.keys() & size.keys() and not settings.is_given("batch_target_ms"):
        wishes["batch_target_ms"] = 0  # who wishes large batches does not want them smaller for being slow
    return wishes


def _bounds(settings: PipelineSettings, batches: int, most_bytes: int) -> dict[str, int]:
    """Room for so many batches, where nobody has said how much there is; never less than without a wish."""
    room = {
        "in_flight_max_messages": min(IN_FLIGHT, batches * settings.batch_max_rows),
        "in_flight_max_bytes": min(most_bytes, batches * settings.batch_max_bytes),
    }
    return {field: max(getattr(settings, field), most) for field, most in room.items() if not settings.is_given(field)}
