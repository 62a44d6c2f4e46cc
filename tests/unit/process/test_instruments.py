"""What a worker writes into its log of its own performance."""

from __future__ import annotations

import asyncio
import json

import pytest

from worker.facts import DeliveriesSettled, PipelineStarted
from worker.process.instruments import Instruments, cost
from worker.settings import load
from worker.telemetry.report import KEYS


async def test_a_run_ends_with_its_performance_and_the_report_line_is_as_it_was(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The figures are a line of their own; the seven keys that other programs read stay alone on theirs."""
    instruments = Instruments(load({"SQS_QUEUE_URL": "orders", "METRICS_PORT": "0", "LOG_FORMAT": "json"}))
    instruments.emit(PipelineStarted("default", "orders", "json", "sqlite", 30, receiving=True))
    instruments.emit(DeliveriesSettled("default", "deleted", 10))
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(instruments.run())
        await asyncio.sleep(0)
        running.cancel()
    instruments.close()
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    told = [line for line in lines if line.get("event") == "performance_reported"]
    assert [(line["pipeline"], line["bottleneck"], line["level"]) for line in told] == [("default", "unknown", "info")]
    assert set(told[0]["time_share"]) >= {"receiving", "decoding", "sink", "deleting"}
    assert list(lines[-1]) == list(KEYS)


def test_requests_are_counted_at_the_price_that_is_set() -> None:
    """Or at AWS's own of the kind of queue."""

    def of_a_million(**variables: str) -> float:
        counted = cost(load({"WORKER_ID": "w", **variables}).pipelines[0])
        counted.billed = 1_000_000
        return counted.dollars

    assert of_a_million(SQS_QUEUE_URL="orders") == pytest.approx(0.40)
    assert of_a_million(SQS_QUEUE_URL="orders.fifo") == pytest.approx(0.50)
    assert of_a_million(SQS_QUEUE_URL="orders", SQS_REQUEST_DOLLARS_PER_MILLION="0.2") == pytest.approx(0.20)
