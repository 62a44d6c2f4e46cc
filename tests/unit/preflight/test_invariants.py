"""The nine invariants that a deployment must hold (P1-P9), one test each, named after it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.unit.preflight.queues import ARN, DLQ, QUEUE, found, handler
from worker.pipeline.ledger import Ledger
from worker.pipeline.pipeline import RELEASE_SECONDS
from worker.pipeline.renew import Renewer
from worker.pipeline.room import Room
from worker.pipeline.tuning import renew_at
from worker.preflight import leases, memory_limit
from worker.sinks.handler.settings import HANDLER_SECONDS_MAX, HandlerSettings
from worker.sqs.queue import Redrive
from worker.sqs.sdk.session import MARGIN_SECONDS

if TYPE_CHECKING:
    from pathlib import Path

FIFO = replace(QUEUE, fifo=True, arn=ARN + "orders.fifo")
FIFO_DLQ = replace(DLQ, fifo=True)
MIB = 1024 * 1024


def test_p1_visibility_outlives_the_receive_which_outlives_its_wait() -> None:
    """Visibility > the receive's own clock > its wait, for every wait; the preflight counts with the door's margin."""
    assert leases.RECEIVE_MARGIN_SECONDS == MARGIN_SECONDS > 0
    for wait in (0, 1, 20):
        answered = wait + leases.RECEIVE_MARGIN_SECONDS
        assert found(visibility_timeout=answered, wait_seconds=wait)["visibility"].severity == "warn"
        assert found(visibility_timeout=answered + 1, wait_seconds=wait)["visibility"].severity == "ok"


@pytest.mark.parametrize("lease", [leases.LEASE_SECONDS_MIN, 30, 43_200])
def test_p2_a_lease_leaves_time_for_three_renewals_and_more(lease: int) -> None:
    """At half instead of a third, since a failed renewal is tried at the next tick and not at the next third."""
    room = Room(max_messages=1, max_bytes=1, largest_message=1, frame_bytes=None)
    ledger = Ledger(room=room, lease_seconds=lease, emit=lambda _: None, pipeline="p")
    tick = Renewer(None, ledger=ledger, emit=lambda _: None, pipeline="p")._tick  # type: ignore[arg-type] # never asked
    left = lease - renew_at(float(lease), lease_seconds=lease)
    assert left / tick >= 3
    assert found(visibility_timeout=lease)["renewal"].severity == "ok"
    assert found(visibility_timeout=leases.LEASE_SECONDS_MIN - 1)["renewal"].severity == "warn"


def test_p3_a_handler_ends_before_sqs_takes_the_message_back() -> None:
    """Eleven hours and fifty minutes at most: as a setting, and again in the preflight."""
    assert HANDLER_SECONDS_MAX == 11 * 3600 + 50 * 60
    longest = HandlerSettings(function="a.b", timeout_seconds=HANDLER_SECONDS_MAX)
    assert found(sink="handler", sink_settings=longest)["handler"].severity == "ok"
    with pytest.raises(ValueError, match="timeout_seconds"):
        HandlerSettings(function="a.b", timeout_seconds=HANDLER_SECONDS_MAX + 1)


@pytest.mark.parametrize(
    ("drain", "wait", "severity", "word"),
    [
        (25, 20, "ok", ""),
        (22, 20, "ok", ""),
        (21, 20, "warn", "WORKER_DRAIN_SECONDS to 22"),
        (21, 19, "ok", ""),
        (26, 20, "warn", "terminationGracePeriodSeconds"),
    ],
)
def test_p4_stopping_has_time_to_give_back_and_fits_into_the_platform_s(
    drain: int, wait: int, severity: str, word: str
) -> None:
    """A receive under way is answered and given back within the drain, and the drain ends before the platform kills."""
    assert leases.RELEASE_SECONDS == RELEASE_SECONDS
    finding = found(drain=drain, wait_seconds=wait)["drain"]
    assert finding.severity == severity
    assert word in finding.fix


def test_p5_the_dead_letter_queue_is_of_the_type_and_keeps_longer() -> None:
    """That it exists is asked in test_examine; a standard queue keeps the age of what SQS moves there."""
    assert found()["dead-letter queue"].severity == "ok"
    assert found(dlq=FIFO_DLQ)["dead-letter queue"].severity == "refuse"
    assert (
        found(dlq=replace(DLQ, retention_seconds=QUEUE.retention_seconds))["dead-letter retention"].severity == "warn"
    )
    assert "dead-letter retention" not in found(dlq=replace(DLQ, retention_seconds=QUEUE.retention_seconds + 1))


def test_p6_three_receives_and_one_way_to_the_dead_letter_queue() -> None:
    """Fewer receives are a warning; two mechanisms on one message are refused unless they name one queue."""
    assert found(replace(QUEUE, redrive=Redrive(DLQ.arn, 2)))["receives"].severity == "warn"
    assert found()["receives"].severity == "ok"
    assert found(dlq_address="orders-rejected")["dead-letter ways"].severity == "refuse"
    assert "dead-letter ways" not in found(dlq_address="orders-dlq")


def test_p7_the_time_in_which_a_message_can_come_again_is_told() -> None:
    """Four days and fourteen: for whoever prunes the table, or reads what has no key."""
    assert "18 days" in found()["repeats"].finding
    assert "delete no younger rows" in found()["repeats"].finding
    assert "new message id" in found()["repeats"].finding
    assert "new message id" not in found(deduplication_key="order.id")["repeats"].finding
    assert "must tolerate repeats" in found(**handler())["repeats"].finding
    assert "4 days" in found(replace(QUEUE, redrive=None), None)["repeats"].finding


def test_p8_what_is_in_flight_fits_into_the_memory_limit() -> None:
    """The byte bound four times and the process itself; without a limit there is nothing to hold it against."""
    assert found()["memory"].severity == "ok"
    assert found(memory_limit=352 * MIB)["memory"].severity == "ok"
    tight = found(memory_limit=352 * MIB - 1)["memory"]
    assert tight.severity == "warn"
    assert "352 MiB" in tight.fix
    assert found(memory_limit=256 * MIB, in_flight_max_bytes=16 * MIB)["memory"].severity == "ok"


def test_p8_every_process_has_its_own_messages_in_flight() -> None:
    """Three of them and their parent share the limit, and the workers of a queue its cap."""
    needed = 3 * 352 + 64
    assert found(memory_limit=needed * MIB, processes=3)["memory"].severity == "ok"
    tight = found(memory_limit=needed * MIB - 1, processes=3)["memory"]
    assert tight.severity == "warn"
    assert "in each of 3 processes" in tight.finding
    assert f"WORKER_PROCESSES, or raise the memory limit to {needed} MiB" in tight.fix
    assert "room for 16 workers of 3 x 2500" in found(processes=3)["in flight"].finding
    assert found(processes=7)["in flight"].severity == "warn"


@pytest.mark.parametrize(
    ("file", "said", "limit"),
    [
        ("memory.max", "268435456\n", 268_435_456),
        ("memory.max", "max\n", None),
        ("memory/memory.limit_in_bytes", "536870912\n", 536_870_912),
        ("memory/memory.limit_in_bytes", "9223372036854771712\n", None),
        ("elsewhere", "1", None),
    ],
)
def test_p8_the_limit_is_read_from_either_version_of_cgroups(
    tmp_path: Path, file: str, said: str, limit: int | None
) -> None:
    """A number, the word for none, the number that means none, and a machine without cgroups."""
    place = tmp_path / file
    place.parent.mkdir(exist_ok=True)
    place.write_text(said)
    assert memory_limit(tmp_path) == limit


def test_p9_a_fifo_queue_keeps_its_order_and_its_groups_receive_counts_are_told() -> None:
    """Without a dead-letter queue of ours, failed messages go to the one that the policy names, if we may."""
    assert "order is kept" in found(FIFO, FIFO_DLQ)["fifo"].finding
    shared = found(FIFO, FIFO_DLQ)["fifo receives"]
    assert shared.severity == "ok"
    assert "if this worker may send there" in shared.finding
    assert "fifo receives" not in found(FIFO, FIFO_DLQ, dlq_address="orders-dlq")
    assert "fifo receives" not in found(replace(FIFO, redrive=None), None)
    assert "fifo receives" not in found()
