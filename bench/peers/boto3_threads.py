"""The peer that most people write first: boto3 in threads, each receiving ten and deleting ten, until it is killed."""

from __future__ import annotations

import json
import os
import threading

import boto3
from botocore.config import Config

THREADS = int(os.environ.get("THREADS", "16"))
QUEUE_URL = os.environ["QUEUE_URL"]

sqs = boto3.client(
    "sqs",
    endpoint_url=os.environ["ENDPOINT_URL"],
    config=Config(max_pool_connections=2 * THREADS, retries={"mode": "standard"}),
)


def work() -> None:
    """Receive, work, delete."""
    while True:
        answer = sqs.receive_message(QueueUrl=QUEUE_URL, MaxNumberOfMessages=10, WaitTimeSeconds=20)
        messages = answer.get("Messages", [])
        for message in messages:
            json.loads(message["Body"])
        if messages:
            entries = [{"Id": str(at), "ReceiptHandle": one["ReceiptHandle"]} for at, one in enumerate(messages)]
            sqs.delete_message_batch(QueueUrl=QUEUE_URL, Entries=entries)


for _ in range(THREADS):
    threading.Thread(target=work).start()
