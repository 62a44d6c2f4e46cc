"""HTTP answers read in C are those that the parser finds, for every piece of data there is."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.speedups.spelled import answered, spoiled
from worker import speedups
from worker.sqs.native.answer import AnswerReader, WireTrouble

if TYPE_CHECKING:
    from collections.abc import Callable

Found = tuple[dict[bytes, bytes], bytes]


@pytest.fixture
def in_python(monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes], Found | None]:
    """What the parser finds if it is a whole 200 after which the connection may be used again."""
    quick = speedups.answer

    def read(data: bytes) -> Found | None:
        reader = AnswerReader(lambda: 7.0)
        reader.begin()
        monkeypatch.setattr(speedups, "answer", lambda _: None)
        try:
            whole = reader.feed(data) and reader.reusable and reader.answer().status == 200
        except WireTrouble:
            return None
        finally:
            monkeypatch.setattr(speedups, "answer", quick)
        return (reader.answer().headers, bytes(reader.answer().body)) if whole else None

    return read


@pytest.mark.parametrize(
    "data",
    [
        answered(b"{}"),
        answered(b""),
        answered(b"x" * 5_000, "Connection: keep-alive", "Vary: Origin"),
        answered(b"{}", "CONNECTION: Keep-Alive"),
        answered(b"{}").replace(b"x-amzn-RequestId: 1-2\r\n", b""),
        answered(b"{}", "X-Long: " + "x" * 3_000),
    ],
)
def test_a_whole_answer_is_read_as_in_python(in_python: Callable[[bytes], Found | None], data: bytes) -> None:
    """Headers that somebody reads, and the body."""
    assert speedups.answer(data) == in_python(data) is not None


def test_the_reader_takes_it_as_any_other() -> None:
    """Its clock, its size, and that the next answer is read from its beginning."""
    reader = AnswerReader(lambda: 7.0)
    for data in (answered(b"[1]"), answered(b"[2]").replace(b"OK", b"Said"), answered(b"[3]")):
        reader.begin()
        assert reader.feed(data)
        assert reader.answer()[2:] == (data[-3:], 7.0)
        assert (reader.size, reader.taken, reader.headed, reader.reusable) == (3, len(data), True, True)


@pytest.mark.parametrize(
    "data",
    [
        answered(b"{}") + b"H",
        answered(b"{}")[:-1],
        answered(b"{}", "Connection: close"),
        answered(b"{}", "Content-Encoding: gzip"),
        answered(b"{}", "Transfer-Encoding: chunked"),
        answered(b"{}", "X-Amzn-Query-Error: a;b"),
        answered(b"{}", "Content-Length: 2"),
        answered(b"{}", "Upgrade: h2c"),
        answered(b"{}", "No colon"),
        answered(b"{}", "X-Space : 1"),
        answered(b"{}", "X-Long: " + "x" * 5_000),
        answered(b"{}").replace(b"1.1", b"1.0"),
        answered(b"{}").replace(b"200", b"500"),
        answered(b"{}").replace(b"\r\n", b"\n"),
        answered(b"{}").replace(b": 2", b": +2"),
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nDate: x\r",
        b"",
    ],
)
def test_any_other_answer_is_left_to_python(data: bytes) -> None:
    """The parser knows what it means."""
    assert speedups.answer(data) is None


@given(st.binary(max_size=30), st.randoms(use_true_random=False))
def test_arbitrary_bytes_are_left_to_python(data: bytes, random: Random) -> None:
    """And end nothing but the attempt."""
    assert speedups.answer(data) is None
    speedups.answer(spoiled(answered(data), random))


def test_ten_thousand_spoiled_answers_are_read_as_in_python_or_left_to_it(
    in_python: Callable[[bytes], Found | None],
) -> None:
    """The extension never finds what the parser would not."""
    random, read = Random(7), 0
    whole = answered(b'{"Messages":[]}', "Connection: keep-alive")
    for _ in range(10_000):
        data = spoiled(whole, random)
        found = speedups.answer(data)
        read += found is not None
        assert found is None or found == in_python(data), data
    assert read > 10
