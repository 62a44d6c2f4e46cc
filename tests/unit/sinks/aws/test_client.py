"""The sinks' door to AWS on a scripted server: what a call gives, what its errors mean, and what it leaves behind."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.faults.sdk.scripted import JSON, REQUEST_ID, BlackHole, Reply, Reset, Scripted, refused, said, scripted
from worker.errors import SinkRefused, SinkUnavailable
from worker.sinks.aws.client import AwsClient, open_client
from worker.sinks.aws.errors import AwsError, at_start
from worker.sinks.aws.spec import AwsSpec

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.faults.sdk.scripted import Answer

LAPSE: Final = 2.0


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL_DYNAMODB"):
        monkeypatch.delenv(name, raising=False)
    file = tmp_path / "credentials"
    write(file, "FIRST")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return file


@pytest.fixture
async def server() -> AsyncIterator[Scripted]:
    async with scripted() as script:
        yield script


def write(file: Path, key: str) -> None:
    file.write_text(f"[default]\naws_access_key_id = {key}\naws_secret_access_key = s\naws_session_token = t\n")


def spec_of(endpoint_url: str | None, *, region: str | None = "eu-west-1") -> AwsSpec:
    return AwsSpec(
        service="dynamodb",
        title="DynamoDB",
        prefix="DYNAMODB",
        region=region,
        endpoint_url=endpoint_url,
        connections=2,
        pipeline="orders",
        emit=lambda _: None,
        answer_seconds=LAPSE,
    )


@asynccontextmanager
async def opened(server: Scripted) -> AsyncIterator[AwsClient]:
    client = await open_client(spec_of(server.endpoint_url))
    try:
        yield client
    finally:
        await client.close()


def says(shape: str, status: int = 400, **more: Any) -> Reply:
    """An error of the service, with what some of them say besides."""
    body = {"__type": f"com.amazonaws.dynamodb.v20120810#{shape}", "message": "its words", **more}
    return Reply(status, json.dumps(body).encode(), REQUEST_ID | JSON)


async def asked(client: AwsClient) -> dict[str, Any]:
    return await client.call("describe_table", TableName="orders")


async def test_a_call_gives_what_the_service_answers(server: Scripted) -> None:
    """Parsed by the SDK, signed for the region that was said, at the endpoint that was said."""
    server.answers("DescribeTable", said({"Table": {"TableName": "orders"}}))
    async with opened(server) as client:
        assert (await asked(client))["Table"] == {"TableName": "orders"}
        assert (client.region, client.endpoint_url) == ("eu-west-1", server.endpoint_url)
    [request] = server.requests
    assert request.document == {"TableName": "orders"}
    assert "/eu-west-1/dynamodb/aws4_request" in request.headers["authorization"]


PASSING: Final[dict[str, tuple[Answer, str, bool]]] = {
    "throttled": (says("ThrottlingException"), "Throttling", True),
    "over what is provisioned": (says("ProvisionedThroughputExceededException"), "ProvisionedThroughputExceeded", True),
    "over the account's": (says("RequestLimitExceeded"), "RequestLimitExceeded", True),
    "another transaction": (says("TransactionConflictException"), "TransactionConflict", True),
    "its own fault": (says("InternalServerError", 500), "InternalServerError", False),
    "a page of a proxy": (Reply(body=b"<html>sign in</html>"), "NotAws", False),
    "no request id": (Reply(headers=JSON), "NotAws", False),
    "reset": (Reset(), "ClientOSError", False),
    "silent": (BlackHole(), "Timeout", False),
}


@pytest.mark.parametrize(("answer", "code", "throttled"), PASSING.values(), ids=PASSING)
async def test_what_passes_is_away(server: Scripted, answer: Answer, code: str, throttled: bool) -> None:  # noqa: FBT001
    """At the start and later: nothing is refused because the service is busy, broken or silent."""
    server.answers("DescribeTable", answer)
    async with opened(server) as client:
        with pytest.raises(AwsError) as caught:
            await asked(client)
    error = caught.value
    if code == "ClientOSError":  # the SDK's name of a reset depends on when it came
        assert error.code in {"ClientOSError", "ConnectionClosedError", "HTTPClientError", "ReadTimeoutError"}
    else:
        assert error.code in {code, "ReadTimeoutError"} if code == "Timeout" else error.code == code
    assert (error.throttled, error.lasting) == (throttled, False)
    assert isinstance(error, SinkUnavailable)
    assert at_start(error, spec_of(None), what="table orders", rights="dynamodb:PutItem") is error


LASTING: Final[dict[str, tuple[Answer, str]]] = {
    "a right is missing": (
        says("AccessDeniedException"),
        r"not allowed: give the worker's credentials dynamodb:PutItem on table orders .*AccessDenied: its words",
    ),
    "an unknown key": (
        says("UnrecognizedClientException"),
        r"no accepted credentials for table orders: give the worker a role, or set AWS_PROFILE",
    ),
    "no such table": (
        says("ResourceNotFoundException"),
        r"refused for table orders: check its name, DYNAMODB_REGION and DYNAMODB_ENDPOINT_URL, .*ResourceNotFound",
    ),
}


@pytest.mark.parametrize(("answer", "words"), LASTING.values(), ids=LASTING)
async def test_what_lasts_is_refused_at_the_start_with_the_fix_and_away_later(
    server: Scripted, answer: Answer, words: str
) -> None:
    """A right that is taken away while the worker runs must not send messages to the dead-letter queue."""
    server.answers("DescribeTable", answer)
    async with opened(server) as client:
        with pytest.raises(SinkUnavailable) as caught:
            await asked(client)
    assert isinstance(caught.value, AwsError)
    assert caught.value.lasting
    refusal = at_start(caught.value, spec_of(None), what="table orders", rights="dynamodb:PutItem")
    assert isinstance(refusal, SinkRefused)
    with pytest.raises(SinkRefused, match=words):
        raise refusal


async def test_what_the_service_says_besides_is_kept(server: Scripted) -> None:
    """The reasons of a cancelled transaction are no words, and a sink has to read them."""
    reasons = [{"Code": "None"}, {"Code": "ConditionalCheckFailed"}]
    server.answers("TransactWriteItems", says("TransactionCanceledException", CancellationReasons=reasons))
    async with opened(server) as client:
        with pytest.raises(AwsError) as caught:
            await client.call("transact_write_items", TransactItems=[])
    assert (caught.value.code, caught.value.status) == ("TransactionCanceled", 400)
    assert caught.value.answer["CancellationReasons"] == reasons


async def test_keys_that_are_refused_are_asked_for_anew(server: Scripted, credentials: Path) -> None:
    """A refused call was not carried out, so it is made once more with what the chain has now."""
    server.answers("DescribeTable", refused(400, "ExpiredTokenException"), said({"Table": {}}))
    async with opened(server) as client:
        write(credentials, "SECOND")
        assert (await asked(client))["Table"] == {}
    assert ["FIRST" in r.headers["authorization"] for r in server.requests] == [True, False]


async def test_one_try_alone_is_made(server: Scripted) -> None:
    """The SDK retries nothing: the pipeline does, which knows of the leases."""
    server.answers("DescribeTable", says("InternalServerError", 500))
    async with opened(server) as client:
        with pytest.raises(AwsError):
            await asked(client)
    assert len(server.requests) == 1


async def test_a_cancelled_call_stays_cancelled_and_the_client_goes_on(server: Scripted) -> None:
    """No task and no connection of it is left, and the next call is answered."""
    server.answers("DescribeTable", BlackHole(), said({"Table": {}}))
    async with opened(server) as client:
        before = asyncio.all_tasks()
        task = asyncio.ensure_future(asked(client))
        await server.swallowed.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await asked(client))["Table"] == {}
        assert [one for one in asyncio.all_tasks() if one not in before and "converse" not in repr(one)] == []


async def test_closing_ends_a_call_under_way_as_away(server: Scripted) -> None:
    """Whoever waits is told, and the batch is written again."""
    server.answers("DescribeTable", BlackHole())
    client = await open_client(spec_of(server.endpoint_url))
    task = asyncio.ensure_future(asked(client))
    await server.swallowed.wait()
    await client.close()
    with pytest.raises(AwsError) as caught:
        await task
    assert caught.value.code == "Closed"


async def test_a_large_body_goes_out_without_a_warning(server: Scripted) -> None:
    """Sixteen megabytes of items are more than aiohttp sends as bytes without complaint."""
    server.answers("PutItem", said({}))
    async with opened(server) as client:
        await client.call("put_item", TableName="orders", Item={"a": {"S": "x" * 2_000_000}})
    assert len(server.requests[0].document["Item"]["a"]["S"]) == 2_000_000


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (spec_of(None, region=None), r"no region for table orders: set DYNAMODB_REGION or AWS_REGION"),
        (spec_of("http://db.example.com"), r"table orders cannot be opened: .*plain http would send"),
        (spec_of("not a url"), r"refused for table orders: .*DYNAMODB_ENDPOINT_URL"),
    ],
    ids=["no region", "plain http", "no url"],
)
async def test_what_cannot_be_opened_says_what_to_change(spec: AwsSpec, words: str) -> None:
    """Nothing was asked yet, and nothing is left open."""
    with pytest.raises(AwsError) as caught:
        await open_client(spec)
    with pytest.raises(SinkRefused, match=words):
        raise at_start(caught.value, spec, what="table orders", rights="dynamodb:PutItem")


async def test_a_request_that_is_written_already_goes_out_as_it_is(server: Scripted) -> None:
    """Signed, to the byte; the next call, and one beside it, are the SDK's own again."""
    server.answers("PutItem", said({}))
    async with opened(server) as client:
        await asyncio.gather(
            client.post("put_item", b'{"TableName":"mine", "Item":{}}', TableName="x"),
            client.call("put_item", TableName="a", Item={}),
        )
        await client.call("put_item", TableName="b", Item={})
    tables = [request.document["TableName"] for request in server.requests]
    assert (sorted(tables[:2]), tables[2]) == (["a", "mine"], "b")
    assert all("authorization" in request.headers for request in server.requests)


async def test_no_credentials_say_so(credentials: Path) -> None:
    """The chain came to its end."""
    write(credentials, "")
    with pytest.raises(AwsError) as caught:
        await open_client(spec_of(None))
    assert caught.value.of_credentials
    with pytest.raises(SinkRefused, match="no accepted credentials for table orders"):
        raise at_start(caught.value, spec_of(None), what="table orders", rights="dynamodb:PutItem")
