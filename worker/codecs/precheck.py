"""What is checked before a decoder sees a body: that it is text, within bounds, and cannot hold the loop or the memory.

Takes a body and the `DecodeLimits`; gives its UTF-8, and for JSON whether 64 bits may be too few for an integer in it.
Ends in `DecodeError` with the bound that was passed. Everything here runs at C speed: cheap counts prove most bodies
harmless, and only the others pay for a look outside their strings.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from worker.codecs.codec import Reason
from worker.errors import DecodeError

if TYPE_CHECKING:
    from worker.codecs.codec import DecodeLimits

_FOREIGN_STARTS: Final = ("\ufeff", "\ufffe", "\xff\xfe", "\xfe\xff", "\xef\xbb\xbf")
"""Byte order marks, as a mark or as the Latin-1 misreading of one."""
_WIDE_DIGITS: Final = 19
"""Every integer of fewer digits fits into 64 bits, whatever its sign."""
_OPENING: Final = b"["
_MARK: Final = {**dict.fromkeys(b"0123456789", b"0"), **dict.fromkeys(b"{[", _OPENING), b"-"[0]: b"-"}
_MARKS: Final = b"".join(_MARK.get(byte, b" ") for byte in range(256))
"""Maps digits to `0` and opening brackets to `[`, keeps `-`, blanks the rest: in what comes out, a run of digits is a
run of zeros and found by plain search, and both kinds of brackets are counted at once.
"""
_BRACKETS: Final = bytes.maketrans(b"{}", b"[]")
_NOT_BRACKETS: Final = bytes(b for b in range(256) if b not in b"{}[]")


def encode(body: str, limits: DecodeLimits) -> bytes:
    """The UTF-8 of *body*, a text in which a value is written.

    Raises:
        DecodeError: it is empty, too large, begins with a byte order mark, or is no Unicode text.
    """
    if not body or body.isspace():
        raise DecodeError(Reason.EMPTY, f"{len(body)} characters, none of them visible")
    if not body.isascii() and body.startswith(_FOREIGN_STARTS):
        raise DecodeError(Reason.UNICODE, "the body begins with a byte order mark: send UTF-8 without one")
    if "\0" in body[:2]:
        raise DecodeError(Reason.UNICODE, "the body looks like UTF-16: send UTF-8")
    return utf8(body, limits)


def utf8(body: str, limits: DecodeLimits) -> bytes:
    """The UTF-8 of any text.

    Raises:
        DecodeError: it is too large, or no Unicode text.
    """
    if len(body) > limits.max_bytes:
        raise _over(Reason.SIZE, len(body), limits.max_bytes, "bytes")
    try:
        raw = body.encode()
    except UnicodeEncodeError as error:
        raise DecodeError(Reason.UNICODE, f"lone surrogate at character {error.start}") from None
    if len(raw) > limits.max_bytes:
        raise _over(Reason.SIZE, len(raw), limits.max_bytes, "bytes")
    return raw


class JsonBounds:
    """Depth, digits, members and values of a JSON text, measured without decoding it."""

    def __init__(self, limits: DecodeLimits) -> None:
        self._limits = limits
        self._run = b"0" * min(_WIDE_DIGITS, limits.max_digits + 1)
        # A member takes two characters and a value one: in a text so short there is nothing to count but brackets.
        self._short = min(limits.max_bytes, 2 * limits.max_keys, limits.max_nodes)
        self.fast_path = self._short, limits.max_depth, len(self._run) - 1
        """Characters, brackets and digits in a row that `speedups.harmless` may let pass."""
        # A fraction may be long (a double has up to 767 digits); an integer part or an exponent may not.
        self._too_many_digits = re.compile(rb"(?<![\d.])\d{%d}" % (limits.max_digits + 1))

    def check(self, raw: bytes) -> bool:
        """True when an integer in *raw* may need more than 64 bits.

        Raises:
            DecodeError: a bound is passed.
        """
        run = self._run in raw.translate(_MARKS)
        outside = outside_strings(raw)
        self._check_counts(outside)
        self._check_depth(outside)
        return run and self._check_digits(outside)

    def harmless(self, raw: bytes) -> bool:
        """Upper bounds that strings can only make too high, so that True is a proof and False is not.

        Finding is used where `in` would do: on bytes that takes the text for a number first, and twice the time.
        """
        marks = raw.translate(_MARKS)
        if marks.find(self._run) >= 0:
            return False
        # Most bodies open one bracket, with their first character: to find that no other follows is quicker than to
        # count. At 0 there is one of them, at -1 there is none.
        last = marks.rfind(_OPENING)
        opens = marks.count(_OPENING) if last > 0 else last + 1
        if opens > self._limits.max_depth:
            return False
        return len(raw) <= self._short or self._is_within(raw, opens)

    def _is_within(self, raw: bytes, opens: int) -> bool:
        """The bounds that only a longer text can pass."""
        limits = self._limits
        if len(raw) > limits.max_bytes:
            return False
        if len(raw) > 2 * limits.max_keys and raw.count(b":") > limits.max_keys:
            return False
        return len(raw) <= limits.max_nodes or raw.count(b",") + opens < limits.max_nodes

    def _check_counts(self, outside: bytes) -> None:
        limits = self._limits
        if (keys := outside.count(b":")) > limits.max_keys:
            raise _over(Reason.KEYS, keys, limits.max_keys, "members")
        opens = outside.count(b"{") + outside.count(b"[")
        empty = outside.count(b"{}") + outside.count(b"[]")
        # Each container that is not empty holds one value more than it has commas.
        if (nodes := 1 + outside.count(b",") + opens - empty) > limits.max_nodes:
            raise _over(Reason.SIZE, nodes, limits.max_nodes, "values")

    def _check_depth(self, outside: bytes) -> None:
        """Strip the innermost brackets, one level a pass; what is left after *max_depth* passes was too deep."""
        brackets = outside.translate(_BRACKETS, _NOT_BRACKETS)
        for _ in range(self._limits.max_depth):
            stripped = brackets.replace(b"[]", b"")
            if len(stripped) == len(brackets):
                break
            brackets = stripped
        if b"[]" in brackets or brackets.count(b"[") > self._limits.max_depth:
            raise DecodeError(Reason.DEPTH, f"nested deeper than {self._limits.max_depth} levels")

    def _check_digits(self, outside: bytes) -> bool:
        if match := self._too_many_digits.search(outside):
            digits = len(outside[match.start() :]) - len(outside[match.start() :].lstrip(b"0123456789"))
            raise _over(Reason.NUMBER, digits, self._limits.max_digits, "digits")
        zeros = outside.translate(_MARKS)
        return b"0" * (_WIDE_DIGITS + 1) in zeros or b"-" + b"0" * _WIDE_DIGITS in zeros


def outside_strings(raw: bytes) -> bytes:
    """*raw* with an `s` for each string. Right for every valid JSON text; the decoder refuses the others anyway."""
    return b"s".join(raw.replace(b"\\\\", b"").replace(b'\\"', b"").split(b'"')[::2])


def _over(reason: Reason, count: int, limit: int, unit: str) -> DecodeError:
    return DecodeError(reason, f"{count:,} {unit}, at most {limit:,} are taken")
