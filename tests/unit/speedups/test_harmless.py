"""What C proves of a body holds: the bounds that are measured in Python are not passed."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker import speedups
from worker.codecs.codec import DecodeLimits
from worker.codecs.json.codec import JsonCodec
from worker.codecs.precheck import JsonBounds

parts = st.lists(
    st.sampled_from(["1", "12345678", "{", "[", "]", "}", '"', ",", "x" * 7, "é", ".", "-", "e"]), max_size=60
)


@given(parts.map("".join), st.integers(1, 40))
def test_a_proof_holds(body: str, digits: int) -> None:
    """Where C says harmless, Python does, whatever the bound on digits; and about ASCII the two agree."""
    bounds = JsonBounds(DecodeLimits(max_depth=3, max_digits=digits))
    found = speedups.harmless(body, *bounds.fast_path)
    assert found is (body.isascii() and bounds.harmless(body.encode()))


@pytest.mark.parametrize("lead", range(70))
def test_digits_are_counted_wherever_they_stand(lead: int) -> None:
    """Eighteen in a row fit into 64 bits, nineteen may not."""
    assert speedups.harmless("x" * lead + "1" * 18 + "y", 10_000, 64, 18)
    assert not speedups.harmless("x" * lead + "1" * 19, 10_000, 64, 18)


@pytest.mark.parametrize("opens", [0, 1, 63, 64, 65, 66, 300])
def test_brackets_are_counted(opens: int) -> None:
    """Both kinds, up to the bound, in a body of any length."""
    body = "{[" * (opens // 2) + "{" * (opens % 2) + "x" * 100
    assert speedups.harmless(body, 10_000, 64, 18) is (opens <= 64)


def test_an_order_is_proved_harmless() -> None:
    """An order of half a kilobyte; and a text that is longer than the bound, or not in ASCII, is not."""
    body = json.dumps({"id": "9f0c", "sent": 1_700_000_000_123, "text": "x" * 440, "lines": [{"n": 1}]})
    assert speedups.harmless(body, len(body), 64, 18)
    assert not speedups.harmless(body, len(body) - 1, 64, 18)
    assert not speedups.harmless("é", 10, 64, 18)


@pytest.mark.parametrize("body", ['{"a": 1}', "[1]", "1", "{", "", " ", '{"a": 12345678901234567890}', '{"a": NaN}'])
def test_a_body_is_decoded_the_same_with_and_without(body: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An object, or the same refusal."""

    def decoded() -> object:
        try:
            return JsonCodec().decode(body)
        except Exception as error:  # noqa: BLE001 - compared
            return repr(error)

    found = decoded()
    monkeypatch.setattr(speedups, "harmless", lambda *_: False)
    assert found == decoded()
