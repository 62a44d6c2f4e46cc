"""What a person sees when it cannot work: a named reason, a fix, and an exit code of its own."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.system.rig import Rig


def refused(lines: list[str]) -> str:
    told = [json.loads(line) for line in lines if '"event":"worker_refused"' in line]
    return " ".join(str(fact["detail"]) for fact in told)


def test_a_missing_queue_is_named_and_ends_with_three(rig: Rig) -> None:
    """The name that was not found is in the line, so that a typing error is seen at once."""
    worker = rig.worker(SQS_QUEUE_URL=rig.endpoint + "/000000000000/oders")
    assert worker.end() == 3
    assert "oders" in refused(worker.lines)


def test_access_denied_is_named_and_ends_with_three(rig: Rig) -> None:
    """A missing right is not retried at the start: only people can give it."""
    rig.faults([{"operation": "GetQueueAttributes", "status": 403, "code": "AccessDenied"}])
    worker = rig.worker()
    assert worker.end() == 3
    assert "AccessDenied" in "".join(worker.lines)


def test_a_database_of_another_shape_is_refused_by_name_and_ends_with_three(rig: Rig) -> None:
    """A table that exists with other columns can never take our rows, and is not touched."""
    with closing(sqlite3.connect(rig.database)) as connection:
        connection.execute("CREATE TABLE messages (id INTEGER)")
    worker = rig.worker()
    assert worker.end() == 3
    assert "messages" in refused(worker.lines)


def test_several_wrong_settings_are_told_all_at_once_and_end_with_two(rig: Rig) -> None:
    """One start is enough to learn of every mistake."""
    worker = rig.worker(SQS_MAX_MESSAGES="11", SQS_WAIT_TIME_SECONDS="21", SQS_QUEUE_URLS="x")
    assert worker.end() == 2
    said = "".join(worker.lines)
    assert all(name in said for name in ("SQS_MAX_MESSAGES", "SQS_WAIT_TIME_SECONDS", "SQS_QUEUE_URLS"))
