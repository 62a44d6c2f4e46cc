"""Dead letters of real workers: they arrive whatever their queue takes, go back as they were, and never round."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.system.rig import CREDENTIALS
from tests.system.rig import rig as started

if TYPE_CHECKING:
    from pathlib import Path

    from tests.system.rig import Child, Rig

USUAL_BYTES = 262_144
WRITES_ATTRIBUTES = """
import json

def handle(message):
    with open("seen", "a") as file:
        print(json.dumps({name: one.value for name, one in message.attributes.items()}), file=file)
"""


def test_a_letter_arrives_at_a_smaller_queue_and_comes_back_as_it_was_sent(rig: Rig) -> None:
    """A bad body of full size has no room for our words; a small one has them, and loses them when it is put back."""
    arn = "arn:aws:sqs:us-east-1:000000000000:"
    limit = {"MaximumMessageSize": str(USUAL_BYTES)}
    policy = {"RedrivePolicy": json.dumps({"deadLetterTargetArn": f"{arn}dead", "maxReceiveCount": 10})}
    rig.sqs.create_queue(QueueName="dead", Attributes=limit)
    rig.sqs.set_queue_attributes(QueueUrl=rig.queue_url, Attributes=limit | policy)  # without one, nothing is put back
    attributes = {f"a{n}": {"DataType": "String", "StringValue": f"{n}"} for n in range(10)}
    rig.sqs.send_message(QueueUrl=rig.queue_url, MessageBody="x" * USUAL_BYTES)
    rig.sqs.send_message(QueueUrl=rig.queue_url, MessageBody="no json", MessageAttributes=attributes)
    rejecting = rig.worker("--drain", SQS_DLQ_URL="dead")
    assert rejecting.end() == 0
    assert rejecting.account()["rejected"] == 2
    rig.sqs.start_message_move_task(SourceArn=f"{arn}dead", DestinationArn=f"{arn}orders")
    rig.until(lambda: rig.books("dead")["moved_out"] == 2, "both put back")
    (rig.folder / "mine.py").write_text(WRITES_ATTRIBUTES)
    done = rig.worker("--drain", SINK="handler", HANDLER="mine:handle", CODEC="text")
    assert done.end() == 0
    seen = [json.loads(line) for line in (rig.folder / "seen").read_text().splitlines()]
    assert sorted(map(len, seen)) == [0, 10]
    assert max(seen, key=len) == {f"a{n}": f"{n}" for n in range(10)}


def test_what_the_dead_letter_queue_cannot_take_stays_and_is_told(rig: Rig) -> None:
    """Neither deleted nor sent for ever: an error line says what to set to what, and setting it is enough."""
    dead = rig.sqs.create_queue(QueueName="dead", Attributes={"MaximumMessageSize": "1024"})["QueueUrl"]
    rig.send_bodies(["x" * 2_000])
    worker = rig.worker("--drain", SQS_DLQ_URL="dead", RETRY_MAX_SECONDS="2", SQS_VISIBILITY_TIMEOUT="30")
    told = worker.event("dead_letter_refused")
    assert (told["level"], told["code"]) == ("error", "LargerThanDeadLetterQueue")
    assert "MaximumMessageSize to 2000" in told["fix"]
    rig.sqs.set_queue_attributes(QueueUrl=dead, Attributes={"MaximumMessageSize": "4096"})
    assert worker.end() == 0
    assert [len(letter["Body"]) for letter in rig.dead_letters()] == [2_000]


def test_without_a_redrive_policy_a_function_that_keeps_raising_ends(rig: Rig) -> None:
    """After three receives the message is a dead letter with the reason of the last, and the queue is empty."""
    rig.sqs.create_queue(QueueName="dead")
    (rig.folder / "raises.py").write_text("def handle(message):\n    raise KeyError('no id')\n")
    rig.send(3)
    worker = rig.worker(
        "--drain",
        SINK="handler",
        HANDLER="raises:handle",
        SQS_DLQ_URL="dead",
        SQS_MAX_RECEIVES="3",
        RETRY_MAX_SECONDS="1",
        RETRY_BASE_SECONDS="1",
    )
    assert worker.end() == 0
    contexts = [json.loads(letter["MessageAttributes"]["DeadLetter"]["StringValue"]) for letter in rig.dead_letters()]
    assert [(told["reason"], told["attempts"]) for told in contexts] == [("KeyError", 3)] * 3


@pytest.mark.parametrize("transport", ["native", "sdk"])
def test_a_dead_letter_queue_on_another_host_is_reached_there(rig: Rig, tmp_path: Path, transport: str) -> None:
    """The endpoint follows from the queue's URL, the dead-letter queue's from its own."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    with started(elsewhere, queue="dead") as other:
        rig.send_bodies(["no json"])
        worker = rig.start(
            ["run", "--drain"],
            {
                **CREDENTIALS,
                "SQS_QUEUE_URL": rig.queue_url,
                "SQS_DLQ_URL": other.url("dead"),
                "SQS_TRANSPORT": transport,
                "SINK": "discard",
                "METRICS_PORT": "0",
                "LOG_FORMAT": "json",
            },
        )
        assert worker.end() == 0
        assert [letter["Body"] for letter in other.dead_letters()] == ["no json"]


def with_pipelines(rig: Rig, lines: str) -> Child:
    """A worker with this worker.toml."""
    (rig.folder / "worker.toml").write_text(lines)
    settings = {"SQS_ENDPOINT_URL": rig.endpoint, "METRICS_PORT": "0", "LOG_FORMAT": "json"}
    return rig.start(["run", "--drain"], {**CREDENTIALS, **settings})


CIRCLE = """
[pipelines.one]
queue = "orders"
sink = "discard"
dlq = "arn:aws:sqs:us-east-1:000000000000:dead"

[pipelines.two]
queue = "dead"
sink = "discard"
"""


def test_dead_letters_that_would_go_round_do_not_start(rig: Rig) -> None:
    """By the settings with exit 2; by a redrive policy that closes the circle with exit 3; each names the way."""
    rig.sqs.create_queue(QueueName="dead")
    by_settings = with_pipelines(rig, CIRCLE + 'dlq = "orders"\n')
    assert by_settings.end() == 2
    assert any("orders → dead → orders" in line for line in by_settings.lines)
    policy = {"deadLetterTargetArn": "arn:aws:sqs:us-east-1:000000000000:orders", "maxReceiveCount": 3}
    rig.sqs.set_queue_attributes(QueueUrl=rig.url("dead"), Attributes={"RedrivePolicy": json.dumps(policy)})
    by_policy = with_pipelines(rig, CIRCLE)
    assert by_policy.end() == 3
    assert "dead → orders → dead" in by_policy.facts("worker_refused")[0]["detail"]


def test_a_worker_tells_how_many_lie_in_the_queue_that_only_the_policy_names(tmp_path: Path) -> None:
    """Without SQS_DLQ_URL it sends nothing there, and an alert can still say that it is not empty."""
    with started(tmp_path, queue="orders:visibility=5,dlq=orders-dead,max=3") as rig:
        rig.send_bodies(["one", "two"], queue="orders-dead")
        worker = rig.worker(SINK="discard", LOG_LEVEL="info")
        url = worker.event("worker_started")["metrics_url"]
        labels = 'pipeline="default",queue="orders-dead",state="visible"'
        sample = f"sqs_dead_letter_queue_messages{{{labels}}} 2.0"
        rig.until(lambda: sample in rig.get(url, "/metrics")[1].splitlines(), sample)
        assert worker.facts("dead_letters_unseen") == []
        assert rig.books("orders-dead")["visible"] == 2
