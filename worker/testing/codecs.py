"""The conformance suite for codecs: a body in, a value out, or a reason, and nothing else happens.

Make a class of it, give it the fixture `codec_case`, and pytest runs everything::

    class TestMyCodec(CodecConformance):
        @pytest.fixture
        def codec_case(self) -> CodecCase:
            return CodecCase(make=MyCodec, taken={"a=1": {"a": "1"}}, refused={"a": Reason.DECODE})

Promised to other packages as `worker.testing.sinks` promises its own.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import pytest

from worker.codecs.codec import DecodeLimits, Reason
from worker.errors import DecodeError
from worker.testing.bodies import HOSTILE
from worker.testing.deeds import WATCH

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from worker.codecs.codec import Codec

STALL_SECONDS: Final = 0.25
DETAIL_CHARACTERS: Final = 200
QUOTED: Final = 40
"""Characters of a body that nobody may find in a detail."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CodecCase:
    """One codec."""

    make: Callable[[DecodeLimits], Codec]
    """A new codec with these limits."""
    taken: Mapping[str, object]
    """Bodies, and the values that they are."""
    refused: Mapping[str, Reason]
    """Bodies that are not of this format, and why."""
    hostile: Mapping[str, str] = field(default_factory=dict)
    """By name, further bodies that it must not fall over: bombs of its own format."""


class CodecConformance:
    """Every test of the contract. Give it a fixture `codec_case`."""

    def test_a_good_body_is_the_value_that_it_says(self, codec_case: CodecCase) -> None:
        """Each body that the case gives, twice, with a bad one between: nothing is left from one to the next."""
        codec = codec_case.make(DecodeLimits())
        for body, value in codec_case.taken.items():
            first = codec.decode(body)
            for bad in codec_case.refused:
                _ended(codec, bad)
            second = codec.decode(body)
            for seen in (first, second):
                _promise(seen == value and type(seen) is type(value), "a good body is its value", f"{seen!r:.200}")
            shared = first is second and isinstance(first, list | dict | set | bytearray)
            _promise(not shared, "each message has a value of its own", "the same object twice")

    def test_a_bad_body_is_refused_for_its_reason(self, codec_case: CodecCase) -> None:
        """Each body that the case gives."""
        codec = codec_case.make(DecodeLimits())
        for body, reason in codec_case.refused.items():
            seen = _ended(codec, body)
            said = seen.reason if isinstance(seen, DecodeError) else "taken"
            _promise(said == reason, f"{body!r:.40} is refused: {reason}", said)

    @pytest.mark.parametrize("name", HOSTILE)
    def test_any_body_is_decoded_or_refused_in_time(self, codec_case: CodecCase, name: str) -> None:
        """A value, or DecodeError with a reason of the closed set and without the body, in less than 250 ms of CPU."""
        _try(codec_case, HOSTILE[name])

    def test_bodies_made_against_this_format_are_decoded_or_refused_in_time(self, codec_case: CodecCase) -> None:
        """Those that the case gives."""
        for body in codec_case.hostile.values():
            _try(codec_case, body)

    def test_a_body_does_nothing_but_be_decoded(self, codec_case: CodecCase) -> None:
        """No file, no process, no connection, whatever it says."""
        codec = codec_case.make(DecodeLimits())
        for body in (*codec_case.taken, *codec_case.refused):
            _ended(codec, body)  # what a library loads at its first use is no deed of a body
        with WATCH.during() as deeds:
            for body in (*HOSTILE.values(), *codec_case.hostile.values()):
                _ended(codec, body)
        _promise(not deeds, "decoding opens nothing and starts nothing", sorted(set(deeds)))

    def test_a_body_beyond_the_limit_is_refused_for_its_size(self, codec_case: CodecCase) -> None:
        """One byte more than `max_bytes` in UTF-8, whatever is in it."""
        for body in codec_case.taken:
            size = len(body.encode())
            seen = _ended(codec_case.make(DecodeLimits(max_bytes=size - 1)), body)
            said = seen.reason if isinstance(seen, DecodeError) else "taken"
            _promise(said == Reason.SIZE, f"{size} bytes are refused where {size - 1} are allowed", said)

    def test_it_has_a_name(self, codec_case: CodecCase) -> None:
        """Which becomes a label of metrics."""
        name = codec_case.make(DecodeLimits()).name
        _promise(bool(name) and name.replace("-", "").replace("_", "").isalnum(), "a name is a word", name)


def _try(case: CodecCase, body: str) -> None:
    __tracebackhide__ = True
    codec = case.make(DecodeLimits())
    gc.disable()  # what others left behind is not this body's
    try:
        started = time.process_time()
        seen = _ended(codec, body)
        spent = time.process_time() - started
    finally:
        gc.enable()
    _promise(spent < STALL_SECONDS, f"a body takes less than {STALL_SECONDS:g} s of CPU", f"{spent:.2f} s")
    if not isinstance(seen, DecodeError):
        foreign = sum(not _is_unicode(text) for text in _texts(seen))
        _promise(not foreign, "a value holds Unicode text only: sinks write UTF-8", f"{foreign} texts with surrogates")
        return
    _promise(seen.reason in {*Reason}, "a reason is one of the closed set", seen.reason)
    _promise(
        len(seen.detail) < DETAIL_CHARACTERS, f"a detail has less than {DETAIL_CHARACTERS} characters", len(seen.detail)
    )
    quoted = len(body) >= QUOTED and body[:QUOTED] in seen.detail
    _promise(not quoted, "a detail never holds the body", f"{seen.detail:.80}")


def _ended(codec: Codec, body: str) -> object:
    """The value, or the DecodeError."""
    __tracebackhide__ = True
    try:
        return codec.decode(body)
    except DecodeError as error:
        return error
    except Exception as error:
        raise AssertionError(f"a codec promises DecodeError and nothing else\n  but seen  {error!r:.200}") from error


def _texts(value: object) -> Iterator[str]:
    """All texts in *value*, without recursion: it may be deep."""
    left = [value]
    while left:
        one = left.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, Mapping):
            left += [*one.keys(), *one.values()]
        elif isinstance(one, Sequence) and not isinstance(one, bytes | bytearray):
            left += one


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _promise(kept: bool, what: str, seen: object) -> None:  # noqa: FBT001 - it reads as an assertion
    __tracebackhide__ = True
    if not kept:
        raise AssertionError(f"a codec promises: {what}\n  but seen  {seen}")
