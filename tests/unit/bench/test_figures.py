"""The arithmetic of the benchmark, with made-up figures: nothing is started, nothing is measured."""

from __future__ import annotations

import asyncio
import inspect
import json
import os
from typing import TYPE_CHECKING

import pytest

from bench.books import Page
from bench.contestants import AIOBOTOCORE, ourselves
from bench.drain import Figures, Sample, between
from bench.load import Load, bodies, timed
from bench.machine import (
    core_of_contestant,
    core_of_loopback,
    cores,
    cpu_seconds,
    family,
    memory_bytes,
    peak_bytes,
    pinned,
)
from bench.memory import slope
from bench.programs import Failed
from bench.results import Section, Table, cells, notes_of, page, spread
from bench.rounds import Entry, Result
from bench.sampled import LOOP, part_of
from bench.sections import facts_of, versions
from bench.spans import Spans
from bench.targets import TARGETS, verdicts
from worker.pipeline.channel import Channel

if TYPE_CHECKING:
    from collections.abc import Callable


def figures(messages: int = 1_000, seconds: float = 2.0, cpu: float = 0.05, loopback: float = 1.0) -> Figures:
    """1,000 messages in two seconds, 50 µs CPU each."""
    return Figures(messages, seconds, cpu, loopback, requests_per_message=0.2, peak_bytes=64 * 2**20)


def result(*runs: Figures, left_out: str | None = None) -> Result:
    """A row with these rounds."""
    return Result(Entry(ourselves("sdk"), Load()), list(runs), left_out)


def test_a_window_is_what_lies_between_two_looks() -> None:
    """Everything that was there at the first look is taken off, and other programs are what nobody accounts for."""
    begin = Sample(10.0, Page(received=1_000, deleted=40, receives=100, others=4), 1.0, 2.0, 100.0)
    end = Sample(14.0, Page(received=9_000, deleted=8_040, receives=900, others=848), 1.4, 4.0, 103.0)
    found = between(begin, end, 7)
    assert (found.messages, found.rate, found.loopback_share) == (8_000, 2_000, 0.5)
    assert found.requests_per_message == pytest.approx(0.2055)
    assert found.cpu_microseconds == pytest.approx(50.0)
    assert found.core_share == pytest.approx(0.1)
    assert found.others_share == pytest.approx((3.0 - 0.4 - 2.0) / 4.0)


def test_a_window_without_a_message_is_no_figure() -> None:
    """Nothing is divided by nothing: the contestant failed."""
    look = Sample(10.0, Page(50, 40, 5, 4), 1.0, 2.0)
    with pytest.raises(Failed, match="deleted nothing"):
        between(look, look, 0)


def test_a_row_shows_the_middle_and_the_spread_of_its_rounds() -> None:
    """The median of three, with the least and the most; a single round has no spread."""
    row = result(figures(seconds=2.0), figures(seconds=1.0), figures(seconds=4.0))
    assert spread(row, lambda one: one.rate, ",.0f") == "500 (250 to 1,000)"
    assert spread(result(figures()), lambda one: one.rate, ",.0f") == "500"
    assert cells(result(figures())) == ("500", "50.0", "0.200", "64", "2%", "50%")


def test_a_row_whose_loopback_was_the_limit_is_marked() -> None:
    """More than nine tenths of the loopback's core: a star, and a note that says what it means."""
    row = result(figures(loopback=1.9))
    assert cells(row)[-1] == "95%*"
    assert any("the loopback is the limit" in note for note in notes_of([row]))
    assert notes_of([result(figures())]) == ()


def test_who_is_left_out_is_named_with_the_reason() -> None:
    """Not a row, but a note."""
    assert notes_of([result(left_out="node is missing")]) == ("**worker, sdk, sqlite** is left out: node is missing",)


def test_a_peer_that_is_not_installed_says_what_brings_it() -> None:
    """Whatever is missing, the reason names a remedy."""
    needy = ourselves("sdk")
    assert needy.missing() is None
    missing = AIOBOTOCORE.named("other").missing()
    assert missing is None or "make bench" in missing


def test_tables_are_aligned_markdown() -> None:
    """Names to the left, figures to the right, every line of one width."""
    text = Table(("who", "rate"), [("worker", "1,000"), ("x", "9")]).text()
    assert text.splitlines() == [
        "| who    |  rate |",
        "|--------|------:|",
        "| worker | 1,000 |",
        "| x      |     9 |",
    ]


def test_the_page_has_targets_first_and_every_section() -> None:
    """Head, picture, targets beside their figures, then each section with its notes."""
    section = Section("Depth", "Held.", Table(("waiting", "rate"), [("9", "1")]), ("noted",), {"rate.far": 20_000.0})
    text = page("A machine.", verdicts(section.facts), [section])
    order = [
        "# Results",
        "A machine.",
        "results.svg",
        "## Targets",
        "20,000/s |",
        "## Depth",
        "Held.",
        "| 9 ",
        "- noted",
    ]
    assert sorted(order, key=text.index) == order


def test_versions_name_every_peer() -> None:
    """From the pins, so that a page says what was measured."""
    assert all(f"{name} " in versions() for name in ("aiobotocore", "boto3", "celery", "sqs-consumer", "Node"))


def test_every_target_is_judged_by_its_own_side() -> None:
    """At the bound it is met, beyond it missed, and without a figure neither."""
    at = {target.fact: target.bound for target in TARGETS}
    beyond = {target.fact: target.bound * (1.01 if target.most else 0.99) for target in TARGETS}
    assert {one.word for one in verdicts(at)} == {"met"}
    assert {one.word for one in verdicts(beyond)} == {"MISSED"}
    assert {one.word for one in verdicts({})} == {"not measured"}


def test_the_row_of_ourselves_gives_the_targets_their_facts() -> None:
    """Rate, CPU, requests and memory, in the units of the targets."""
    assert facts_of(result(figures())) == {
        "rate.sqlite": 500.0,
        "cpu.sqlite": 50.0,
        "requests.sqlite": 0.2,
        "peak.sqlite": 64.0,
    }


@pytest.mark.parametrize("size", [100, 500, 128 * 1024])
def test_bodies_are_json_of_exactly_the_size(size: int) -> None:
    """All of them different, and the timed ones too."""
    made = list(bodies(size, 300))
    assert {len(one) for one in made} == {size} == {len(timed(2**62, size))}
    assert len({json.loads(one)["order_id"] for one in made}) == 300
    assert json.loads(timed(17, size))["sent_ns"] == 17


def test_a_load_survives_the_way_to_another_process() -> None:
    """What the command line says is what is read there."""
    load = Load(7, body_bytes=100, held=True, latency_seconds=0.04, tls=("a", "b"))
    again = Load.from_json(load.as_json())
    assert (again.waiting, again.held, tuple(again.tls or ())) == (7, True, ("a", "b"))


def test_times_leave_the_warm_up_out() -> None:
    """Of 200 sent over 20 s, those of the first two are not counted; the rest give their percentiles."""
    spans = Spans()
    for number in range(200):
        spans.add(number * 10**8, number * 10**8 + (10**9 if number < 20 else number * 10**6))
    found = spans.summary()
    assert found == {"count": 180.0, "p50": 110.0, "p95": 191.0, "p99": 198.0, "max": 199.0}
    assert Spans().summary() == {"count": 0.0}


def test_a_slope_is_mebibytes_a_minute() -> None:
    """A mebibyte a second is sixty a minute, and a flat line none."""
    assert slope([(float(at), at * 2**20) for at in range(5)]) == pytest.approx(60.0)
    assert slope([(float(at), 80 * 2**20) for at in range(5)]) == pytest.approx(0.0)


def test_the_kernel_knows_this_process() -> None:
    """Itself is in its family, has used CPU, and holds no more than its peak; a process that is gone has nothing."""
    me = os.getpid()
    assert me in family(me)
    assert cpu_seconds(me) > 0
    assert 0 < memory_bytes(me) <= peak_bytes(me)
    assert cpu_seconds(2**22 + 1) == memory_bytes(2**22 + 1) == 0


def test_contestant_and_loopback_have_cores_of_their_own_although_the_onlooker_keeps_to_one() -> None:
    """Who measures pins itself, and must not take its own core for all there are."""
    before = os.sched_getaffinity(0)
    cores.cache_clear()
    try:
        known = cores()
        with pinned(core_of_loopback()):
            assert (core_of_contestant(), core_of_loopback()) == ({known[0]}, {known[-1]})
            assert os.sched_getaffinity(0) == {known[-1]}
    finally:
        cores.cache_clear()
    assert os.sched_getaffinity(0) == before


def test_a_look_counts_for_the_part_of_the_worker_that_is_innermost() -> None:
    """A library works for whoever called it; outside of the worker it is the loop's own work."""
    seen: list[str] = []

    def weigh(item: int) -> int:
        seen.append(part_of(inspect.currentframe()))
        return item

    asyncio.run(_put(weigh))
    assert seen == ["ledger, room, channels, messages"]
    assert part_of(inspect.currentframe()) == LOOP


async def _put(weigh: Callable[[int], int]) -> None:
    Channel(weigh).put([1])
