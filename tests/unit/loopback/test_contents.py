"""What a message may contain, and the digests of it."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from tests.unit.loopback.world import World
from worker.loopback.contents import message_bytes
from worker.loopback.digest import attributes_md5
from worker.loopback.errors import SqsFault
from worker.message import Attribute, Outgoing

if TYPE_CHECKING:
    from collections.abc import Mapping


@pytest.mark.parametrize(
    "body", ["plain", "tab\tand\nline\r", "\ud7ff\ue000\ufffd", "\U00010000\U0010ffff", "привет 😀"]
)
def test_allowed_characters_pass(body: str) -> None:
    """The XML 1.0 set, its borders included."""
    world = World()
    world.queue()
    assert world.send(body).md5 == hashlib.md5(body.encode(), usedforsecurity=False).hexdigest()
    assert world.bodies() == [body]


@pytest.mark.parametrize("body", ["\x00", "a\x0bb", "\x1f", "\ufffe", "x\uffff"])
def test_forbidden_characters_are_invalid_contents(body: str) -> None:
    """Each of them has its own code, so that senders can tell it from a size problem."""
    world = World()
    world.queue()
    with pytest.raises(SqsFault) as caught:
        world.send(body)
    assert caught.value.code == "InvalidMessageContents"


def test_sizes_count_utf8_bytes_and_attributes() -> None:
    """1 MiB together passes, one byte more does not."""
    world = World()
    world.queue(MaximumMessageSize=1024)
    attributes = {"name": Attribute("Binary", b"12345")}
    room = 1024 - len("name") - len("Binary") - 5
    world.send("é" * (room // 2), attributes=attributes)
    with pytest.raises(SqsFault, match="shorter than 1024"):
        world.send("é" * (room // 2) + "ab", attributes=attributes)


def test_a_batch_may_weigh_no_more_than_a_message() -> None:
    """1 MiB over all entries, else the batch is refused whole."""
    world = World()
    queue = world.queue()
    half = "x" * (1_048_576 // 2)
    answers = world.sqs.send_message_batch("jobs", [Outgoing(half), Outgoing(half)])
    assert not any(isinstance(one, SqsFault) for one in answers)
    with pytest.raises(SqsFault) as caught:
        world.sqs.send_message_batch("jobs", [Outgoing(half), Outgoing(half + "x")])
    assert caught.value.code == "BatchRequestTooLong"
    assert queue.counts.sent == 2


@pytest.mark.parametrize(
    "attributes",
    [
        {f"a{number}": Attribute("String", "x") for number in range(11)},
        {"AWS.x": Attribute("String", "x")},
        {"amazon.x": Attribute("String", "x")},
        {".x": Attribute("String", "x")},
        {"x..y": Attribute("String", "x")},
        {"x" * 257: Attribute("String", "x")},
        {"x": Attribute("Text", "x")},
        {"x": Attribute("String", "")},
        {"x": Attribute("Number", "one")},
        {"x": Attribute("String", b"x")},
        {"x": Attribute("Binary", "x")},
    ],
)
def test_attributes_are_checked(attributes: Mapping[str, Attribute]) -> None:
    """Number, names, types and values."""
    world = World()
    world.queue()
    with pytest.raises(SqsFault) as caught:
        world.send(attributes=dict(attributes))
    assert caught.value.code == "InvalidParameterValueException"


def test_an_attribute_with_a_forbidden_character_is_an_invalid_parameter() -> None:
    """The characters of bodies, but a code of its own, as recorded on AWS."""
    world = World()
    world.queue()
    with pytest.raises(SqsFault) as caught:
        world.send(attributes={"x": Attribute("String", "\x00")})
    assert caught.value.code == "InvalidParameterValueException"


def test_a_name_beyond_ascii_weighs_its_bytes() -> None:
    """As its value does: what is counted is what goes over the wire."""
    assert message_bytes(Outgoing("x", {"ü": Attribute("String", "ü")})) == 1 + 2 + len("String") + 2


@pytest.mark.parametrize(
    ("body", "group", "deduplication", "delay"),
    [
        ("", None, None, None),
        ("x", "a b", None, None),
        ("x", None, "d", None),
        ("x", None, None, 901),
        ("x", None, None, -1),
    ],
)
def test_a_standard_send_is_checked(body: str, group: str | None, deduplication: str | None, delay: int | None) -> None:
    """An empty body, a malformed group, a deduplication id, and a delay out of range are refused."""
    world = World()
    world.queue()
    with pytest.raises(SqsFault):
        world.send(body, group=group, deduplication=deduplication, delay=delay)


def test_a_group_id_is_welcome_on_a_standard_queue() -> None:
    """Fair queues: it travels along and locks nothing."""
    world = World()
    world.queue()
    world.send("a", group="tenant")
    world.send("b", group="tenant")
    assert world.bodies(limit=1) + world.bodies(limit=1) == ["a", "b"]


def test_the_digest_of_attributes_is_amazons() -> None:
    """Sorted by name, framed lengths, a transport byte: compared with an independent writing of the rule."""
    attributes = {"b": Attribute("Binary", b"\x00\xff"), "a": Attribute("Number.int", "42")}
    frames = bytearray()
    for name, kind, transport, value in (("a", "Number.int", 1, b"42"), ("b", "Binary", 2, b"\x00\xff")):
        for part in (name.encode(), kind.encode()):
            frames += len(part).to_bytes(4, "big") + part
        frames += bytes([transport]) + len(value).to_bytes(4, "big") + value
    assert attributes_md5(attributes) == hashlib.md5(frames, usedforsecurity=False).hexdigest()
    assert attributes_md5({}) is None
