"""Amounts as people write them."""

from __future__ import annotations

import math

import pytest

from worker.deploy.quantities import count_of, per_second_of, rate, seconds_of, span


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("300", 300),
        ("90s", 90),
        ("30m", 1800),
        ("12h", 43_200),
        ("14d", 1_209_600),
        ("1.5 hours", 5400),
        ("2 Days", 172_800),
    ],
)
def test_spans(text: str, seconds: float) -> None:
    """A number is seconds; a unit may stand behind it, short or in words."""
    assert seconds_of(text) == seconds


@pytest.mark.parametrize(
    ("text", "per_second"),
    [("7", 7), ("7/s", 7), ("3,600/h", 1), ("600000/day", 600_000 / 86_400), ("120 per minute", 2), ("0.5/s", 0.5)],
)
def test_rates(text: str, per_second: float) -> None:
    """A number is a rate by the second; a unit of time may stand behind it."""
    assert per_second_of(text) == pytest.approx(per_second)


@pytest.mark.parametrize("text", ["", "fast", "0", "-3", "7/fortnight", "7 8", "nan", "inf/s"])
def test_what_is_no_rate_is_told_with_examples(text: str) -> None:
    """Nothing, nonsense, and rates that nothing could be divided by."""
    with pytest.raises(ValueError, match="give a rate, such as"):
        per_second_of(text)


@pytest.mark.parametrize("text", ["", "soon", "0d", "-1h", "1y"])
def test_what_is_no_span_is_told_with_examples(text: str) -> None:
    """As for rates."""
    with pytest.raises(ValueError, match="give a time, such as"):
        seconds_of(text)


def test_counts() -> None:
    """With separators, as people copy them; no parts of messages."""
    assert (count_of("2800000"), count_of("2,800,000"), count_of("2_800_000"), count_of("0")) == (2_800_000,) * 3 + (0,)
    with pytest.raises(ValueError, match="whole number"):
        count_of("2.8M")


def test_how_they_are_shown() -> None:
    """In the largest unit of which there are two."""
    assert [span(s) for s in (1, 90, 300, 7200, 1_209_600)] == [
        "1 seconds",
        "90 seconds",
        "5 minutes",
        "2 hours",
        "14 days",
    ]
    assert span(math.inf) == "never"
    assert rate(9.259259) == "9.26/s (800,000 a day)"
