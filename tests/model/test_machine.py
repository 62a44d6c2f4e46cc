"""A state machine that looks for the shortest way to break the core: Hypothesis chooses what happens to a world."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from tests.model.scenario import OPERATIONS, TROUBLES
from tests.model.workload import Kind, make_item
from tests.model.world import Terms, World
from worker.loopback.faults import FaultRule

if TYPE_CHECKING:
    from tests.model.process import SimProcess
    from tests.model.simsink import Trouble

KINDS: tuple[Kind, ...] = ("good", "flaky", "garbage", "refused", "rejected")
MOST_WORKERS = 3
RULES = st.sampled_from(
    [
        FaultRule(action, operation=operation, probability=0.5, share=0.5, seconds=3.0, performed=performed)
        for action in ("latency", "error", "silence", "reset", "lose_answer", "partial", "omit", "duplicate")
        for operation in OPERATIONS
        for performed in (False, True)
    ]
)


class Core(RuleBasedStateMachine):
    """One world; after every step of its loop the invariants are checked, and at the end it is healed and drained."""

    @initialize(groups=st.sampled_from((0, 0, 2)), rows=st.sampled_from((1, 4)), dead_letters=st.booleans())
    def begin(self, groups: int, rows: int, *, dead_letters: bool) -> None:
        """A world with one worker. Its seed is fixed: what is searched is what happens, not the schedule."""
        terms = Terms(
            lease_seconds=6,
            rows=rows,
            groups=groups,
            wait_seconds=1.0,
            drain_seconds=5.0,
            dead_letters=dead_letters,
            max_receive_count=1_000 if dead_letters else 4,
        )
        self.world = World(0, terms)
        self.numbers = 0
        self.world.start()

    @rule(kinds=st.lists(st.sampled_from(KINDS), min_size=1, max_size=8))
    def send(self, kinds: list[Kind]) -> None:
        """Messages arrive."""
        groups = self.world.terms.groups
        items = [make_item(self.numbers + n, kind, group_id=_group(n, groups)) for n, kind in enumerate(kinds)]
        self.numbers += len(items)
        self.world.send(items)

    @rule(seconds=st.sampled_from((0.001, 0.01, 0.03, 0.1, 1.0, 7.0)))
    def advance(self, seconds: float) -> None:
        """Time passes."""
        self.world.advance(seconds)

    @rule(rules=st.lists(RULES, max_size=2), troubles=st.lists(st.sampled_from(TROUBLES), max_size=1))
    def fault(self, rules: list[FaultRule], troubles: list[Trouble]) -> None:
        """Queue and sink go wrong, or are well again where both lists are empty."""
        self.world.set_faults(rules, troubles)

    @rule()
    def duplicate(self) -> None:
        """The queue hands out everything twice, without hiding it."""
        self.world.set_faults([FaultRule("duplicate"), FaultRule("still_visible", count=3)], [])

    @rule()
    def start(self) -> None:
        """One more worker."""
        if len(self.world.running()) < MOST_WORKERS:
            self.world.start()

    @rule(which=st.integers(0, MOST_WORKERS - 1), what=st.sampled_from(("stop", "force", "crash", "cancel")))
    def end(self, which: int, what: str) -> None:
        """A worker is made to go."""
        process = self._running(which)
        if process is None:
            return
        if what in {"stop", "force"}:
            self.world.stop(process)
        if what == "force":
            process.force()
        if what == "crash":
            self.world.crash(process)
        if what == "cancel":
            self.world.cancel(process)

    @rule(which=st.integers(0, MOST_WORKERS - 1))
    def freeze_or_thaw(self, which: int) -> None:
        """A worker's machine stands still, or goes on."""
        process = self._running(which)
        if process is not None:
            (self.world.thaw if process.frozen else self.world.freeze)(process)

    def teardown(self) -> None:
        """Heal, drain, account for everything."""
        if hasattr(self, "world"):
            try:
                self.world.finish()
            finally:
                self.world.close()

    def _running(self, which: int) -> SimProcess | None:
        running = self.world.running()
        return running[which % len(running)] if running else None


def _group(number: int, groups: int) -> str | None:
    return f"g{number % groups}" if groups else None


class TestCore(Core.TestCase):  # type: ignore[misc,valid-type] # Hypothesis makes the class at run time
    """Whatever Hypothesis does to the world, every invariant holds."""

    settings = settings(
        max_examples=300,
        stateful_step_count=25,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
