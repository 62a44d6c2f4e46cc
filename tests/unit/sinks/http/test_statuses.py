"""What an answer means: taken, away, contended, refused, or an outcome for each message."""

from __future__ import annotations

import orjson
import pytest

from tests.words.blocks import blocks
from worker.errors import SinkContended, SinkRefused, SinkUnavailable
from worker.outcome import Rejected, Retried
from worker.sinks.http.statuses import ServiceAnswer, judge_check, outcomes_of
from worker.testing.messages import make_message, make_messages

TWO = make_messages(2)


def each(said: object, *, pause_seconds: float | None = None) -> list[Retried | Rejected | None]:
    """Of a 207 to three messages."""
    answer = ServiceAnswer(207, orjson.dumps(said), pause_seconds=pause_seconds)
    return outcomes_of(answer, make_messages(3))


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_2xx_is_taken(status: int) -> None:
    """Every message of the batch."""
    assert outcomes_of(ServiceAnswer(status), TWO) == [None, None]


@pytest.mark.parametrize("status", [408, 424, 425, 429, 500, 501, 502, 503, 504, 599])
def test_what_passes_is_away(status: int) -> None:
    """Nothing is wrong with the messages, and nothing in the settings is blamed."""
    with pytest.raises(SinkUnavailable) as raised:
        outcomes_of(ServiceAnswer(status), TWO)
    assert str(raised.value) == f"the service answers {status}"


@pytest.mark.parametrize("status", [401, 403, 404, 405, 407, 410, 415, 421, 426, 301, 302, 303, 307, 308])
def test_what_somebody_has_to_change_is_away_and_names_it(status: int) -> None:
    """A revoked right or a moved URL sends no queue to the dead letters."""
    with pytest.raises(SinkUnavailable) as raised:
        outcomes_of(ServiceAnswer(status), TWO)
    assert type(raised.value) is SinkUnavailable
    assert "HTTP_" in str(raised.value) or status == 407


@pytest.mark.parametrize("status", [409, 423])
def test_what_is_held_up_is_contended(status: int) -> None:
    """So that the batch is halved with pauses."""
    with pytest.raises(SinkContended):
        outcomes_of(ServiceAnswer(status), TWO)


@pytest.mark.parametrize("status", [400, 413, 414, 416, 418, 422, 499])
def test_what_a_message_may_be_to_blame_for_is_refused(status: int) -> None:
    """A batch as a whole, so that it is halved; a message that is alone is rejected."""
    with pytest.raises(SinkRefused):
        outcomes_of(ServiceAnswer(status), TWO)
    assert outcomes_of(ServiceAnswer(status), TWO[:1]) == [Rejected("sink-data", f"the service answers {status}")]


def test_a_207_speaks_of_each_message_by_its_key_or_in_order() -> None:
    """A number, or an object with a status and perhaps a code."""
    rejected = Rejected("sink-data", "the service answers 422 no_stock")
    assert each({"m-2": 200, "m-0": 201, "m-1": {"status": 422, "code": "no_stock"}}) == [None, rejected, None]
    assert each([204, {"status": 422, "code": "no_stock"}, {"status": 200}]) == [None, rejected, None]


def test_the_207_of_the_page_is_read_as_the_page_says() -> None:
    """One accepted, one rejected with its code, one retried, and one of which nothing is said."""
    answer = ServiceAnswer(207, blocks("docs/sinks/http.md")[1].text.encode())
    accepted, rejected, retried, unanswered = outcomes_of(answer, [make_message(f"m-{n}") for n in (1, 2, 3, 4)])
    assert accepted is None
    assert rejected == Rejected("sink-data", "the service answers 422 no_stock")
    assert isinstance(retried, Retried)
    assert isinstance(unanswered, Retried)


@pytest.mark.parametrize("status", [302, 401, 403, 408, 409, 423, 429, 500, 503])
def test_a_message_that_may_go_in_later_is_retried(status: int) -> None:
    """After the pause that the answer asks for, if it does."""
    assert each({"m-0": 200, "m-1": status, "m-2": 200}, pause_seconds=7.0)[1] == Retried(
        f"http-{status}", 7.0, f"the service answers {status}"
    )


@pytest.mark.parametrize("entry", [None, True, "200", 99, 600, {}, {"status": None}, [200], 200.0])
def test_a_message_of_which_a_207_says_nothing_is_retried(entry: object) -> None:
    """Nobody knows what became of it, so it is not deleted."""
    answers = each({"m-0": 200, "m-1": entry, "m-2": 200})
    assert isinstance(answers[1], Retried)
    assert answers[1].reason == "http-unanswered"
    assert answers[::2] == [None, None]
    assert isinstance(each({"m-0": 200, "m-2": 200})[1], Retried)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[200]", b"200", b'"ok"', b"[200, 200, 200, 200]"])
def test_a_207_that_cannot_be_read_is_no_answer(body: bytes) -> None:
    """All messages are kept and written again."""
    with pytest.raises(SinkUnavailable, match="not with a status for each message"):
        outcomes_of(ServiceAnswer(207, body), make_messages(3))
    with pytest.raises(SinkUnavailable):
        outcomes_of(ServiceAnswer(207, b"[200, 200, 200]", whole=False), make_messages(3))


@pytest.mark.parametrize("code", ["the body was {account: of somebody}", "x" * 41, 7, ""])
def test_a_code_that_could_quote_a_body_goes_no_further(code: object) -> None:
    """Dead letters and logs hold the status alone."""
    assert each([200, {"status": 400, "code": code}, 200])[1] == Rejected("sink-data", "the service answers 400")


def test_a_check_lets_the_start_go_on_wait_or_end() -> None:
    """2xx, what passes, and what somebody has to change, with the fix."""
    judge_check(ServiceAnswer(204))
    for status in (429, 503):
        with pytest.raises(SinkUnavailable, match=f"HTTP_CHECK_URL answers {status}"):
            judge_check(ServiceAnswer(status))
    with pytest.raises(SinkRefused, match="403; correct HTTP_HEADERS"):
        judge_check(ServiceAnswer(403))
    with pytest.raises(SinkRefused, match="404; correct HTTP_CHECK_URL"):
        judge_check(ServiceAnswer(404))
    with pytest.raises(SinkRefused, match="301, a redirect"):
        judge_check(ServiceAnswer(301))
