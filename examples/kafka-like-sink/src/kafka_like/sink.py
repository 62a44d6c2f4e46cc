"""The sink: takes batches of messages, gives records in the partitions of one topic. Ends with `close`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from zlib import crc32

from kafka_like.client import BrokerAway, Connection
from kafka_like.wire import HEAD, frame

from worker.sinks import Demand, Rejected, SinkRefused, SinkUnavailable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.sinks import Message

REFUSALS = {
    "denied": "the broker does not take the token: set KAFKA_LIKE_TOKEN to the one that it was started with",
    "no-topic": "there is no such topic, and it cannot be made",
}


class KafkaLikeSink:
    """Records with a key, appended in the order of their batch, to the partition that their group or their key says.

    *At least once*: a batch is accepted when the broker has said so, and appended again when nobody heard it. What no
    text can hold and what is larger than the broker takes is rejected alone.
    """

    def __init__(
        self,
        broker: str,
        topic: str,
        *,
        token: str = "",
        partitions: int = 4,
        acks: str = "disk",
        timeout_seconds: float = 10.0,
        max_request_bytes: int = 16_777_216,
    ) -> None:
        self._topic = topic
        self._token = token
        self._make = partitions
        self._flush = acks == "disk"
        self._largest = max_request_bytes
        self._connection = Connection(broker, timeout_seconds=timeout_seconds, greet=self._greeting)

    @property
    def demand(self) -> Demand:
        """Two writers: while one batch is with the broker, the next is decoded and waits for its turn."""
        return Demand(max_writers=2)

    async def open(self) -> None:
        """Reach the broker, and make the topic if there is none."""
        self._connection.open()
        await self._greeted()

    async def check(self) -> str:
        """See `Checkable`: nothing is made."""
        self._connection.open()
        made, self._make = self._make, 0
        try:
            answer = await self._greeted()
        finally:
            self._make = made
        there = answer["partitions"]
        return f"topic {self._topic} has {there} partitions" if there else f"topic {self._topic} can be made"

    async def write(self, records: Sequence[Message]) -> Sequence[Rejected | None]:
        """Append *records*; see the class."""
        answers: list[Rejected | None] = [None if _is_text(record) else Rejected("unicode") for record in records]
        rows = [number for number, answer in enumerate(answers) if answer is None]
        for number, why in (await self._appended([records[row] for row in rows]) if rows else {}).items():
            answers[rows[int(number)]] = Rejected("too-large", why)
        return answers

    async def close(self) -> None:
        """End the connection."""
        self._connection.close()

    def _greeting(self) -> bytes:
        return frame({"hello": self._topic, "token": self._token, "make": self._make})

    async def _greeted(self) -> dict[str, Any]:
        try:
            answer = await self._connection.ask()
        except BrokerAway as error:
            raise SinkUnavailable(str(error)) from error
        if "error" in answer:
            code = str(answer["error"])
            raise SinkRefused(REFUSALS.get(code, f"the broker refuses the topic {self._topic}: {code}"))
        return answer

    async def _appended(self, records: Sequence[Message]) -> dict[str, str]:
        """Which of *records* the broker refuses, by number, and why. All others are appended."""
        if not self._connection.greeting.get("partitions"):
            await self._greeted_again()
        request = self._request(records)
        try:
            answer = await self._connection.ask(request)
        except BrokerAway as error:
            raise SinkUnavailable(str(error)) from error
        if "error" in answer:  # of the session or the topic, so it says nothing of these records
            raise SinkUnavailable(f"the broker says {answer['error']}")
        refused: dict[str, str] = answer["refused"]
        return refused

    async def _greeted_again(self) -> None:
        """What is refused after the start is no fault of a record: somebody may take it back."""
        try:
            await self._greeted()
        except SinkRefused as error:
            raise SinkUnavailable(str(error)) from error

    def _request(self, records: Sequence[Message]) -> bytes:
        partitions = self._connection.greeting["partitions"]
        rows = [
            (crc32((record.group_id or record.key).encode()) % partitions, record.key, record.body, record.sent_at)
            for record in records
        ]
        request = frame({"append": rows, "flush": self._flush})
        if len(request) > self._largest + HEAD.size:
            raise SinkRefused(f"a request of {len(request):,} bytes, at most {self._largest:,} are sent")
        return request


def _is_text(record: Message) -> bool:
    try:
        f"{record.key}{record.body}{record.group_id}".encode()
    except UnicodeEncodeError:
        return False
    return True
