"""The nemesis' plan: the same for a seed, complete, inside the load, one thing at a time for each worker."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest

from tests.system.chaos.crashing import POINTS
from tests.system.chaos.profiles import PROFILES, Profile
from tests.system.chaos.schedule import ALWAYS, SQS_KINDS, plan
from worker.loopback.faults import FaultRule

EACH_PROFILE = pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)


@EACH_PROFILE
def test_a_seed_always_plans_the_same(profile: Profile) -> None:
    """A red run can be replayed, and another seed is another run."""
    assert plan(profile, 7) == plan(profile, 7)
    assert plan(profile, 7) != plan(profile, 8)


@EACH_PROFILE
def test_everything_that_the_profile_asks_for_is_planned_inside_the_load(profile: Profile) -> None:
    """Nothing is left out, and nothing begins when nobody sends any more."""
    planned = plan(profile, 1)
    asked = {"kill": profile.kills, "term": profile.terms, "stop": profile.stops, "crash": profile.crashes}
    asked |= {"stall": profile.stalls} if profile.stalls else {}
    asked |= {"lock": profile.locks, "sqs": profile.sqs, "database": profile.restarts + profile.commit_losses}
    assert Counter(one.kind for one in planned) == {kind: count for kind, count in asked.items() if count}
    assert all(0 <= one.at_seconds < profile.load_seconds for one in planned)
    assert planned == sorted(planned, key=lambda one: one.at_seconds)


@EACH_PROFILE
def test_the_first_worker_is_never_killed(profile: Profile) -> None:
    """Its memory and its open files tell of the whole run."""
    assert {one.target for one in plan(profile, 1) if one.kind in {"kill", "term"}}.isdisjoint({0})


@EACH_PROFILE
def test_troubles_of_sqs_do_not_overlap_each_other(profile: Profile) -> None:
    """Each is seen to fire and to heal by itself."""
    windows = [one for one in plan(profile, 3) if one.kind == "sqs"]
    assert all(one.at_seconds + one.seconds <= later.at_seconds for one, later in pairwise(windows))


@EACH_PROFILE
def test_every_run_refuses_everything_once_and_half_fails_batches(profile: Profile) -> None:
    """Two checks have nothing to look at without them."""
    assert {one.detail for one in plan(profile, 9) if one.kind == "sqs"}.issuperset(ALWAYS)


@pytest.mark.parametrize("name", ["gate", "soak"])
def test_the_long_profiles_reach_every_crash_point_and_every_trouble(name: str) -> None:
    """What is built to be survived is met."""
    planned = plan(PROFILES[name], 5)
    points = Counter(one.detail for one in planned if one.kind == "crash")
    assert set(points) == set(POINTS)
    assert min(points.values()) >= 3
    assert {one.detail for one in planned if one.kind == "sqs"} == set(SQS_KINDS)


def test_every_trouble_is_a_rule_that_the_loopback_knows() -> None:
    """A misspelt rule would be refused in the middle of a run."""
    for rules in SQS_KINDS.values():
        for rule in rules:
            FaultRule(**rule)  # type: ignore[arg-type] # by name
