"""When a task is protected, and for how long after its work: pure, at times that the test names."""

from __future__ import annotations

from worker.ecs.policy import CALM_SECONDS, EXPIRES_MINUTES, HOLD_SECONDS, RENEW_SECONDS, Keeping, Wish


def asked(keeping: Keeping, now: float, *, busy: bool) -> Wish | None:
    """What is wished for at *now*; it is done at once."""
    wish = keeping.wish(now, busy=busy)
    if wish is not None:
        keeping.done(wish, now)
    return wish


def wishes(keeping: Keeping, looks: range, *, busy: bool) -> list[tuple[int, Wish]]:
    """Every wish of these looks."""
    told = [(now, asked(keeping, now, busy=busy)) for now in looks]
    return [(now, wish) for now, wish in told if wish is not None]


def test_what_a_process_before_this_one_asked_for_is_undone_once() -> None:
    """A container that was restarted in its task finds an old protection there, and no work."""
    assert wishes(Keeping(alone=True), range(1000), busy=False) == [(0, "release")]


def test_work_is_protected_at_once_and_renewed_long_before_it_runs_out() -> None:
    """A quarter of an hour of work is three requests."""
    assert wishes(Keeping(alone=True), range(900), busy=True) == [(0, "protect"), (300, "protect"), (600, "protect")]
    assert RENEW_SECONDS * 2 <= EXPIRES_MINUTES * 60


def test_it_is_held_for_a_minute_after_the_work() -> None:
    """Piece upon piece of work is one protection, not a change with each: ECS limits how often it may change."""
    keeping = Keeping(alone=True)
    assert wishes(keeping, range(100), busy=True) == [(0, "protect")]
    for piece in range(200, 500, 100):  # 50 s of work, 50 s without
        assert wishes(keeping, range(piece - 100, piece - 50), busy=False) == []
        assert set(wishes(keeping, range(piece - 50, piece), busy=True)) <= {(350, "protect")}  # renewed
    assert wishes(keeping, range(400, 600), busy=False) == [(399 + HOLD_SECONDS, "release")]
    assert wishes(keeping, range(600, 10_000), busy=False) == []


def test_after_long_protection_the_first_gap_ends_it() -> None:
    """One long job after another, a second apart: a deployment that waits has its chance between two of them."""
    keeping = Keeping(alone=True)
    wishes(keeping, range(int(CALM_SECONDS) + 1), busy=True)
    assert asked(keeping, CALM_SECONDS + 1, busy=False) == "release"
    assert asked(keeping, CALM_SECONDS + 2, busy=True) == "protect"
    assert asked(keeping, CALM_SECONDS + 3, busy=False) is None


def test_what_was_not_done_is_wished_for_again() -> None:
    """A refused request changes nothing in what is known."""
    keeping = Keeping(alone=True)
    assert [keeping.wish(now, busy=True) for now in range(3)] == ["protect"] * 3
    assert keeping.protected is None


def test_one_of_several_processes_in_a_task_never_releases_what_another_needs() -> None:
    """It lets its own request run out: at most ten minutes after the last work of all."""
    keeping = Keeping(alone=False)
    assert wishes(keeping, range(100), busy=False) == [(0, "let-expire")]
    assert wishes(keeping, range(100, 102), busy=True) == [(100, "protect")]
    assert wishes(keeping, range(102, 1000), busy=False) == [(161, "let-expire")]
