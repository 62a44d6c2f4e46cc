"""The server's clock, learned from refusals only."""

from __future__ import annotations

from email.utils import formatdate

import pytest

from worker.sqs.clock import FAR_SECONDS, ServerClock, unix_of
from worker.sqs.errors import CREDENTIALS, canonical

NOW = 1_790_000_000.0


class Wall:
    """A local clock that a test sets."""

    def __init__(self) -> None:
        self.unix = NOW
        """Written by the test."""

    def __call__(self) -> float:
        """The local Unix time."""
        return self.unix


@pytest.mark.parametrize("code", sorted(FAR_SECONDS))
@pytest.mark.parametrize("skew", [-86_400.0, -600.0, 600.0, 50 * 365 * 86_400.0])
def test_refusal_for_a_clock_that_is_far_off_corrects_it(code: str, skew: float) -> None:
    """Ahead or behind, by minutes or by a machine's dead battery: the next time is the server's."""
    clock = ServerClock(Wall())
    assert clock.corrected(code, formatdate(NOW + skew, usegmt=True), clock.now())
    assert clock.now() == NOW + skew


@pytest.mark.parametrize("code", [*sorted(CREDENTIALS - FAR_SECONDS.keys()), "AccessDenied", "InternalError", "ok"])
def test_other_refusals_teach_nothing(code: str) -> None:
    """A Date is not believed unless SQS complains about ours."""
    clock = ServerClock(Wall())
    assert not clock.corrected(code, formatdate(NOW + 86_400, usegmt=True), clock.now())
    assert clock.offset_seconds == 0


@pytest.mark.parametrize(
    ("code", "skew"),
    [
        ("InvalidSignature", 200.0),
        ("SignatureDoesNotMatch", -200.0),
        ("RequestExpired", 30.0),
        ("RequestTimeTooSkewed", 0.0),
    ],
)
def test_wrong_secret_is_not_taken_for_a_wrong_clock(code: str, skew: float) -> None:
    """With times that SQS would accept the reason is another, and repeating would not help."""
    clock = ServerClock(Wall())
    assert not clock.corrected(code, formatdate(NOW + skew, usegmt=True), clock.now())
    assert clock.offset_seconds == 0


@pytest.mark.parametrize(
    "date", [None, "", "soon", "Mon, 99 Foo 2026 00:00:00 GMT", "Thu, 01 Jan 99999999999 00:00:00 GMT"]
)
def test_answer_without_a_usable_date_teaches_nothing(date: str | None) -> None:
    """Whatever stands in the header, it ends in no correction and no exception."""
    clock = ServerClock(Wall())
    assert not clock.corrected("RequestTimeTooSkewed", date, clock.now())
    assert clock.offset_seconds == 0


def test_date_is_read_as_http_writes_it() -> None:
    """The one form that servers write today."""
    assert unix_of("Sun, 06 Nov 1994 08:49:37 GMT") == 784_111_777.0


def test_requests_refused_together_are_each_repeated_once() -> None:
    """All of them bore the wrong time; the repeated ones bear the right one and are not repeated again."""
    clock = ServerClock(Wall())
    signed = clock.now()
    date = formatdate(NOW + 3_600, usegmt=True)
    assert clock.corrected("InvalidSignature", date, signed)
    assert clock.corrected("InvalidSignature", date, signed)
    assert clock.now() == NOW + 3_600
    assert not clock.corrected("InvalidSignature", date, clock.now())


def test_local_clock_that_was_put_right_is_learned_by_the_next_refusal() -> None:
    """The old correction is one too many then."""
    wall = Wall()
    clock = ServerClock(wall)
    assert clock.corrected("RequestTimeTooSkewed", formatdate(NOW + 3_600, usegmt=True), clock.now())
    wall.unix = NOW + 3_601
    assert clock.corrected("RequestTimeTooSkewed", formatdate(NOW + 3_601, usegmt=True), clock.now())
    assert clock.offset_seconds == 0


def test_codes_are_the_canonical_ones() -> None:
    """What errors.py gives for SQS's spellings is what is compared here."""
    assert {canonical(code) for code in (*FAR_SECONDS, "InvalidSignatureException")} == set(FAR_SECONDS)
    assert set(FAR_SECONDS) <= CREDENTIALS
