"""What is said to the container agent, and what its answers mean: over real sockets."""

from __future__ import annotations

import pytest

from tests.unit.ecs.agents import ARN, answer, protection, serving
from worker.ecs import agent as module
from worker.ecs.agent import Agent, Told, agent_of


async def test_the_requests_are_those_of_the_developer_guide() -> None:
    """A PUT below the path that ECS names, with exactly the fields that the agent knows: it refuses any other."""
    async with serving() as fake:
        agent = Agent(fake.uri)
        assert await agent.protect(minutes=10) == Told()
        assert await agent.release() == Told()
    line = "PUT /api/f0e1d2c3-42/task-protection/v1/state HTTP/1.1"
    assert fake.asked == [
        (line, {"ProtectionEnabled": True, "ExpiresInMinutes": 10}),
        (line, {"ProtectionEnabled": False}),
    ]


async def test_an_answer_in_chunks_is_read() -> None:
    """HTTP allows it, so an agent may do it."""
    async with serving() as fake:
        fake.answers = [protection(enabled=True, chunked=True)]
        assert await Agent(fake.uri).protect(minutes=1) == Told()


@pytest.mark.parametrize(
    ("answered", "code"),
    [
        (answer(200, {"failure": {"Arn": ARN, "Detail": None, "Reason": "TASK_NOT_VALID"}}), "TASK_NOT_VALID"),
        (
            answer(400, {"error": {"Arn": ARN, "Code": "AccessDeniedException", "Message": "no"}}),
            "AccessDeniedException",
        ),
        (answer(400, {"error": {"Code": "ThrottlingException", "Message": "slow"}}), "ThrottlingException"),
        (answer(504, {"error": {"Code": "RequestCanceled", "Message": "timed out"}}), "RequestCanceled"),
        (answer(404, "no page"), "http-404"),
        (answer(200, {"protection": {"ProtectionEnabled": False, "TaskArn": ARN}}), "not-obeyed"),
        (answer(200, {}), "not-obeyed"),
        (answer(200, [1]), "not-obeyed"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{}", "unreachable"),
        (b"SSH-2.0-OpenSSH\r\n", "unreachable"),
    ],
)
async def test_every_refusal_has_a_name(answered: bytes, code: str) -> None:
    """Also one that comes with status 200, one that is cut off, and one that is not HTTP."""
    async with serving() as fake:
        fake.answers = [answered]
        assert (await Agent(fake.uri).protect(minutes=1)).code == code


async def test_an_agent_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """It holds up nothing else, and the next try is another connection."""
    monkeypatch.setattr(module, "ANSWER_SECONDS", 0.05)
    async with serving() as fake:
        fake.silent = True
        assert (await Agent(fake.uri).release()).code == "timeout"


@pytest.mark.parametrize("uri", ["http://127.0.0.1:1/api/x", "http://", f"http://{'x' * 300}/api", "http://[::1/api"])
async def test_nobody_there_is_an_answer_too(uri: str) -> None:
    """Whatever stands in the variable, the worker goes on."""
    agent = agent_of({"ECS_AGENT_URI": uri})
    assert agent is None or (await agent.protect(minutes=1)).code == "unreachable"


def test_elsewhere_there_is_no_agent() -> None:
    """Nothing is made, nothing is asked."""
    assert agent_of({}) is None
    assert agent_of({"ECS_AGENT_URI": "file:///etc/passwd"}) is None
    assert agent_of({"ECS_AGENT_URI": "http://169.254.170.2/api/x"}) is not None
