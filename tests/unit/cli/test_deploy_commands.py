"""`worker iam` and `worker scaling`: what they print, and how they refuse."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result

from worker import cli
from worker.commands import scaling

if TYPE_CHECKING:
    from pathlib import Path

URL = "https://sqs.eu-central-1.amazonaws.com/123456789012/orders"
STATUS = {
    "pipelines": {
        "default": {
            "capacity_per_second": 40.0,
            "rates": {"deleted_per_second": {"60s": 40.0}},
            "in_flight": {"messages": 100},
            "depth": {"visible": 9000},
            "depth_change_per_second": 10.0,
            "performance": {"bottleneck": "idle"},
        }
    }
}


@pytest.fixture(autouse=True)
def _empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def invoke(*arguments: str, **environ: str) -> Result:
    clean = dict.fromkeys(("WORKER_ID", "WORKER_CONFIG", "SQS_QUEUE_URL", "SQS_DLQ_URL", "AWS_REGION"))
    return CliRunner().invoke(cli.main, list(arguments), env={**clean, **environ})


def test_a_policy_is_all_that_stdout_has() -> None:
    """So that it can go into a file; what each statement is for is told beside it."""
    result = invoke("iam", SQS_QUEUE_URL=URL)
    assert result.exit_code == 0
    (statement,) = json.loads(result.stdout)["Statement"]
    assert statement["Resource"] == ["arn:aws:sqs:eu-central-1:123456789012:orders"]
    assert "ReceiveAndSettle  take messages" in result.stderr


def test_what_a_policy_cannot_know_is_a_note() -> None:
    """A FIFO queue's unnamed dead-letter queue, and what the user's own function asks for."""
    result = invoke("iam", SQS_QUEUE_URL=URL + ".fifo", HANDLER="shop:pay")
    assert result.exit_code == 0
    assert result.stderr.count("note: ") == 2


@pytest.mark.parametrize(
    ("arguments", "environ", "words"),
    [
        (("iam",), {"SQS_QUEUE_URL": "orders", "AWS_REGION": "eu-central-1"}, "--account"),
        (("iam", "--role", "operator"), {"SQS_QUEUE_URL": URL}, "set SQS_DLQ_URL"),
        (("iam", "--dead-letters", "orders-dead:x"), {"SQS_QUEUE_URL": URL}, "a queue's name"),
        (("iam", "--account", "7"), {"SQS_QUEUE_URL": URL}, "12 digits"),
        (("iam", "--ecs-cluster", "workers"), {"SQS_QUEUE_URL": URL}, "no ARN of an ECS cluster"),
        (("iam", "--kms-key", "alias/x"), {"SQS_QUEUE_URL": URL}, "no ARN of a KMS key"),
        (("iam",), {}, "SQS_QUEUE_URL is not set"),
        (("scaling",), {}, "give --rate"),
        (("scaling", "--rate", "quick"), {}, "give a rate, such as"),
        (("scaling", "--rate", "1", "--min", "9", "--max", "3"), {}, "give a larger --max"),
    ],
)
def test_what_cannot_be_answered_says_what_to_give(
    arguments: tuple[str, ...], environ: dict[str, str], words: str
) -> None:
    """Exit code 2, nothing on stdout, and the option or variable that is missing."""
    result = invoke(*arguments, **environ)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert words in result.stderr


def test_scaling_shows_the_arithmetic_and_every_patch() -> None:
    """The whole of it, for a person."""
    result = invoke(
        "scaling", "--rate", "1/s", "--backlog", "2,800,000", "--incoming", "600000/day", "--deadline", "14d"
    )
    assert result.exit_code == 0
    for words in (
        "11,200,000 messages",
        "→ 12",
        "# kubernetes: into",
        "# ecs: onto",
        "# terraform: into",
        "max_tasks         = 12",
    ):
        assert words in result.stdout


def test_one_patch_alone_goes_into_a_file() -> None:
    """Stdout is the patch, the arithmetic beside it."""
    result = invoke("scaling", "--rate", "1/s", "--incoming", "5/s", "--patch", "ecs")
    assert json.loads(result.stdout) == {
        "scalable-target.json": {"MinCapacity": 7, "MaxCapacity": 7},
        "target-tracking.json": {"TargetTrackingScalingPolicyConfiguration": {"TargetValue": 300}},
    }
    assert "what has to be done" in result.stderr


def test_json_for_machines() -> None:
    """What never comes is null."""
    result = invoke(
        "scaling", "--rate", "1/s", "--incoming", "5/s", "--backlog", "10", "--max", "1", "--min", "1", "--json"
    )
    assert json.loads(result.stdout)["seconds_to_empty"] == {"1": None}


def test_what_is_not_given_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rate, backlog and arrivals of a running worker; one that waited for messages is told."""
    asked = []

    def answer(url: str, path: str) -> tuple[int, str]:
        asked.append((url, path))
        return 200, json.dumps(STATUS)

    monkeypatch.setattr(scaling, "fetch", answer)
    result = invoke("scaling", "--status", "http://worker:9100/status", "--deadline", "1h", "--json")
    document = json.loads(result.stdout)
    assert asked == [("http://worker:9100", "/status")]
    assert (document["messages_per_worker"], document["keda_queue_length"]) == (12_000, 12_100)
    assert document["workers_to_keep_up"] == 2
    text = invoke("scaling", "--status", "http://worker:9100")
    assert "it waits for messages" in text.stdout


def test_nobody_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong port, another program, and a page that is no JSON."""

    def refuse(_url: str, _path: str) -> tuple[int, str]:
        raise ConnectionRefusedError("refused")

    monkeypatch.setattr(scaling, "fetch", refuse)
    assert "METRICS_PORT" in invoke("scaling", "--status", "http://worker:9100").stderr
    monkeypatch.setattr(scaling, "fetch", lambda _url, _path: (404, "no"))
    assert "answers 404" in invoke("scaling", "--status", "http://worker:9100").stderr
    monkeypatch.setattr(scaling, "fetch", lambda _url, _path: (200, "<html>"))
    assert invoke("scaling", "--status", "http://worker:9100").exit_code == 2
