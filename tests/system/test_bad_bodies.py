"""Bodies that nobody should send, through a real worker: each is out of the way once, and its neighbours are rows."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING, Final

from tests.system.rig import rig

if TYPE_CHECKING:
    from pathlib import Path

    from tests.system.rig import Child, Rig

MARK: Final = "canary-5d1f"
"""In every body that can hold a word: no log line may show it."""
SECRET: Final = "canarySecretAccessKey0123456789"
MIB: Final = 1024 * 1024
LAG_SECONDS: Final = 0.25

HOSTILE: Final = {
    " \t\n": "empty",
    f"{MARK}, said nobody in JSON": "decode",
    f"<!doctype html><p>{MARK}</p>": "decode",
    f'{{"order": "{MARK}"': "decode",
    f"{{'order': '{MARK}'}}": "decode",
    f'["{MARK}"]': "schema",
    f'"{MARK}"': "schema",
    "null": "schema",
    f'{{"{MARK}": NaN}}': "number",
    f'{{"{MARK}": -Infinity}}': "number",
    f'{{"{MARK}": 1e999}}': "number",
    f'{{"{MARK}": {"9" * 5000}}}': "number",
    "[" * 100_000 + "]" * 100_000: "depth",
    f'{{"{MARK}": ' * 100 + "1" + "}" * 100: "depth",
    f'{{"{MARK}": "\\ud800"}}': "unicode",
    "\ufeff" + f'{{"{MARK}": 1}}': "unicode",
    "{" + ",".join(f'"{MARK}{n}": 1' for n in range(10_001)) + "}": "keys",
    f'{{"{MARK}": [' + ",".join("{}" for _ in range(100_001)) + "]}": "size",
    MARK + "x" * (MIB - len(MARK)): "decode",
}
"""Each body and the reason for which it is out of the way."""

GOOD: Final = [
    *(f'{{"order_id": "{MARK}-{number}"}}' for number in range(20)),
    f'{{"order_id": "{MARK}-nul", "text": "\\u0000"}}',
    f'{{"order_id": "{MARK}-line", "text": "\\r\\n{{\\"event\\":\\"forged\\"}}"}}',
    f'{{"order_id": "{MARK}-sql", "text": "\'); DROP TABLE messages; --"}}',
    f'{{"order_id": "{MARK}-wide", "number": 123456789012345678901234567890}}',
    f'{{"order_id": "{MARK}-large", "text": "{"y" * (MIB - 100)}"}}',
]
"""Ugly ones among them, but every one a JSON object."""


def mixed() -> list[str]:
    """All of them, hostile ones between good ones."""
    good, hostile, bodies = list(GOOD), list(HOSTILE), []
    while good or hostile:
        bodies += [one.pop() for one in (good, hostile) if one]
    return bodies


def expect_every_good_row(rig: Rig) -> None:
    assert sorted(rig.rows("body")) == sorted(GOOD)


def expect_no_word_of_them(rig: Rig, worker: Child) -> None:
    """Neither bodies, nor handles, nor the secret; at log level debug."""
    said = "".join(worker.lines)
    handle = rig.sqs.receive_message(QueueUrl=rig.url("handles"))["Messages"][0]["ReceiptHandle"]
    assert MARK not in said
    assert SECRET not in said
    assert "forged" not in said
    assert handle[:4] not in said


class Noise:
    """How late this machine itself lets a sleeper wake: what a crowded machine does to the worker is not its fault."""

    def __init__(self) -> None:
        self.seconds = 0.0  # written by the thread
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        began = time.monotonic()
        while not self._over.wait(0.02):
            now = time.monotonic()
            self.seconds, began = max(self.seconds, now - began - 0.02), now

    def heard(self) -> float:
        """The longest lateness, at the end."""
        self._over.set()
        self._thread.join()
        return self.seconds


def expect_a_loop_that_turns(worker: Child, noise: Noise) -> None:
    """From the first message on; starting imports the SDK."""
    allowed = LAG_SECONDS + 2 * noise.heard()
    told = worker.facts("loop_lagged")  # the last line may only count them
    lags = [lag["seconds"] for lag in told if "seconds" in lag]
    assert [seconds for seconds in lags if seconds >= allowed] == []


def prepared(rig: Rig) -> None:
    """A queue that shows how receipt handles begin here, and the messages."""
    rig.sqs.create_queue(QueueName="handles")
    rig.send_bodies([f"{MARK} of a handle"], queue="handles")
    rig.send_bodies(mixed())


def test_every_hostile_body_is_dead_lettered_once_with_its_reason(tmp_path: Path) -> None:
    """With a dead-letter queue of ours, nothing is retried: the reason travels along, the good ones are rows."""
    with rig(tmp_path, queue="orders:visibility=30") as place:
        place.sqs.create_queue(QueueName="dead")
        prepared(place)
        worker = place.worker("--drain", SQS_DLQ_URL=place.url("dead"), AWS_SECRET_ACCESS_KEY=SECRET)
        worker.event("worker_started")
        worker.lines.clear()
        noise = Noise()
        assert worker.end() == 0
        letters = place.dead_letters()
        assert Counter(letter["Body"] for letter in letters) == Counter(list(HOSTILE))
        for letter in letters:
            if len(letter["Body"]) < MIB:  # beside a body of the full size no word has room
                context = json.loads(letter["MessageAttributes"]["DeadLetter"]["StringValue"])
                assert (context["reason"], context["attempts"]) == (HOSTILE[letter["Body"]], 1)
                assert MARK not in context["detail"]
        expect_every_good_row(place)
        account, books = worker.account(), place.books()
        assert (account["deleted"], account["rejected"]) == (len(GOOD), len(HOSTILE))
        assert (books["visible"], books["not_visible"], books["delayed"]) == (0, 0, 0)
        expect_no_word_of_them(place, worker)
        expect_a_loop_that_turns(worker, noise)


def test_without_a_dead_letter_queue_of_ours_the_redrive_policy_takes_them(tmp_path: Path) -> None:
    """They come back as often as the policy says, are counted each time, and end in its queue; the worker lives on."""
    with rig(tmp_path, queue="orders:dlq=dead,max=2,visibility=20") as place:
        prepared(place)
        worker = place.worker(
            "--drain", RETRY_BASE_SECONDS="0.1", RETRY_MAX_SECONDS="0.1", AWS_SECRET_ACCESS_KEY=SECRET
        )
        worker.event("worker_started")
        worker.lines.clear()
        noise = Noise()
        assert worker.end() == 0
        assert Counter(letter["Body"] for letter in place.dead_letters()) == Counter(list(HOSTILE))
        expect_every_good_row(place)
        account = worker.account()
        assert account["deleted"] == len(GOOD)
        assert account["rejected"] == 2 * len(HOSTILE), (account, place.books())
        told = worker.facts("message_rejected")
        assert {fact["reason"] for fact in told} == set(HOSTILE.values())
        assert {fact["dead_lettered"] for fact in told} == {False}
        expect_no_word_of_them(place, worker)
        expect_a_loop_that_turns(worker, noise)
