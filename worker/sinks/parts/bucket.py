"""A bucket that files are put into, each under its name once.

`put` takes a name and bytes; it gives whether they were stored now, or were there already. Ends in `AwsError`, or in
`SinkUnavailable` when the answer is not that of a store that has the bytes. Ends with `close`, which waits for the
uploads that are being given up.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from worker.errors import SinkUnavailable
from worker.sinks.aws.errors import AwsError
from worker.sinks.parts.multipart import PIECE_BYTES, Multipart

if TYPE_CHECKING:
    from worker.sinks.aws.client import AwsClient
    from worker.sinks.parts.checksum import Checksum
    from worker.sinks.threads import Threads

MULTIPART_BYTES: Final = 64 * 1024 * 1024
"""Above it a file is put in pieces, so that a broken connection costs one of them and not all."""
ONCE: Final = {"IfNoneMatch": "*"}
"""Only if there is no object of that name."""
PUT_SECONDS: Final = 120.0
"""How long one file or piece may take."""
CONFLICT_PAUSES: Final = (0.1, 0.3, 1.0)
"""Somebody puts or deletes the same name at this moment; S3 says to try again."""
PROBE: Final = "_sqs-worker-probe"


class Bucket:
    """One bucket."""

    def __init__(
        self,
        client: AwsClient,
        name: str,
        *,
        checksum: Checksum,
        threads: Threads,
        multipart_bytes: int = MULTIPART_BYTES,
        piece_bytes: int = PIECE_BYTES,
    ) -> None:
        self._client = client
        self._name = name
        self._checksum = checksum
        self._threads = threads
        self._multipart_bytes = multipart_bytes
        self._multipart = Multipart(client, name, checksum=checksum, threads=threads, piece_bytes=piece_bytes)
        self._doubtful: set[str] = set()
        """Names of files that may be there with other bytes than ours. Written by `put`."""

    async def prove(self, prefix: str) -> None:
        """Prove that files can be put below *prefix*: an upload in pieces is begun and given up, which leaves nothing.

        Raises:
            AwsError: it is refused, or the bucket is away.
        """
        await self._multipart.prove(f"{prefix}{PROBE}")

    async def put(self, name: str, data: bytes, *, content_type: str) -> bool:
        """Store *data* as *name*. False: there was such an object, which is left as it is.

        Raises:
            SinkUnavailable: it is not known to be there.
        """
        for pause in (*CONFLICT_PAUSES, None):
            try:
                await self._put(name, data, content_type, {} if name in self._doubtful else ONCE)
            except AwsError as error:
                if error.code == "PreconditionFailed":
                    return False
                if error.code != "ConditionalRequestConflict" or pause is None:
                    raise
                await asyncio.sleep(pause)
            else:
                break
        self._doubtful.discard(name)
        return True

    async def replace(self, name: str, data: bytes, *, content_type: str) -> None:
        """Store *data* as *name*, whatever is there.

        Raises:
            SinkUnavailable: it is not known to be there.
        """
        await self._put(name, data, content_type, {})

    async def close(self) -> None:
        """Wait for what is being given up, a little."""
        await self._multipart.close()

    async def _put(self, name: str, data: bytes, content_type: str, condition: dict[str, str]) -> None:
        if len(data) > self._multipart_bytes:
            confirmed = await self._multipart.put(name, data, content_type=content_type, condition=condition)
        else:
            confirmed = await self._put_whole(name, data, content_type, condition)
        if not confirmed:
            # Else the next try would find it there and believe it.
            self._doubtful.add(name)
            raise SinkUnavailable(
                f"s3://{self._name}/{name}: the answer lacks the {self._checksum.name} checksum of what was put"
            )

    async def _put_whole(self, name: str, data: bytes, content_type: str, condition: dict[str, str]) -> bool:
        said = await self._threads.run(lambda: self._checksum.of(data))
        asked: dict[str, Any] = {
            "Bucket": self._name,
            "Key": name,
            "Body": data,
            "ContentType": content_type,
            self._checksum.field: said,
            **condition,
        }
        answer = await self._client.call("put_object", seconds=PUT_SECONDS, **asked)
        return await self._threads.run(lambda: self._checksum.confirmed(answer, said, data))
