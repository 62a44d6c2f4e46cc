"""A plain aiobotocore loop: tasks that each receive ten and delete ten, on uvloop, until it is killed."""

from __future__ import annotations

import asyncio
import json
import os
from typing import Any

import uvloop
from aiobotocore.config import AioConfig
from aiobotocore.session import get_session

TASKS = int(os.environ.get("TASKS", "32"))
QUEUE_URL = os.environ["QUEUE_URL"]


async def work(sqs: Any) -> None:
    """Receive, work, delete."""
    while True:
        answer = await sqs.receive_message(QueueUrl=QUEUE_URL, MaxNumberOfMessages=10, WaitTimeSeconds=20)
        messages = answer.get("Messages", [])
        for message in messages:
            json.loads(message["Body"])
        if messages:
            entries = [{"Id": str(at), "ReceiptHandle": one["ReceiptHandle"]} for at, one in enumerate(messages)]
            await sqs.delete_message_batch(QueueUrl=QUEUE_URL, Entries=entries)


async def main() -> None:
    """As many tasks as are wanted, over one client with connections for all of them."""
    config = AioConfig(max_pool_connections=2 * TASKS)
    async with (
        get_session().create_client("sqs", endpoint_url=os.environ["ENDPOINT_URL"], config=config) as sqs,
        asyncio.TaskGroup() as tasks,
    ):
        for _ in range(TASKS):
            tasks.create_task(work(sqs))


uvloop.run(main())
