"""Fault rules over the wire: each action does what it says, to whom it says, as often as it says."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any

import pytest

from tests.unit.loopback.http import Client
from tests.unit.loopback.world import START, World, in_virtual_time
from worker.loopback.faults import FaultRule, Faults
from worker.loopback.wire import HttpRequest, Wire

if TYPE_CHECKING:
    from worker.loopback.server import LoopbackServer
    from worker.loopback.spoiling import Reply


def receive(client: Client, **more: object) -> dict[str, object]:
    """Parameters of a receive of ten."""
    return {"QueueUrl": client.url(), "MaxNumberOfMessages": 10, **more}


async def test_an_error_has_its_code_and_its_status(client: Client, server: LoopbackServer, world: World) -> None:
    """By either spelling, with the status of the table or another; nothing is performed."""
    world.send()
    server.faults.set(
        [
            FaultRule("error", code="RequestThrottled", count=1),
            FaultRule("error", code="RequestThrottled", status=400, count=1),
            FaultRule("error", code="AWS.SimpleQueueService.NonExistentQueue", count=1),
            FaultRule("error", count=1),
        ]
    )
    answers = [await client.call("ReceiveMessage", receive(client)) for _ in range(4)]
    seen = [(one.status, one.json["__type"].partition("#")[2]) for one in answers]
    codes = ["RequestThrottled", "RequestThrottled", "QueueDoesNotExist", "InternalError"]
    assert seen == list(zip([403, 400, 400, 500], codes, strict=True))
    assert answers[3].headers["x-amzn-query-error"] == "InternalError;Receiver"
    assert world.held() == (1, 0, 0)
    assert len((await client.call("ReceiveMessage", receive(client))).json["Messages"]) == 1


async def test_a_status_and_a_page_are_not_sqs(client: Client, server: LoopbackServer, world: World) -> None:
    """No JSON, no request id; performed only if the rule says so."""
    world.send()
    server.faults.set([FaultRule("status", status=502, count=1), FaultRule("html", performed=True, count=1)])
    bad = await client.call("ReceiveMessage", receive(client))
    assert (bad.status, bad.headers["content-type"], "x-amzn-requestid" in bad.headers) == (502, "text/html", False)
    assert world.held() == (1, 0, 0)
    page = await client.call("ReceiveMessage", receive(client))
    assert (page.status, page.body[:15]) == (200, b"<!doctype html>")
    assert world.held() == (0, 1, 0)


async def test_a_rule_is_for_an_operation_and_a_queue(client: Client, server: LoopbackServer, world: World) -> None:
    """Others pass by, and its count does not grow."""
    world.queue("other")
    server.faults.set([FaultRule("error", operation="ReceiveMessage", queue="other")])
    assert (await client.call("ReceiveMessage", receive(client))).status == 200
    assert (await client.call("GetQueueUrl", {"QueueName": "other"})).status == 200
    assert (await client.call("ReceiveMessage", {"QueueUrl": client.url("other")})).status == 500
    assert server.faults.fired == [1]


async def test_a_rule_has_a_time(client: Client, server: LoopbackServer, world: World) -> None:
    """After so many seconds, until so many."""
    server.faults.set([FaultRule("status", after_seconds=10, until_seconds=20)])
    seen = []
    for now in (9, 10, 19, 20):
        world.now = START + now
        seen.append((await client.call("ListQueues", {})).status)
    assert seen == [200, 503, 503, 200]


def test_a_probability_is_seeded() -> None:
    """The same seed meets the same trouble, at about the asked rate."""

    def run(seed: int) -> list[bool]:
        faults = Faults([FaultRule("error", probability=0.3)], rng=random.Random(seed), clock=lambda: 0.0)
        return [bool(faults.plan("SendMessage", "jobs").rules) for _ in range(1000)]

    assert run(1) == run(1) != run(2)
    assert 250 < sum(run(1)) < 350


async def test_a_lost_answer_was_performed(client: Client, server: LoopbackServer, world: World) -> None:
    """The connection closes without a byte, and the message is in flight."""
    world.send()
    server.faults.set([FaultRule("lose_answer")])
    await client.send(client.request("ReceiveMessage", receive(client)))
    assert await client.reader.read() == b""
    assert world.held() == (0, 1, 0)


@pytest.mark.parametrize("performed", [False, True])
async def test_a_reset_is_a_reset(client: Client, server: LoopbackServer, world: World, *, performed: bool) -> None:
    """The kernel sends RST, before or after the work."""
    world.send()
    server.faults.set([FaultRule("reset", performed=performed)])
    other = await Client.connect(server)
    await other.send(other.request("ReceiveMessage", receive(other)))
    with pytest.raises(ConnectionResetError):
        await other.reader.readexactly(1)
    other.writer.close()
    assert world.held() == (int(not performed), int(performed), 0)
    server.faults.set([])
    assert (await client.call("ListQueues", {})).status == 200


async def test_an_answer_is_cut_where_the_rule_says(client: Client, server: LoopbackServer, world: World) -> None:
    """So many bytes, head included, and then the end."""
    world.send()
    server.faults.set([FaultRule("truncate", size=300)])
    await client.send(client.request("ReceiveMessage", receive(client)))
    data = await client.reader.read()
    assert len(data) == 300
    assert data.startswith(b"HTTP/1.1 200 OK\r\n")


async def test_silence_lasts_until_somebody_hangs_up(client: Client, server: LoopbackServer) -> None:
    """No byte comes, other connections go on, and the client can leave."""
    server.faults.set([FaultRule("silence", count=1)])
    quiet = await Client.connect(server)
    await quiet.send(quiet.request("ListQueues", {}) + quiet.request("ListQueues", {}))
    assert (await client.call("ListQueues", {})).status == 200
    assert server.faults.fired == [1]
    assert not quiet.reader._buffer  # type: ignore[attr-defined] # what has arrived, without waiting for more
    await quiet.close()


async def test_an_answer_can_lack_its_request_id(client: Client, server: LoopbackServer) -> None:
    """The only sign of a proxy that answers in JSON."""
    server.faults.set([FaultRule("no_request_id")])
    got = await client.call("ListQueues", {})
    assert (got.status, "x-amzn-requestid" in got.headers) == (200, False)


async def test_messages_can_be_damaged(client: Client, server: LoopbackServer, world: World) -> None:
    """A wrong MD5, a field that is not there, in the share that the rule says."""
    for number in range(10):
        world.send(str(number))
    server.faults.set([FaultRule("wrong_md5", share=0.5), FaultRule("missing_field", field="Body", share=0.5)])
    messages = (await client.call("ReceiveMessage", receive(client))).json["Messages"]
    assert len(messages) == 10
    assert 0 < sum(one["MD5OfBody"] == "d41d8cd98f00b204e9800998ecf8427e" for one in messages) < 10
    assert 0 < sum("Body" not in one for one in messages) < 10


async def test_a_receive_can_hold_a_message_twice_and_in_another_order(
    client: Client, server: LoopbackServer, world: World
) -> None:
    """Never more than ten."""
    for number in range(4):
        world.send(str(number))
    server.faults.set([FaultRule("duplicate"), FaultRule("reorder")])
    bodies = [m["Body"] for m in (await client.call("ReceiveMessage", receive(client))).json["Messages"]]
    assert sorted(bodies) == sorted("01230123")
    assert bodies != list("01230123")


async def test_a_message_can_stay_visible(client: Client, server: LoopbackServer, world: World) -> None:
    """Two receives get it, and the later handle deletes it."""
    world.send()
    server.faults.set([FaultRule("still_visible", operation="ReceiveMessage", count=1)])
    first = (await client.call("ReceiveMessage", receive(client))).json["Messages"][0]
    second = (await client.call("ReceiveMessage", receive(client))).json["Messages"][0]
    assert first["MessageId"] == second["MessageId"]
    assert first["ReceiptHandle"] != second["ReceiptHandle"]
    await client.call("DeleteMessage", {"QueueUrl": client.url(), "ReceiptHandle": second["ReceiptHandle"]})
    assert world.held() == (0, 0, 0)


async def delete_all(client: Client) -> tuple[list[str], Any]:
    """Receive ten and delete them by one batch: the ids that were asked, and the answer."""
    messages = (await client.call("ReceiveMessage", receive(client))).json["Messages"]
    entries = [{"Id": f"e{n}", "ReceiptHandle": one["ReceiptHandle"]} for n, one in enumerate(messages)]
    answer = await client.call("DeleteMessageBatch", {"QueueUrl": client.url(), "Entries": entries})
    return [one["Id"] for one in entries], answer.json


@pytest.mark.parametrize("performed", [False, True])
async def test_a_batch_can_fail_in_part(
    client: Client, server: LoopbackServer, world: World, *, performed: bool
) -> None:
    """Failed entries are named with their code; whether they were performed is the rule's."""
    for number in range(10):
        world.send(str(number))
    rule = FaultRule("partial", operation="DeleteMessageBatch", share=0.5, performed=performed, code="InternalError")
    server.faults.set([rule])
    ids, answer = await delete_all(client)
    failed = [one["Id"] for one in answer["Failed"]]
    assert 0 < len(failed) < 10
    assert sorted(failed + [one["Id"] for one in answer["Successful"]]) == sorted(ids)
    assert {one["SenderFault"] for one in answer["Failed"]} == {False}
    assert world.held() == (0, 0 if performed else len(failed), 0)


async def test_a_batch_can_forget_entries(client: Client, server: LoopbackServer, world: World) -> None:
    """They are in neither list."""
    for number in range(10):
        world.send(str(number))
    server.faults.set([FaultRule("omit", operation="DeleteMessageBatch", share=0.5)])
    ids, answer = await delete_all(client)
    assert "Failed" not in answer
    assert 0 < len(answer["Successful"]) < len(ids)
    assert world.held() == (0, len(ids) - len(answer["Successful"]), 0)


async def test_an_old_access_key_is_an_expired_token(client: Client, server: LoopbackServer) -> None:
    """Requests signed with it are refused, those with the next one are not."""
    server.faults.set([FaultRule("expired_token", access_key="AKIAOLD")])
    signature = "AWS4-HMAC-SHA256 Credential={}/20260101/us-east-1/sqs/aws4_request, SignedHeaders=host, Signature=0"
    old = await client.call("ListQueues", {}, Authorization=signature.format("AKIAOLD"))
    assert (old.status, old.headers["x-amzn-query-error"]) == (403, "ExpiredToken;Sender")
    assert (await client.call("ListQueues", {}, Authorization=signature.format("AKIANEW"))).status == 200


@pytest.mark.parametrize("performed", [False, True])
def test_latency_delays_the_work_or_the_answer(*, performed: bool) -> None:
    """In virtual time: either the request or its answer is under way for the asked time."""

    async def scenario(world: World) -> None:
        import asyncio  # noqa: PLC0415 - only here

        world.queue()
        rule = FaultRule("latency", operation="SendMessage", seconds=2, seconds_max=3, performed=performed)
        wire = Wire(world.sqs, Faults([rule], rng=random.Random(1), clock=world.sqs.clock), random.Random(0))
        replies: list[Reply] = []
        body = {"QueueUrl": "http://x/000000000000/jobs", "MessageBody": "x"}
        wire.handle(HttpRequest("POST", "/", json.dumps(body).encode(), target="AmazonSQS.SendMessage"), replies.append)
        await asyncio.sleep(1.9)
        assert (len(replies), world.held()[0]) == (0, int(performed))
        await asyncio.sleep(1.2)
        assert (len(replies), world.held()[0]) == (1, 1)

    in_virtual_time(scenario)


async def test_latency_keeps_an_error_an_error(client: Client, server: LoopbackServer) -> None:
    """A refusal after the delay is answered like any other."""
    server.faults.set([FaultRule("latency", seconds=0.001)])
    assert (await client.call("GetQueueUrl", {"QueueName": "nowhere"})).json["__type"].endswith("QueueDoesNotExist")


async def test_rules_are_set_and_taken_back_over_the_control_address(client: Client) -> None:
    """A list replaces what was there; nonsense is refused and changes nothing."""
    got = await client.get("/_loopback/faults", method="POST", body=[{"action": "status", "status": 500}])
    assert got.status == 200
    assert (await client.call("ListQueues", {})).status == 500
    for nonsense in (
        [{"action": "explode"}],
        [{"action": "status", "who": 1}],
        ["x"],
        [{"action": "status", "share": "all"}],
    ):
        refused = await client.get("/_loopback/faults", method="POST", body=nonsense)
        assert refused.status == 400
    assert (await client.get("/_loopback/account")).json["faults"][0]["fired"] == 1
    await client.get("/_loopback/faults", method="DELETE")
    assert (await client.call("ListQueues", {})).status == 200
