"""What a request is made of: its body and key, headers, signature, compression; and how Retry-After is read."""

from __future__ import annotations

import gzip
from base64 import b64encode

import orjson
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from tests.words.blocks import blocks
from worker.message import Attribute
from worker.outcome import Rejected
from worker.sinks.http.compress import compressed
from worker.sinks.http.headers import OURS, read_headers
from worker.sinks.http.payload import payload_of
from worker.sinks.http.retry_after import MOST_SECONDS, seconds_of
from worker.sinks.http.signature import read_secrets, signature_headers
from worker.testing.messages import make_message, make_messages

NOW = 1_700_000_000.0
DATE = "Tue, 14 Nov 2023 22:13:20 GMT"
"""The same moment."""


def test_the_three_forms() -> None:
    """An array, a line for each, or the message itself; what is in a message is the same."""
    records = [make_message("a", {"n": 1}, attributes={"kind": Attribute("Binary", b"\0")}), make_message("b")]
    (one, other) = orjson.loads(payload_of(records, "json").body)
    assert one == {
        "message_id": "a",
        "body": {"n": 1},
        "sent_at": 1_700_000_000.125,
        "group_id": None,
        "attributes": {"kind": {"data_type": "Binary", "value": "AA=="}},
    }
    lines = payload_of(records, "ndjson").body
    assert lines.endswith(b"\n")
    assert [orjson.loads(line) for line in lines.splitlines()] == [one, other]
    assert orjson.loads(payload_of(records[:1], "single").body) == one


def test_the_message_of_the_page_is_one_that_is_sent() -> None:
    """All but its key, which is left out there."""
    shown = orjson.loads(blocks("docs/sinks/http.md")[0].text)
    sent = payload_of([make_message("…", {"order": 7})], "single")
    assert orjson.loads(sent.body) == shown


@pytest.mark.parametrize("form", ["json", "ndjson", "single"])
def test_a_redelivery_is_the_same_bytes_under_the_same_key(form: str) -> None:
    """A service that compares what comes under one idempotency key finds no difference."""
    first = [make_message("a")] if form == "single" else make_messages(3)
    again = [record._replace(received_at=9.0, receive_count=7, id="another") for record in first]
    one, two = payload_of(first, form), payload_of(again, form)  # type: ignore[arg-type]  # a literal, see above
    assert (one.body, one.idempotency_key) == (two.body, two.idempotency_key)


def test_the_key_of_a_batch_is_that_of_its_bytes_and_of_a_message_its_own() -> None:
    """Another batch with the same message has another key; a message alone has its own, if that fits into a header."""
    assert payload_of(make_messages(3), "json").idempotency_key != payload_of(make_messages(2), "json").idempotency_key
    assert payload_of([make_message("order:7-a_B")], "single").idempotency_key == "order:7-a_B"
    for strange in ("a.b", "a b", "é", "a\r\nX-Evil: 1", "x" * 129, ""):
        assert len(payload_of([make_message(strange)], "single").idempotency_key) == 64


def test_what_no_json_can_hold_is_rejected_alone() -> None:
    """A lone surrogate in a value or a key; big numbers keep their digits."""
    bad, good = make_message("bad", {"t": "\ud800"}, body=""), make_message("good", {"n": 10**31}, body="")
    payload = payload_of([bad, good, make_message("\ud800", {})], "json")
    assert [type(answer) for answer in payload.answers] == [Rejected, type(None), Rejected]
    assert payload.sent == (good,)
    assert b'"n":10000000000000000000000000000000' in payload.body
    assert payload_of([bad], "single").sent == ()


@pytest.mark.parametrize("way", ["gzip", "zstd", "none"])
def test_a_body_is_compressed_and_the_same_each_time(way: str) -> None:
    """So that a batch that is repeated is the same on the wire, too."""
    body = b'{"order": 1}' * 500
    packed = compressed(body, way)  # type: ignore[arg-type]  # a literal, see above
    match way:
        case "gzip":
            assert gzip.decompress(packed) == body
        case "zstd":
            assert zstandard.ZstdDecompressor().decompress(packed) == body
        case _:
            assert packed == body
    assert packed == compressed(body, way)  # type: ignore[arg-type]  # as above
    assert way == "none" or len(packed) < len(body) / 10


def test_the_signature_is_that_of_standard_webhooks() -> None:
    """The example that its own libraries are tested with; the page shows the same."""
    keys = read_secrets("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    made = signature_headers(keys, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert made == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_two_secrets_sign_side_by_side_while_one_is_replaced() -> None:
    """The service accepts whichever it knows; a text is taken as its bytes."""
    word = b64encode(b"old secret").decode()
    both = signature_headers(read_secrets(f"new-secret whsec_{word}"), "id", 1, b"{}")["webhook-signature"].split(" ")
    alone = [
        signature_headers(keys, "id", 1, b"{}")["webhook-signature"] for keys in ((b"new-secret",), (b"old secret",))
    ]
    assert both == alone


@pytest.mark.parametrize("text", ["", "  ", "whsec_", "whsec_!!", "new whsec_a"])
def test_a_secret_that_is_none_is_refused_without_being_shown(text: str) -> None:
    """The sentence holds nothing of it."""
    with pytest.raises(ValueError, match=r"empty|base64|nothing") as raised:
        read_secrets(text)
    assert "!!" not in str(raised.value)


def test_headers_are_a_json_object_of_texts() -> None:
    """Names in any letters, values of visible characters."""
    assert read_headers('{"Authorization": "Bearer a b", "X-Site": "7"}') == {
        "Authorization": "Bearer a b",
        "X-Site": "7",
    }
    assert read_headers("{}") == {}


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: geheim",
        '["geheim"]',
        '{"X-A": 7}',
        '{"X-A": "geheim\\r\\nX-B: 1"}',
        '{"X-A": "geheimé"}',
        '{"X A": "geheim"}',
        '{"": "geheim"}',
        '{"X-A": ""}',
        '{"X-A": "geheim", "x-a": "2"}',
        *(f'{{"{name.title()}": "geheim"}}' for name in sorted(OURS)),
    ],
)
def test_headers_that_are_none_are_refused_without_their_values(text: str) -> None:
    """Nor may those be given that the worker writes itself."""
    with pytest.raises(ValueError, match=r"\w") as raised:
        read_headers(text)
    assert "geheim" not in str(raised.value)


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("7", 7.0),
        (" 0 ", 0.0),
        ("Tue, 14 Nov 2023 22:13:50 GMT", 30.0),
        ("Tue, 14 Nov 2023 22:13:00 GMT", 0.0),
        ("999999", MOST_SECONDS),
        ("Tue, 14 Nov 2099 22:13:00 GMT", MOST_SECONDS),
        ("", None),
        (None, None),
        ("-1", None),
        ("1.5", None),
        ("soon", None),
        ("9" * 400, None),
        ("٣", None),
    ],
)
def test_retry_after_is_seconds_or_a_moment(said: str | None, seconds: float | None) -> None:
    """Bounded, and never an error."""
    assert seconds_of(said, None, now=NOW) == seconds


def test_a_moment_is_measured_against_the_clock_of_the_service() -> None:
    """Whatever the clock of this machine says; a date that cannot be read is none."""
    moment = "Tue, 14 Nov 2023 22:13:50 GMT"
    assert seconds_of(moment, DATE, now=NOW + 86_400) == 30.0
    assert seconds_of(moment, "yesterday", now=NOW) == 30.0


@given(st.text(), st.text())
def test_whatever_is_said_retry_after_is_bounded(said: str, date: str) -> None:
    """None, or from nothing to an hour."""
    seconds = seconds_of(said, date, now=NOW)
    assert seconds is None or 0.0 <= seconds <= MOST_SECONDS
