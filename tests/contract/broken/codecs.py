"""Codecs with one defect each, made of a sound one, for the suite to find. Each class says what is wrong with it."""
# ruff: noqa: D102 - see above

from __future__ import annotations

from pathlib import Path
from time import process_time

from worker.codecs.codec import DecodeLimits, Reason
from worker.codecs.json.codec import JsonCodec
from worker.errors import DecodeError

Value = dict[str, object]


class Sound(JsonCodec):
    """Nothing."""


class RoundsNumbers(Sound):
    """Whole numbers become floats."""

    def decode(self, body: str) -> Value:
        return {name: float(v) if isinstance(v, int) else v for name, v in super().decode(body).items()}


class SharesValues(Sound):
    """The same body gives the same object."""

    def __init__(self, limits: DecodeLimits | None = None) -> None:
        super().__init__(limits)
        self._known: dict[str, Value] = {}

    def decode(self, body: str) -> Value:
        if body not in self._known:
            self._known[body] = super().decode(body)
        return self._known[body]


class TakesAnything(Sound):
    """What is no JSON is an empty object."""

    def decode(self, body: str) -> Value:
        try:
            return super().decode(body)
        except DecodeError:
            return {}


class RaisesOthers(Sound):
    """What is too deep ends in an error of Python's."""

    def decode(self, body: str) -> Value:
        try:
            return super().decode(body)
        except DecodeError as error:
            if error.reason == Reason.DEPTH:
                raise RecursionError("too deep") from error
            raise


class OwnReasons(Sound):
    """A reason is a sentence."""

    def decode(self, body: str) -> Value:
        try:
            return super().decode(body)
        except DecodeError as error:
            raise DecodeError(error.detail) from error


class QuotesBodies(Sound):
    """A detail holds the body."""

    def decode(self, body: str) -> Value:
        try:
            return super().decode(body)
        except DecodeError as error:
            raise DecodeError(error.reason, body[:100]) from error


class TakesItsTime(Sound):
    """A large body takes half a second."""

    def decode(self, body: str) -> Value:
        until = process_time() + (0.5 if len(body) > 1_000_000 else 0.0)
        while process_time() < until:
            pass
        return super().decode(body)


class LetsSurrogatesIn(Sound):
    """What is no Unicode becomes a text."""

    def decode(self, body: str) -> Value:
        return {"text": body} if "\ud800" in body else super().decode(body)


class FailsOnBombs(Sound):
    """A bomb of its own format ends in an error of Python's."""

    def decode(self, body: str) -> Value:
        if body.startswith('{"bomb"'):
            raise MemoryError
        return super().decode(body)


class ReadsFiles(Sound):
    """A body can make it read a file."""

    def decode(self, body: str) -> Value:
        if "file:///" in body:
            Path(__file__).read_bytes()
        return super().decode(body)


class KnowsNoLimit(Sound):
    """The limits are its own."""

    def __init__(self, limits: DecodeLimits | None = None) -> None:  # noqa: ARG002 - the defect
        super().__init__(None)


class HasNoName(Sound):
    """No name."""

    name = ""
