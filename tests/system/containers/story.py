"""What is done with the project, and what has to hold: three workers, five, two, none, and every message once."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tests.system.containers.inside import ACCOUNT, COUNT_ROWS, COUNT_TABLE, LOOK_INSIDE, SECONDS_TO_HEALTHY
from tests.system.containers.stack import BASE, IMAGE, POSTGRES, PROJECT, now
from tests.system.containers.told import say, until

if TYPE_CHECKING:
    from tests.system.containers.stack import Stack
    from tests.system.containers.told import Checks

PATIENCE_SECONDS: Final = 300.0
SEEN_SECONDS: Final = 90.0
"""Prometheus asks the name server every 5 s, and each worker every 5 s; engines take longer to start one here."""
LAYERS_BYTES_MAX: Final = 70_000_000
HEALTHY_SECONDS_MAX: Final = 2.0
CPUS: Final = 0.5
TRIES: Final = 3
"""A busy machine makes a start longer, never shorter."""
ENDS: Final = ("deleted", "retried", "rejected", "released", "expired")
ACCOUNTED: Final = " + ".join(f"sqs_worker_messages_{end}_total" for end in ENDS)
UP: Final = 'up{job="worker"} == 1'


def image(stack: Stack, checks: Checks) -> None:
    """What is in the image, what may be written, and how much it adds to its base."""
    inside = stack.python(LOOK_INSIDE, network="none")
    safe = inside["uid"] == 10001 and not inside["tools"] and "written" not in (inside["root"], inside["opt"])
    checks.that("numeric user, no compiler, read-only root", inside, holds=safe)
    checks.that("the C extension is in the image", inside["extension"], holds=inside["extension"] == "there")
    whole, base = (int(stack.inspect(name, ".Size")) for name in (IMAGE, BASE))
    sizes = f"{(whole - base) / 1e6:.1f} MB over {base / 1e6:.0f} MB"
    checks.that(
        f"our layers are at most {LAYERS_BYTES_MAX / 1e6:.0f} MB", sizes, holds=whole - base <= LAYERS_BYTES_MAX
    )


def healthy(stack: Stack, checks: Checks) -> None:
    """How long a worker takes from its start until its health check is good, and how much of its half of a CPU."""
    queue = {
        "SQS_QUEUE_URL": "http://loopback:9324/000000000000/orders-dead",
        "SQS_ENDPOINT_URL": "http://loopback:9324",
    }
    told = queue | {"AWS_ACCESS_KEY_ID": "demo", "AWS_SECRET_ACCESS_KEY": "demo", "AWS_REGION": "us-east-1"}
    environment = [f"--env={name}={value}" for name, value in (told | {"SINK": "discard"}).items()]
    taken: list[dict[str, float]] = []
    while len(taken) < TRIES and not _quick(taken):
        taken.append(stack.python(SECONDS_TO_HEALTHY, within=(f"--cpus={CPUS}", "--memory=512m", *environment)))
    claim = f"healthy in {HEALTHY_SECONDS_MAX:.0f} s, and in as long with half a CPU; seconds by page"
    checks.that(claim, taken, holds=_quick(taken))


def _quick(taken: list[dict[str, float]]) -> bool:
    """Without the time in which other programs had the CPU: a machine that others keep busy says nothing else."""
    good = [one for one in taken if one["worker health"] == 0 and "/livez" in one]
    longest = [max(one["/livez"] - one["waited for a CPU"], one["CPU"] / CPUS) for one in good]
    return min(longest, default=60) <= HEALTHY_SECONDS_MAX


def three(stack: Stack, checks: Checks) -> None:
    """Three are there, each works, and one of them is stopped in the middle of the work and started again."""
    seen(stack, checks, 3)
    one = stack.workers()[0]
    stack.stop(one)
    told = stack.last_line(one, "pipeline_stopped")
    code = stack.inspect(one, ".State.ExitCode")
    checks.that("a worker stopped under load ends with 0", (code, _counts(told)), holds=code == "0" and _clean(told))
    stack.start(one)
    seen(stack, checks, 3)


def crashed(stack: Stack, checks: Checks) -> None:
    """One worker ends as for lack of memory, under load: the engine starts it again, and its messages come back."""
    one = stack.workers()[0]
    number = int(stack.inspect(one, ".State.Pid"))
    told = Path(f"/proc/{number}/cmdline")
    if not (told.exists() and b"/opt/worker/bin/worker\0run" in told.read_bytes()):
        say("      the engine's processes are not those of this machine: no crash is tried")
        return
    os.kill(number, signal.SIGKILL)

    def restarts() -> tuple[str, str]:
        return stack.inspect(one, ".RestartCount"), stack.inspect(one, ".State.Status")

    again = until("the engine to start a worker again", restarts, lambda now: now == ("1", "running"), seconds=60)
    checks.that("a worker that crashed is started again (times, now)", again, holds=again == ("1", "running"))
    seen(stack, checks, 3)


def five_and_two(stack: Stack, checks: Checks, messages: int) -> None:
    """Scaled to five and back to two while messages keep coming."""
    before = set(stack.workers())
    stack.scale(5)
    seen(stack, checks, 5)
    _under_load(stack, checks, messages, "scaled to five")
    every, since = stack.workers(), now()
    checks.that("the three that were there were left alone", len(before), holds=before <= set(every))
    stack.follow(*every)
    stack.scale(2)
    gone = [one for one in every if one not in stack.workers(running=True)]
    _under_load(stack, checks, messages, "scaled to two")
    ended = [stack.ended(one, since=since) for one in gone]
    found = [(one.code, _counts(one.stopped)) for one in ended]
    good = len(ended) == 3 and all(one.code == 0 and _clean(one.stopped) for one in ended)
    checks.that("those that went ended with 0, all in hand accounted for", found, holds=good)
    seen(stack, checks, 2)
    was = stack.query('count(count by (instance) (last_over_time(up{job="worker"}[30m])))')
    checks.that("Prometheus remembers at least five", [value for _, value in was], holds=bool(was and was[0][1] >= 5))


def seen(stack: Stack, checks: Checks, workers: int) -> None:
    """Prometheus finds exactly so many, and each has deleted messages."""
    working = f"{UP} and on(instance) (sum by (instance) (sqs_worker_messages_deleted_total) > 0)"

    def found() -> tuple[int, int]:
        return len(stack.query(UP)), len(stack.query(working))

    what = f"Prometheus to see {workers} workers that work (there, working)"
    last = until(what, found, lambda now: now == (workers, workers), seconds=SEEN_SECONDS)
    checks.that(f"Prometheus sees {workers} workers, each at work (there, working)", last, holds=last == (workers,) * 2)


def _under_load(stack: Stack, checks: Checks, messages: int, when: str) -> None:
    deleted = stack.python(ACCOUNT)["deleted"]
    checks.that(f"messages were still coming when it was {when}", f"{deleted} of {messages}", holds=deleted < messages)


def drained(stack: Stack, checks: Checks, messages: int) -> None:
    """Every message in one row, and every number the same."""

    def look() -> dict[str, int]:
        queue = stack.python(ACCOUNT)
        return {name: queue[name] for name in ("sent", "deleted", "visible", "not_visible", "delayed")}

    empty = {"sent": messages, "deleted": messages, "visible": 0, "not_visible": 0, "delayed": 0}
    left = until("the queue to be empty", look, lambda now: now == empty, seconds=PATIENCE_SECONDS)
    checks.that("the queue is empty", left, holds=left == empty)
    rows = _rows(stack)
    checks.that("every message is in exactly one row (rows, different)", rows, holds=rows == [messages, messages])

    def difference() -> list[float]:
        return [value for _, value in stack.query(f"sum(sqs_worker_messages_received_total - ({ACCOUNTED}))")]

    even = until("the counters to agree", difference, lambda now: now == [0.0], seconds=SEEN_SECONDS)
    checks.that("received = deleted + given back over the workers that are left", even, holds=even == [0.0])


def _rows(stack: Stack) -> list[int]:
    if stack.scene.profile == POSTGRES.profile:
        dsn = "--env=POSTGRES_DSN=postgresql://worker:demo@postgres:5432/orders"
        in_table: list[int] = stack.python(COUNT_TABLE, within=(dsn,))
        return in_table
    in_file: list[int] = stack.python(COUNT_ROWS, within=("--volume", f"{PROJECT}_rows:/data"))
    return in_file


def watched(stack: Stack, checks: Checks) -> None:
    """The rules are loaded, and Prometheus has found its Alertmanager."""
    rules = (stack.ask("prometheus", "/api/v1/rules") or {"data": {"groups": []}})["data"]["groups"]
    bad = [rule["name"] for group in rules for rule in group["rules"] if rule["health"] == "err"]
    checks.that("Prometheus has rules, and each can be computed", (len(rules), bad), holds=bool(rules) and not bad)

    def found() -> list[str]:
        answer = stack.ask("prometheus", "/api/v1/alertmanagers")
        return [one["url"] for one in answer["data"]["activeAlertmanagers"]] if answer else []

    there = until("Prometheus to find Alertmanager", found, bool, seconds=SEEN_SECONDS)
    checks.that("Prometheus has found Alertmanager", there, holds=bool(there))
    status = stack.ask("alertmanager", "/api/v2/status")
    checks.that("Alertmanager answers", (status or {}).get("versionInfo", {}).get("version"), holds=bool(status))


def stopped(stack: Stack, checks: Checks) -> None:
    """SIGTERM to all workers at once."""
    workers = stack.workers(running=True)
    began = time.monotonic()
    stack.stop(*workers)
    seconds = round(time.monotonic() - began, 1)
    codes = [stack.inspect(one, ".State.ExitCode") for one in workers]
    checks.that(f"SIGTERM ends {len(workers)} workers with 0, in {seconds} s", codes, holds=codes == ["0", "0"])
    held = [stack.last_line(one, "pipeline_stopped").get("in_flight") for one in workers]
    checks.that("nothing is left in flight", held, holds=held == [0, 0])


def _counts(told: dict[str, Any]) -> dict[str, Any]:
    return {name: told.get(name) for name in ("received", *ENDS, "in_flight")}


def _clean(told: dict[str, Any]) -> bool:
    return bool(told) and told["in_flight"] == 0 and told["received"] == sum(told[end] for end in ENDS)
