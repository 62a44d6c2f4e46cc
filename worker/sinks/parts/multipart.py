"""A large file put in pieces: all of it is there, or nothing is.

Begin, pieces one behind the other, complete. Whatever ends it earlier (an error, a cancellation) gives the upload up,
in a task of its own, so that nobody pays for pieces of a file that never comes; `close` waits for those tasks. A
process that is killed leaves its pieces: a lifecycle rule of the bucket deletes them.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from worker.errors import SinkUnavailable

if TYPE_CHECKING:
    from worker.sinks.aws.client import AwsClient
    from worker.sinks.parts.checksum import Checksum
    from worker.sinks.threads import Threads

PIECE_BYTES: Final = 16 * 1024 * 1024
"""S3 takes no smaller one than 5 MiB, but as the last, and 10,000 of them."""
PIECE_SECONDS: Final = 60.0
CLOSE_SECONDS: Final = 5.0


class Multipart:
    """Uploads to one bucket."""

    def __init__(
        self, client: AwsClient, bucket: str, *, checksum: Checksum, threads: Threads, piece_bytes: int
    ) -> None:
        self._client = client
        self._bucket = bucket
        self._checksum = checksum
        self._threads = threads
        self._piece_bytes = piece_bytes
        self._given_up: set[asyncio.Task[None]] = set()
        """Written by `_give_up`, and by the tasks at their end."""

    async def prove(self, name: str) -> None:
        """Begin an upload and give it up; see `Bucket.prove`."""
        upload = await self._begin(name, "application/octet-stream")
        await self._client.call("abort_multipart_upload", **upload)

    async def put(self, name: str, data: bytes, *, content_type: str, condition: dict[str, Any]) -> bool:
        """Store *data* as *name*; whether the answers are those of a store that has it.

        Raises:
            AwsError: as the call that failed.
        """
        upload = await self._begin(name, content_type)
        try:
            return await self._filled(upload, data, condition)
        except BaseException:
            self._give_up(upload)
            raise

    async def close(self) -> None:
        """Wait for what is being given up, a little."""
        if self._given_up:
            await asyncio.wait(self._given_up, timeout=CLOSE_SECONDS)

    async def _begin(self, name: str, content_type: str) -> dict[str, Any]:
        target: dict[str, Any] = {"Bucket": self._bucket, "Key": name}
        answer = await self._client.call(
            "create_multipart_upload", **target, ContentType=content_type, ChecksumAlgorithm=self._checksum.name
        )
        if "UploadId" not in answer:
            raise SinkUnavailable("S3 create_multipart_upload: the answer has no UploadId; another server answers")
        return {**target, "UploadId": answer["UploadId"]}

    async def _filled(self, upload: dict[str, Any], data: bytes, condition: dict[str, Any]) -> bool:
        field, pieces = self._checksum.field, list[dict[str, Any]]()
        for start in range(0, len(data), self._piece_bytes):
            pieces.append(await self._piece(upload, len(pieces) + 1, data[start : start + self._piece_bytes]))
        answer = await self._client.call(
            "complete_multipart_upload",
            seconds=PIECE_SECONDS,
            **upload,
            MultipartUpload={"Parts": pieces},
            **condition,
        )
        # Each piece has been confirmed; not every store answers for the whole.
        whole = self._checksum.composite([piece[field] for piece in pieces])
        return bool(answer.get("ETag")) and answer.get(field, whole) in {whole, whole.rpartition("-")[0]}

    async def _piece(self, upload: dict[str, Any], number: int, data: bytes) -> dict[str, Any]:
        said = await self._threads.run(lambda: self._checksum.of(data))
        asked: dict[str, Any] = {**upload, "PartNumber": number, "Body": data, self._checksum.field: said}
        answer = await self._client.call("upload_part", seconds=PIECE_SECONDS, **asked)
        if not await self._threads.run(lambda: self._checksum.confirmed(answer, said, data)):
            raise SinkUnavailable(f"S3 upload_part: the answer does not have the checksum of piece {number}")
        return {"PartNumber": number, "ETag": answer["ETag"], self._checksum.field: said}

    def _give_up(self, upload: dict[str, Any]) -> None:
        task = asyncio.get_running_loop().create_task(self._abort(upload), name="s3-abort")
        self._given_up.add(task)
        task.add_done_callback(self._given_up.discard)

    async def _abort(self, upload: dict[str, Any]) -> None:
        with suppress(SinkUnavailable):  # it is gone, or away: the lifecycle rule is for that
            await self._client.call("abort_multipart_upload", **upload)
