"""The native queue on a server that answers as it is told: what is its own, beyond what the SDK's way does too."""

from __future__ import annotations

import asyncio
from email.utils import formatdate
from typing import TYPE_CHECKING, Final

import pytest

from tests.faults.sdk.scripted import (
    JSON,
    REQUEST_ID,
    BlackHole,
    Reply,
    Reset,
    Scripted,
    message,
    refused,
    said,
    scripted,
)
from tests.faults.sdk.steps import delivery, spec_of, write_credentials
from tests.unit.sqs.native.test_connection import Room
from worker.app.build import open_queue
from worker.errors import CredentialsRefused, QueueRefused, QueueUnavailable
from worker.facts import RequestMade, TransportChosen
from worker.message import Attribute, Outgoing
from worker.settings import PipelineSettings
from worker.sqs.native.call import Untimed
from worker.sqs.native.queue import FRAME_BYTES, NativeQueue
from worker.sqs.open import open_native_queue
from worker.sqs.queue import OK, Queue
from worker.sqs.sdk.queue import SdkQueue
from worker.waiting.limit import Limits

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from worker.facts import Fact
    from worker.waiting.limit import Limit

NOW: Final = 1_700_000_000.0
LAPSE: Final = 5.0
LARGE: Final = "x" * 8_000_000
"""More than sockets hold."""


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    file = tmp_path / "credentials"
    write_credentials(file, "FIRST")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture
async def server() -> AsyncIterator[Scripted]:
    async with scripted() as script:
        yield script


@pytest.fixture
def facts() -> list[Fact]:
    return []


@pytest.fixture
async def queue(server: Scripted, facts: list[Fact]) -> AsyncIterator[Queue]:
    opened = await open_native_queue(
        spec_of(server), facts.append, required=True, wall=lambda: NOW, margin_seconds=LAPSE, settle_seconds=5.0
    )
    facts.clear()
    yield opened
    await opened.close()


def codes(facts: list[Fact]) -> list[tuple[str, str]]:
    """What each request was and how it ended."""
    return [(fact.operation, fact.code) for fact in facts if isinstance(fact, RequestMade)]


def refused_at(seconds: float, code: str = "RequestTimeTooSkewed") -> Reply:
    """A refusal by a server whose clock says *seconds*."""
    plain = refused(403, code)
    return Reply(403, plain.body, plain.headers | {"Date": formatdate(seconds, usegmt=True)})


async def test_a_wrong_clock_is_corrected_once_and_for_all(server: Scripted, queue: Queue, facts: list[Fact]) -> None:
    """The refused request is made again with the server's time, and so is every later one, at once."""
    server.answers("ReceiveMessage", refused_at(NOW + 3600), said({"Messages": [message(1)]}))
    assert [one.message_id for one in await queue.receive(10, 0)] == ["id-1"]
    assert [one.message_id for one in await queue.receive(10, 0)] == ["id-1"]
    stamps = [request.headers["x-amz-date"] for request in server.asked("ReceiveMessage")]
    assert stamps == ["20231114T221320Z", "20231114T231320Z", "20231114T231320Z"]
    assert codes(facts) == [("receive", "RequestTimeTooSkewed"), ("receive", "ok"), ("receive", "ok")]


async def test_a_clock_that_nothing_corrects_is_refused(server: Scripted, queue: Queue) -> None:
    """One correction a call: the second refusal is the caller's."""
    server.answers("ReceiveMessage", refused_at(NOW + 3600), refused_at(NOW + 9999))
    with pytest.raises(CredentialsRefused):
        await queue.receive(10, 0)
    assert len(server.asked("ReceiveMessage")) == 2


async def test_a_send_over_a_kept_connection_that_ends_is_not_made_again(
    server: Scripted, queue: Queue, facts: list[Fact]
) -> None:
    """It may have been performed; everything else is made once more, and both requests are told of."""
    server.answers("SendMessageBatch", said({"Successful": [{"Id": "0"}]}), Reset())
    server.answers("DeleteMessageBatch", Reset(), said({"Successful": [{"Id": "0"}]}))
    assert await queue.send([Outgoing("x")]) == [OK]
    with pytest.raises(QueueUnavailable):
        await queue.send([Outgoing("x")])
    assert len(server.asked("SendMessageBatch")) == 2
    await queue.attributes()
    assert await queue.delete([delivery(1)]) == [OK]
    lost = "ConnectionClosedError"
    assert codes(facts)[1:] == [("send", lost), ("attributes", "ok"), ("delete", lost), ("delete", "ok")]


@pytest.mark.parametrize("pause", [0, 1, 5])
async def test_a_giving_back_over_a_kept_connection_that_ends_is_not_made_again(
    server: Scripted, queue: Queue, facts: list[Fact], pause: int
) -> None:
    """It may have made the message visible soon, and somebody else has it by then. A renewal is made once more."""
    done = said({"Successful": [{"Id": "0"}]})
    server.answers("ChangeMessageVisibilityBatch", done, Reset(), done, Reset())
    assert await queue.change_visibility([delivery(1)], [30]) == [OK]
    assert await queue.change_visibility([delivery(1)], [30]) == [OK]
    with pytest.raises(QueueUnavailable):
        await queue.change_visibility([delivery(1)], [pause])
    assert len(server.asked("ChangeMessageVisibilityBatch")) == 4
    lost, name = "ConnectionClosedError", "change_visibility"
    assert codes(facts) == [(name, "ok"), (name, lost), (name, "ok"), (name, lost)]


async def test_what_is_sent_is_what_the_sdk_sends(server: Scripted, queue: Queue) -> None:
    """The same documents, to the last field, for every operation."""
    beneath = await open_native_queue(spec_of(server), lambda _: None, required=True)
    other = await open_queue(
        f"{server.endpoint_url}/000000000000/orders",
        PipelineSettings(
            name="orders", queue="orders", region="us-east-1", endpoint_url=server.endpoint_url, transport="sdk"
        ),
        lambda _: None,
    )
    assert isinstance(beneath, NativeQueue)
    assert isinstance(other, SdkQueue)
    attributes = {"raw": Attribute("Binary", b"\x00\xff"), "kind": Attribute("Number.int", "1")}
    sent = Outgoing("Grüße", attributes=attributes, group_id="g", deduplication_id="d", trace_header="t")
    ok = said({"Successful": [{"Id": "0"}]})
    for operation in ("DeleteMessageBatch", "ChangeMessageVisibilityBatch", "SendMessageBatch"):
        server.answers(operation, ok)
    server.answers("ReceiveMessage", said({}))
    server.requests.clear()
    for each in (queue, other):
        await each.receive(7, 0, attempt_id="again")
        await each.receive(10, 0)
        await each.delete([delivery(1)])
        await each.change_visibility([delivery(1)], [30])
        await each.send([sent])
        await each.attributes()
    half = len(server.requests) // 2
    shown = [(request.operation, request.document) for request in server.requests]
    assert shown[:half] == shown[half:]
    assert half == 6
    await beneath.close()
    await other.close()


async def test_a_body_that_utf8_cannot_hold_is_left_to_the_server_to_refuse(server: Scripted, queue: Queue) -> None:
    """Half a surrogate pair goes out as JSON spells it, as by the SDK, and is no crash of ours."""
    server.answers("SendMessageBatch", refused(400, "InvalidMessageContents"))
    with pytest.raises(QueueRefused, match="InvalidMessageContents"):
        await queue.send([Outgoing("\ud800", attributes={"raw": Attribute("Binary", b"\x00")})])
    (request,) = server.asked("SendMessageBatch")
    assert request.document["Entries"][0]["MessageBody"] == "\ud800"


async def test_waiting_for_room_is_not_silence() -> None:
    """The time of a call stands still while its answer waits outside, and goes on afterwards."""
    room, limit = Room(1_000), Limits().within(0.0)
    asyncio.get_running_loop().call_soon(lambda: asyncio.get_running_loop().call_soon(room.free.set))
    with pytest.raises(TimeoutError):
        await admitted_and_then_silent(room, limit)
    assert room.asked == [2_000]
    assert Untimed(room, limit).granted == 2_000


async def admitted_and_then_silent(room: Room, limit: Limit) -> None:
    """A call whose server says no more after there was room."""
    with limit:
        await Untimed(room, limit).admit(2_000)
        await asyncio.get_running_loop().create_future()


async def test_a_receive_asks_for_room_by_what_its_answer_says(server: Scripted, queue: Queue) -> None:
    """The queue measures: a large answer waits outside, and is whole when it was let in."""
    assert queue.frame_bytes == FRAME_BYTES
    server.answers("ReceiveMessage", said({"Messages": [message(1, Body=LARGE, MD5OfBody=None)]}))
    room = Room(1_000)
    async with asyncio.TaskGroup() as tasks:
        polled = tasks.create_task(queue.receive(10, 0, admission=room))
        await room.waits.wait()
        assert not polled.done()
        room.free.set()
    assert [one.body for one in polled.result()] == [LARGE]
    assert room.asked > [len(LARGE)]


async def test_close_ends_calls_wherever_they_wait(server: Scripted, facts: list[Fact]) -> None:
    """For room, for an answer, for a connection: all fail as closed, and nobody is left waiting."""
    queue = await open_native_queue(spec_of(server), facts.append, required=True)
    server.answers("ReceiveMessage", said({"Messages": [message(1, Body=LARGE, MD5OfBody=None)]}))
    server.answers("DeleteMessageBatch", BlackHole())
    room = Room(1_000)
    async with asyncio.TaskGroup() as tasks:
        calls = [
            tasks.create_task(ended(queue.receive(10, 0, admission=room))),
            tasks.create_task(ended(queue.delete([delivery(1)]))),
            tasks.create_task(ended(queue.delete([delivery(2)]))),
        ]
        await room.waits.wait()
        await server.swallowed.wait()
        await queue.close()
    assert [call.result() for call in calls] == ["Closed"] * 3
    assert await ended(queue.delete([delivery(1)])) == "Closed"


async def ended(call: object) -> str:
    """The code with which *call* ends."""
    assert asyncio.iscoroutine(call)
    with pytest.raises(QueueUnavailable) as raised:
        await call
    return raised.value.code


async def test_a_receive_asks_the_same_bytes_again(server: Scripted, queue: Queue) -> None:
    """Prepared once for each limit and wait, and right for each."""
    server.answers("ReceiveMessage", said({}))
    for limit, wait in ((10, 0), (3, 0), (10, 0), (10, 1)):
        await queue.receive(limit, wait)
    asked = [request.document for request in server.asked("ReceiveMessage")]
    assert [(one["MaxNumberOfMessages"], one["WaitTimeSeconds"]) for one in asked] == [
        (10, 0),
        (3, 0),
        (10, 0),
        (10, 1),
    ]
    assert asked[0] == asked[2]


def settings_of(server: Scripted, transport: str) -> PipelineSettings:
    """One pipeline on the scripted server."""
    return PipelineSettings.model_validate(
        {
            "name": "orders",
            "queue": "orders",
            "region": "us-east-1",
            "endpoint_url": server.endpoint_url,
            "transport": transport,
        }
    )


@pytest.mark.parametrize(
    ("transport", "proxied", "kind"),
    [
        ("auto", "", NativeQueue),
        ("native", "", NativeQueue),
        ("sdk", "", SdkQueue),
        ("auto", "HTTP_PROXY", SdkQueue),
    ],
    ids=["auto", "native", "sdk", "auto behind a proxy"],
)
async def test_the_setting_chooses_the_way(
    server: Scripted, facts: list[Fact], monkeypatch: pytest.MonkeyPatch, transport: str, proxied: str, kind: type
) -> None:
    """`auto` takes the quicker one that fits, and says which and why."""
    if proxied:  # the scripted server takes what is meant for another one as it is
        monkeypatch.setenv(proxied, server.endpoint_url)
    queue = await open_queue(f"{server.endpoint_url}/000000000000/orders", settings_of(server, transport), facts.append)
    assert type(queue) is kind
    chosen = [fact for fact in facts if isinstance(fact, TransportChosen)]
    assert [fact.transport for fact in chosen] == ([] if transport == "sdk" else ["sdk" if proxied else "native"])
    assert not proxied or "proxy" in chosen[0].reason
    await queue.close()


async def test_native_where_it_does_not_fit_is_refused_with_the_reason(
    server: Scripted, facts: list[Fact], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever asks for it by name is told why not, and what to set instead."""
    monkeypatch.setenv("HTTP_PROXY", server.endpoint_url)
    address = f"{server.endpoint_url}/000000000000/orders"
    with pytest.raises(QueueRefused, match=r"because a proxy is set .* SQS_TRANSPORT=sdk"):
        await open_queue(address, settings_of(server, "native"), facts.append)


async def test_an_answer_without_a_request_id_is_not_of_sqs(server: Scripted, queue: Queue) -> None:
    """However good its document looks."""
    server.answers("ReceiveMessage", Reply(headers=JSON))
    with pytest.raises(QueueUnavailable, match="NotSqs"):
        await queue.receive(10, 0)
    server.answers("ReceiveMessage", Reply(headers=JSON | REQUEST_ID))
    assert await queue.receive(10, 0) == []
