"""Killing a real worker with -9 in the middle: nothing is lost, nothing is doubled."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.system.rig import Rig


def test_kill_nine_in_the_middle_loses_nothing_and_doubles_no_row(rig: Rig) -> None:
    """Three workers are killed between their receives, commits and deletes; a last one finds every message."""
    rig.send(3000)
    for deleted in (300, 900, 1500):
        worker = rig.worker()
        rig.until_books("deleted", deleted)
        worker.tell(signal.SIGKILL)
        assert worker.end() == -signal.SIGKILL
    last = rig.worker("--drain")
    assert last.end() == 0
    rows = rig.rows()
    assert len(rows) == len(set(rows)) == 3000
    assert rig.books()["deleted"] == 3000


def test_a_message_written_but_not_deleted_before_the_kill_is_deleted_after_it(rig: Rig) -> None:
    """With every delete failing, the worker writes and dies; the next one deletes without a second row."""
    rig.send(50)
    rig.faults([{"action": "error", "operation": "DeleteMessageBatch", "status": 500}])
    worker = rig.worker()
    rig.until(lambda: len(rig.rows()) == 50, "50 rows")
    worker.tell(signal.SIGKILL)
    worker.end()
    rig.faults([])
    assert rig.books()["deleted"] == 0
    last = rig.worker("--drain")
    assert last.end() == 0
    rows = rig.rows()
    assert len(rows) == len(set(rows)) == 50


DEADLY = """
import os

async def handle(message):
    if int(message.value["order_id"].rpartition("-")[2]) == 7:
        os._exit(137)
    with open("seen", "a") as seen:
        seen.write(f"{message.receive_count}\\n")
"""


def test_a_message_that_ends_its_process_is_dead_alone(rig: Rig) -> None:
    """Out of memory, by two processes in turns: three receives of its own, and one more of what was beside it first."""
    (rig.folder / "deadly.py").write_text(DEADLY)
    dead = rig.sqs.get_queue_attributes(
        QueueUrl=rig.sqs.create_queue(QueueName="dead")["QueueUrl"], AttributeNames=["QueueArn"]
    )["Attributes"]["QueueArn"]
    policy = json.dumps({"deadLetterTargetArn": dead, "maxReceiveCount": 3})
    rig.sqs.set_queue_attributes(QueueUrl=rig.queue_url, Attributes={"RedrivePolicy": policy, "VisibilityTimeout": "2"})
    rig.send(20)
    worker = rig.worker(WORKER_PROCESSES="2", SINK="handler", HANDLER="deadly:handle")
    rig.until_books("deleted", 19)
    rig.until(lambda: rig.books("dead")["visible"] == 1, "a dead letter")
    worker.tell(signal.SIGTERM)
    assert worker.end() == 0
    assert len(worker.facts("process_lost")) == 3
    assert max(map(int, (rig.folder / "seen").read_text().split())) <= 2
