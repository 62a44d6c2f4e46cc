"""The reader of answers: whole ones of every legal shape, and a clear end for everything else."""

from __future__ import annotations

import itertools
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.sqs.native.peers import chunked, says
from worker.sqs.native.answer import ANSWER_BYTES, HEAD_BYTES, AnswerReader, WireTrouble

BODY: Final = b'{"Messages": ["' + b"x" * 300 + b'"]}'
Outcome = tuple[int, bytes, bool] | str


def read(*pieces: bytes) -> Outcome:
    """Status, body and whether the connection may be used again; or the code of the trouble."""
    reader = AnswerReader(lambda: 7.0)
    reader.begin()
    try:
        for number, piece in enumerate(pieces):
            if reader.feed(piece):
                rest = any(pieces[number + 1 :])
                return reader.answer().status, bytes(reader.answer().body), reader.reusable and not rest
    except WireTrouble as trouble:
        return trouble.code
    if reader.ended():
        return reader.answer().status, bytes(reader.answer().body), False
    return "cut off"


WHOLE: Final[dict[str, tuple[bytes, Outcome]]] = {
    "with a length": (says(BODY), (200, BODY, True)),
    "of an error": (says(BODY, status=503), (503, BODY, True)),
    "without a body": (says(b""), (200, b"", True)),
    "in chunks": (chunked(b"{", b'"a": 1', b"}"), (200, b'{"a": 1}', True)),
    "in chunks with a trailer": (chunked(b"{}", trailer=b"x-amzn-RequestId: late\r\n"), (200, b"{}", True)),
    "and the connection's end": (says(BODY, head="Connection: close\r\n"), (200, BODY, False)),
    "until the connection's end": (b"HTTP/1.1 200 Said\r\n\r\n" + BODY, (200, BODY, False)),
    "of HTTP/1.0": (b"HTTP/1.0 200 Said\r\nContent-Length: 2\r\n\r\n{}", (200, b"{}", False)),
    "after interim ones": (
        b"HTTP/1.1 100 Go\r\n\r\nHTTP/1.1 103 Hint\r\nDate: x\r\n\r\n" + says(BODY),
        (200, BODY, True),
    ),
    "with garbage behind it": (says(BODY) + b"garbage", (200, BODY, False)),
    "with another one behind it": (says(BODY) + says(b"{}"), (200, BODY, False)),
    "with no content": (b"HTTP/1.1 204 None\r\n\r\n", (204, b"", True)),
    "that changes the protocol": (
        b"HTTP/1.1 101 Else\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n??",
        (101, b"", False),
    ),
}
BROKEN: Final[dict[str, tuple[bytes, Outcome]]] = {
    "not HTTP": (b"<html>Please log in</html>", "NotSqs"),
    "nothing": (b"", "cut off"),
    "half a head": (b"HTTP/1.1 200 Said\r\nContent-Le", "cut off"),
    "half a body": (says(BODY)[:-1], "cut off"),
    "half the chunks": (chunked(b"{}")[:-6], "cut off"),
    "two lengths": (b"HTTP/1.1 200 Said\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}", "NotSqs"),
    "length and chunks": (
        b"HTTP/1.1 200 Said\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        "NotSqs",
    ),
    "a negative length": (b"HTTP/1.1 200 Said\r\nContent-Length: -1\r\n\r\n{}", "NotSqs"),
    "an absurd length": (b"HTTP/1.1 200 Said\r\nContent-Length: %d\r\n\r\n{}" % (ANSWER_BYTES + 1), "NotSqs"),
    "a length beyond numbers": (b"HTTP/1.1 200 Said\r\nContent-Length: %d\r\n\r\n{}" % 10**30, "NotSqs"),
    "a compressed body": (says(BODY, head="Content-Encoding: gzip\r\n"), "NotSqs"),
    "another transfer coding": (b"HTTP/1.1 200 Said\r\nTransfer-Encoding: gzip\r\n\r\n{}", "NotSqs"),
    "a chunk without a size": (b"HTTP/1.1 200 Said\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}", "NotSqs"),
    "headers too large": (says(head="X: " + "x" * HEAD_BYTES + "\r\n"), "NotSqs"),
    "headers without end": (b"HTTP/1.1 200 Said\r\n" + b"X: x\r\n" * HEAD_BYTES, "NotSqs"),
}


@pytest.mark.parametrize(("wire", "expected"), [*WHOLE.values(), *BROKEN.values()], ids=[*WHOLE, *BROKEN])
def test_an_answer_is_whole_or_trouble(wire: bytes, expected: Outcome) -> None:
    """Every shape of answer, legal or not, ends as what it is; never as a part of it."""
    assert read(wire) == expected


@given(st.sampled_from([*WHOLE.items(), *BROKEN.items()]), st.lists(st.integers(0, 1_000)))
def test_the_pieces_in_which_an_answer_comes_never_change_it(
    case: tuple[str, tuple[bytes, Outcome]], cuts: list[int]
) -> None:
    """Any cutting of the stream gives the result of the uncut one."""
    _, (wire, expected) = case
    edges = sorted({0, *(cut for cut in cuts if cut < len(wire)), len(wire)})
    assert read(*(wire[begin:end] for begin, end in itertools.pairwise(edges))) == expected


@pytest.mark.parametrize("name", [*WHOLE, "half a body", "not HTTP", "headers too large"])
def test_an_answer_byte_by_byte_is_the_same(name: str) -> None:
    """A server that drips is read to the same end."""
    wire, expected = (WHOLE | BROKEN)[name]
    assert read(*(wire[i : i + 1] for i in range(len(wire)))) == expected


def test_one_reader_reads_answer_after_answer() -> None:
    """Nothing of an answer is left in the next: no header, no byte of a body, no trailer."""
    reader = AnswerReader(lambda: 7.0)
    for number, wire in enumerate((says(b"one", head="Date: then\r\n"), chunked(b"tw", b"o"), says(b""), says(b"4"))):
        reader.begin()
        assert reader.feed(wire)
        assert bytes(reader.answer().body) == [b"one", b"two", b"", b"4"][number]
        assert (b"date" in reader.answer().headers) == (number == 0)


def test_a_body_without_end_is_given_up() -> None:
    """A body without a length is read up to the bound and no further."""
    reader = AnswerReader(lambda: 7.0)
    reader.begin()
    reader.feed(b"HTTP/1.1 200 Said\r\n\r\n")
    piece = b"x" * 1_048_576
    for _ in range(ANSWER_BYTES // len(piece)):
        assert not reader.feed(piece)
    with pytest.raises(WireTrouble, match="an answer of more than"):
        reader.feed(piece)
