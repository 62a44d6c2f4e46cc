"""What a person sees when it cannot work: a named reason, a fix, and an exit code of its own."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.system.rig import Rig

NOBODY = "postgresql://worker@127.0.0.1:1/orders?sslmode=disable"
"""A database that is not there."""


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
    rig.faults([{"action": "error", "operation": "GetQueueAttributes", "status": 403, "code": "AccessDenied"}])
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


def test_a_wrong_region_is_named_and_ends_with_three(rig: Rig) -> None:
    """SQS refuses a signature for another region; the line names the queue, its region and what to check."""
    said = {"code": "SignatureDoesNotMatch", "status": 403, "message": "Credential should be scoped to a valid region."}
    rig.faults([{"action": "error", "operation": "GetQueueAttributes", **said}])
    worker = rig.worker(AWS_REGION="eu-west-3")
    assert worker.end() == 3
    told = refused(worker.lines)
    assert all(word in told for word in ("orders", "eu-west-3", "valid region"))


def test_access_denied_to_the_dead_letter_queue_is_named_and_ends_with_three(rig: Rig) -> None:
    """A queue that is needed only for the first bad message is looked at before the first good one."""
    worker = rig.worker(SQS_DLQ_URL=rig.url("nowhere"))
    assert worker.end() == 3
    assert "nowhere" in refused(worker.lines)
    assert "ReceiveMessage" not in rig.requests()


@pytest.mark.parametrize(
    "text", ["[pipelines.a", "pipelines = 3", "[pipelines.a]\nqueu = 'x'", "\x00", "[worker]\nx = 1"]
)
def test_a_malformed_file_of_settings_is_named_and_ends_with_two(rig: Rig, text: str) -> None:
    """Whatever is wrong in worker.toml, the file and what to change are in the words; nothing is started."""
    (rig.folder / "worker.toml").write_text(text)
    worker = rig.worker()
    assert worker.end() == 2
    said = "".join(worker.lines)
    assert "worker.toml" in said
    assert "Traceback" not in said
    assert rig.requests() == {}


def test_an_empty_environment_says_what_is_missing_and_ends_with_two(rig: Rig) -> None:
    """The first start of all, without any setting, is told which one it needs."""
    worker = rig.start(["run"], {})
    assert worker.end() == 2
    assert "SQS_QUEUE_URL" in "".join(worker.lines)


def test_draining_without_receiving_is_refused(rig: Rig) -> None:
    """It would never end, so it does not begin."""
    worker = rig.worker("--drain", ENABLE_SQS_CONSUMER="false")
    assert worker.end() == 2
    assert "ENABLE_SQS_CONSUMER" in "".join(worker.lines)


@pytest.mark.parametrize(
    "away", [{"SQS_ENDPOINT_URL": "http://127.0.0.1:1"}, {"SINK": "postgres", "POSTGRES_DSN": NOBODY}]
)
def test_what_is_only_away_ends_with_one_so_that_a_platform_starts_it_again(rig: Rig, away: dict[str, str]) -> None:
    """After the minute of the start, which is a second here; and a line says what could not be reached."""
    (rig.folder / "sitecustomize.py").write_text(
        "import worker.app.patience\nworker.app.patience.START_SECONDS = 1.0\n"
    )
    worker = rig.worker(**away)
    assert worker.end() == 1
    assert worker.facts("worker_refused")
