"""A file above the bound is put in pieces: it is there whole or not at all, and nothing is left of one that failed."""

from __future__ import annotations

import asyncio
import random
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.contract.store import Fault
from worker.errors import SinkUnavailable
from worker.sinks.aws.client import open_client
from worker.sinks.aws.spec import AwsSpec
from worker.sinks.parts.bucket import Bucket
from worker.sinks.parts.checksum import Checksum
from worker.sinks.threads import Threads

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.contract.store import Store

PIECE_BYTES: Final = 5 * 1024 * 1024
"""The smallest that S3 takes, and moto as well."""
DATA: Final = random.Random(0).randbytes(2 * PIECE_BYTES + 1000)
"""Two pieces and a little."""
ASKED: Final = ["POST uploads", "PUT part", "PUT part", "PUT part", "POST complete"]


@asynccontextmanager
async def opened(s3: Store, bucket: str, algorithm: Any = "sha256") -> AsyncIterator[Bucket]:
    spec = AwsSpec(
        service="s3",
        title="S3",
        prefix="S3",
        region="us-east-1",
        endpoint_url=s3.url,
        connections=2,
        pipeline="orders",
        emit=lambda _: None,
    )
    client, threads = await open_client(spec), Threads(1, name="s3")
    place = Bucket(
        client,
        bucket,
        checksum=Checksum(algorithm),
        threads=threads,
        multipart_bytes=PIECE_BYTES,
        piece_bytes=PIECE_BYTES,
    )
    try:
        yield place
    finally:
        await place.close()
        await client.close()
        threads.stop()


async def put(place: Bucket) -> bool:
    return await place.put("large", DATA, content_type="application/octet-stream")


@pytest.mark.parametrize("algorithm", ["sha256", "crc32"])
async def test_it_is_put_in_pieces_once(s3: Store, bucket: str, algorithm: str) -> None:
    """Whole; the second time it is there already, and what was uploaded of it is given up."""
    async with opened(s3, bucket, algorithm) as place:
        assert await put(place)
        assert s3.requests == ASKED
        assert not await put(place)
    assert s3.files(bucket) == {"large": DATA}
    assert s3.uploads(bucket) == []


@pytest.mark.parametrize(
    "fault",
    [
        Fault("PUT part", "refused", "SlowDown", 503),
        Fault("PUT part", "wrong"),
        Fault("PUT part", "bare"),
        Fault("POST complete", "refused", "InternalError", 500),
        Fault("POST complete", "refused", "NoSuchUpload", 404),
    ],
    ids=lambda fault: f"{fault.operation}-{fault.kind}-{fault.code}",
)
async def test_what_fails_half_way_leaves_nothing(s3: Store, bucket: str, fault: Fault) -> None:
    """The upload is given up, the file is not there, and the next try stores it."""
    async with opened(s3, bucket) as place:
        s3.faults.append(fault)
        with pytest.raises(SinkUnavailable):
            await put(place)
        await place.close()
        assert (s3.files(bucket), s3.uploads(bucket)) == ({}, [])
        assert await put(place)
    assert s3.files(bucket) == {"large": DATA}


async def test_a_completion_whose_answer_was_lost_is_found(s3: Store, bucket: str) -> None:
    """It is there: giving it up changes nothing, and the next try hears so."""
    async with opened(s3, bucket) as place:
        s3.faults.append(Fault("POST complete", "lost"))
        with pytest.raises(SinkUnavailable):
            await put(place)
        assert not await put(place)
    assert s3.files(bucket) == {"large": DATA}


async def test_cancelled_it_is_given_up(s3: Store, bucket: str) -> None:
    """At any moment: the one that cancels waits for nothing, `close` waits for the end of it."""
    async with opened(s3, bucket) as place:
        for requests in range(1, len(ASKED)):
            s3.requests.clear()
            writing = asyncio.ensure_future(put(place))
            while len(s3.requests) < requests:  # noqa: ASYNC110 - told by threads of the store
                await asyncio.sleep(0.001)
            writing.cancel()
            with pytest.raises(asyncio.CancelledError):
                await writing
            await place.close()
        await put(place)
    assert s3.files(bucket) == {"large": DATA}
