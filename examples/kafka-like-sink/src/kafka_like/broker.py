"""The broker: `python -m kafka_like.broker --folder DIR [--port N] [--token T]`, on 127.0.0.1, until it is ended.

Keeps each topic in a folder of its own, a file for each partition. Prints `listening on HOST:PORT` when it is ready.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from kafka_like.log import Partition
from kafka_like.settings import TOPIC
from kafka_like.wire import Malformed, frame, read_frame

if TYPE_CHECKING:
    from collections.abc import Mapping

LARGEST_RECORD: Final = 4_194_304
"""Bytes of a line: four times what SQS carries, since JSON escapes."""


class Broker:
    """All topics, for every connection."""

    def __init__(self, folder: Path, token: str) -> None:
        self._folder = folder
        self._token = token
        self._topics: dict[str, list[Partition]] = {}
        """Those that somebody has asked for. Written by `_topic`."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, to its end."""
        topic: list[Partition] = []
        with suppress(OSError, EOFError, Malformed):
            while True:
                message = await read_frame(reader)
                if "hello" in message:
                    topic, answer = self._hello(message)
                else:
                    answer = self._append(topic, message)
                writer.write(frame(answer))
                await writer.drain()
        writer.close()

    def _hello(self, message: Mapping[str, Any]) -> tuple[list[Partition], dict[str, object]]:
        if message.get("token") != self._token:
            return [], {"error": "denied"}
        name, make = str(message["hello"]), int(message.get("make", 0))
        if not re.match(TOPIC, name):
            return [], {"error": "no-topic", "detail": "a topic has small letters, digits, - and _"}
        topic = self._topic(name, make)
        return topic, {"partitions": len(topic)}

    def _topic(self, name: str, make: int) -> list[Partition]:
        folder = self._folder / name
        there = len([*folder.glob("*.log")])
        if name not in self._topics and (there or make):
            folder.mkdir(exist_ok=True)
            self._topics[name] = [Partition(folder / f"{number}.log") for number in range(there or make)]
        return self._topics.get(name, [])

    def _append(self, topic: list[Partition], message: Mapping[str, Any]) -> dict[str, object]:
        if not topic:
            return {"error": "no-topic"}
        refused: dict[str, str] = {}
        lines: dict[int, list[bytes]] = {}
        for number, (partition, key, body, sent_at) in enumerate(message["append"]):
            line = json.dumps({"key": key, "body": body, "sent_at": sent_at}).encode()
            if len(line) > LARGEST_RECORD:
                refused[str(number)] = f"{len(line):,} bytes, at most {LARGEST_RECORD:,} are kept"
            else:
                lines.setdefault(partition % len(topic), []).append(line)
        try:
            for partition, of_it in lines.items():
                topic[partition].append(of_it)
                if message.get("flush"):
                    topic[partition].flush()
        except OSError as error:
            return {"error": "disk", "detail": str(error)}
        return {"refused": refused}


async def main(folder: Path, port: int, token: str) -> None:
    """Serve until the process is ended."""
    server = await asyncio.start_server(Broker(folder, token).serve, "127.0.0.1", port)
    host, port = server.sockets[0].getsockname()
    print(f"listening on {host}:{port}", flush=True)  # noqa: T201 - a program for the terminal
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m kafka_like.broker", description="A partitioned log on 127.0.0.1.")
    parser.add_argument("--folder", type=Path, required=True, help="where the topics are kept")
    parser.add_argument("--port", type=int, default=0, help="0 (the default) for any free one")
    parser.add_argument("--token", default="", help="what a client has to say")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    with suppress(KeyboardInterrupt):
        asyncio.run(main(given.folder, given.port, given.token))
