"""One HTTP answer, put together from whatever pieces the network delivers, within bounds.

`AnswerReader` takes bytes and gives an `HttpAnswer` when it is whole; how the bytes were cut never changes the result.
It reads one answer after the other of one connection and knows no socket. Whatever is not a bounded HTTP answer ends as
`WireTrouble`, after which the connection is of no use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import httptools

from worker import speedups
from worker.sqs.quotas import BATCH_ENTRIES, MESSAGE_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable

HEAD_BYTES: Final = 32_768
"""Most bytes of status line and headers, interim answers included; SQS sends some 300."""
ANSWER_BYTES: Final = 6 * BATCH_ENTRIES * MESSAGE_BYTES
"""Most bytes of an answer. JSON may spell every byte of ten largest messages with six characters."""

NOT_SQS: Final = "NotSqs"
"""The code for what SQS cannot have said; the SDK's way uses the same."""
_LONG_HEAD: Final = f"more than {HEAD_BYTES} bytes of headers"
_INTERIM: Final = frozenset({100, 102, 103})
_KEPT: Final = frozenset(
    {
        b"content-encoding",
        b"content-length",
        b"date",
        b"transfer-encoding",
        b"x-amzn-query-error",
        b"x-amzn-requestid",
    }
)


class WireTrouble(Exception):
    """The connection or what came over it is of no use: passing trouble, named by a code."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


class HttpAnswer(NamedTuple):
    """A whole answer."""

    status: int
    headers: dict[bytes, bytes]
    """Those that somebody reads, by names in small letters."""
    body: bytes | bytearray
    arrived_at: float
    """Loop time at which its head was here: no earlier than the server's work, no later than the body."""


class AnswerReader:
    """Reads the answers of one connection. Every attribute is written by `begin`, `feed` and the parser's callbacks."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._parser = httptools.HttpResponseParser(self)
        self._headers: dict[bytes, bytes] = {}
        self._body: bytes | bytearray = b""
        self._grown = False  # the body is a bytearray of ours
        self._head_bytes = 0  # of names and values
        self._refusal = ""
        self._status = 0
        self._arrived_at = 0.0
        self.taken = 0
        """Bytes of this answer, head included."""
        self.headed = False
        """The head is whole."""
        self.complete = False
        self.reusable = False
        """The server keeps the connection open, and nothing came behind the answer."""

    def begin(self) -> None:
        """Expect the next answer."""
        self._headers = {}
        self._body = b""
        self._grown = self.headed = self.complete = self.reusable = False
        self._head_bytes = self.taken = 0

    def feed(self, data: bytes) -> bool:
        """Read on; whether the answer is complete now.

        Raises:
            WireTrouble: this is no answer of SQS, and no larger piece of it will be.
        """
        if not self.taken and (whole := speedups.answer(data)) is not None:
            self._headers, self._body = whole
            self._status, self._arrived_at, self.taken = 200, self._clock(), len(data)
            self.headed = self.complete = self.reusable = True
            return True
        self.taken += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            if not self.complete:
                raise WireTrouble(NOT_SQS, f"not HTTP: {error}") from error
            self.reusable = False
        if self._refusal:
            raise WireTrouble(NOT_SQS, self._refusal)
        if self.taken > 2 * HEAD_BYTES:
            self._check_bounds()
        return self.complete

    def _check_bounds(self) -> None:
        if not self.headed:
            raise WireTrouble(NOT_SQS, _LONG_HEAD)
        if self.taken > ANSWER_BYTES + HEAD_BYTES:
            raise WireTrouble(NOT_SQS, f"an answer of more than {ANSWER_BYTES} bytes")

    def ended(self) -> bool:
        """The server has said all it will; whether that makes the answer whole."""
        if not self.complete and self.headed and self._until_close:
            self.complete = True
        return self.complete

    def answer(self) -> HttpAnswer:
        """What came, once it is complete."""
        return HttpAnswer(self._status, self._headers, self._body, self._arrived_at)

    def release(self) -> None:
        """No more answers: the parser holds us as we hold it."""
        del self._parser

    @property
    def size(self) -> int:
        """Bytes of the body: as promised by the head, or as many as came."""
        if self.complete:
            return len(self._body)
        promised = self._headers.get(b"content-length")
        return len(self._body) if promised is None else int(promised)

    @property
    def measured(self) -> bool:
        """Whether `size` is that of the whole body."""
        return self.complete or b"content-length" in self._headers

    @property
    def _until_close(self) -> bool:
        return b"content-length" not in self._headers and b"transfer-encoding" not in self._headers

    # ── called by the parser ────────────────────────────────────────────────────────────────────────────────────────

    def on_message_begin(self) -> None:
        """The first byte of an answer, or of something behind it."""
        if self.complete:
            self.reusable = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header; trailers and what stands behind the answer are nothing to us."""
        if self.headed:
            return
        self._head_bytes += len(name) + len(value)
        if (known := name.lower()) in _KEPT:
            self._headers[known] = value

    def on_headers_complete(self) -> None:
        """The head is whole: look at what it promises."""
        status = self._parser.get_status_code()
        if self.headed:
            return
        if status in _INTERIM:
            self._headers = {}
            return
        self._status = status
        self._arrived_at = self._clock()
        self.headed = True
        self.reusable = self._parser.should_keep_alive()
        self._refusal = self._refused()

    def on_body(self, piece: bytes) -> None:
        """Bytes of the body. An answer mostly comes in one piece and is not copied."""
        if self.complete:
            return
        if not self._body:
            self._body = piece
            return
        if not self._grown:
            self._body, self._grown = bytearray(self._body), True
        self._body += piece

    def on_message_complete(self) -> None:
        """The end of the answer, or of an interim one."""
        if self.headed:
            self.complete = True

    def _refused(self) -> str:
        headers = self._headers
        if self._head_bytes > HEAD_BYTES:
            return _LONG_HEAD
        if int(headers.get(b"content-length", b"0")) > ANSWER_BYTES:
            return f"an answer of {int(headers[b'content-length'])} bytes"
        if b"content-encoding" in headers and headers[b"content-encoding"].lower() != b"identity":
            return "a proxy in between compressed the answer, which was not asked for: set SQS_TRANSPORT=sdk"
        if b"transfer-encoding" in headers and headers[b"transfer-encoding"].lower() != b"chunked":
            return "an answer with a transfer coding other than chunked"
        return ""
