"""A chaos run from the first process to the verdict: `python -m tests.system.chaos.run --profile smoke --seed 7`.

Preflight, warm-up without faults, load under the nemesis, healing, quiet, SIGTERM to all, draining by a plain client,
and the checker over the books. Ends with one JSON report and the line that replays it: 0 green, 1 red, 2 invalid.
"""

from __future__ import annotations

import json
import random
import signal
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tests.system.chaos import books
from tests.system.chaos.checker import EXIT, judge
from tests.system.chaos.crew import SECRETS, Crew
from tests.system.chaos.evidence import Evidence, Limits
from tests.system.chaos.nemesis import Nemesis
from tests.system.chaos.producer import CANARY
from tests.system.chaos.profiles import PROFILES
from tests.system.chaos.report import report
from tests.system.chaos.sabotage import SABOTAGES
from tests.system.chaos.schedule import plan
from tests.system.chaos.surroundings import Surroundings
from tests.system.chaos.watch import Watch
from tests.system.chaos.world import DEAD, FIFO, LOOK_SECONDS, PLACES, START_SECONDS, Broken, World
from tests.system.postgres import PASSWORD, postgres
from tests.system.proxy import proxy

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.system.chaos.profiles import Profile
    from tests.system.postgres import Postgres
    from tests.system.proxy import Proxy

DRAIN_SECONDS = 15.0
QUIET_LEASES = 2
"""Nothing may appear in a source queue for this many visibility timeouts."""
HANDLE = "AQEB"
"""How every receipt handle of the loopback begins; in base64 and ids of other things it is not found by chance."""


class Run:
    """One run in one folder."""

    def __init__(self, profile: Profile, seed: int, folder: Path, server: Postgres, network: Proxy) -> None:
        self._profile = profile
        self._seed = seed
        self._world = World(profile, seed, folder, server, network)
        config = self._world.configuration(drain_seconds=DRAIN_SECONDS)
        self._crew = Crew(folder, config, profile.extra, seed=seed, processes=profile.processes)
        around = Surroundings(
            self._crew,
            self._world.client,
            databases=self._world.databases,
            server=server,
            network=network,
            poll_seconds=profile.wait_seconds,
        )
        self._nemesis = Nemesis(self._crew, around, visibility=profile.visibility)
        self.seconds: dict[str, float] = {}
        """How long each phase took; written by `_phase`."""

    def end(self) -> None:
        """End every process."""
        self._crew.end()
        self._world.end()

    def evidence(self) -> Evidence:
        """All phases; then what they left behind."""
        watch = Watch(self._crew)
        try:
            self._phase("preflight", self._preflight)
            self._phase("warm_up", self._warm_up)
            self._phase("load", self._load)
            self._phase("quiesce", self._quiesce)
        finally:
            watch.stop()
        self._phase("stop", self._stop)
        return self._collect()

    def _phase(self, name: str, act: Callable[[], None]) -> None:
        began = time.monotonic()
        act()
        self.seconds[name] = round(time.monotonic() - began, 3)

    def _tick(self) -> None:
        time.sleep(LOOK_SECONDS)
        self._crew.look()

    def _preflight(self) -> None:
        """Every worker has all its pipelines open and has had an answer."""
        members = [self._crew.start(f"w{number}") for number in range(self._profile.workers)]
        deadline = time.monotonic() + START_SECONDS
        while not all(member.working for member in members):
            self._tick()
            if time.monotonic() > deadline or not all(member.alive for member in members):
                raise Broken("\n".join(member.log.read_text() for member in members))

    def _warm_up(self) -> None:
        self._world.produce()
        end = time.monotonic() + self._profile.warm_up_seconds
        while time.monotonic() < end:
            self._tick()

    def _load(self) -> None:
        """The nemesis at work; then everything is healed, and the producers come to their end."""
        self._nemesis.run(plan(self._profile, self._seed), self._profile.load_seconds, self._tick)
        self._world.hurry()
        deadline = time.monotonic() + self._profile.quiesce_budget_seconds
        while any(producer.poll() is None for producer in self._world.producers):
            self._tick()
            if time.monotonic() > deadline:
                raise Broken("a producer did not come to its end")

    def _quiesce(self) -> None:
        """Nothing visible, in flight or delayed for two leases; or the budget is over, and the checker will say so.

        A long run then idles for as long as unused connections live: what is open after that stays open.
        """
        deadline = time.monotonic() + self._profile.quiesce_budget_seconds
        quiet_since = time.monotonic()
        while time.monotonic() < min(deadline, quiet_since + QUIET_LEASES * self._profile.visibility):
            self._tick()
            if self._world.waiting():
                quiet_since = time.monotonic()
        until = time.monotonic() + self._profile.idle_seconds
        while time.monotonic() < until:
            self._tick()

    def _stop(self) -> None:
        """SIGTERM to all that are there; a parent tells its processes."""
        there = [process for process in self._crew.lives if process.alive and process.parent is None]
        for process in there:
            process.signal(signal.SIGTERM, "term")
        deadline = time.monotonic() + DRAIN_SECONDS + START_SECONDS
        while any(process.alive for process in there) and time.monotonic() < deadline:
            self._tick()

    def _collect(self) -> Evidence:
        """Drain what is left by a plain client, close the books, read them."""
        world, profile = self._world, self._profile
        queues = world.client.queues()
        letters, remainder = list(world.letters()), world.remainder()
        self.end()
        limits = Limits(
            visibility_seconds=profile.visibility,
            drain_seconds=DRAIN_SECONDS,
            rss_bytes=profile.rss_budget_mib * 2**20,
            fd_slack=profile.fd_slack,
            fds=profile.fds,
            answers_wait=profile.answers_wait,
        )
        return Evidence(
            produced=books.produced(world.sent(place) for place in PLACES),
            rows={place.name: world.rows(place.name) for place in PLACES},
            letters=letters,
            remainder=remainder,
            changes=lambda: books.changes(world.ledger),
            lives=[process.life() for process in self._crew.lives],
            queues=queues,
            faults=[under.fault() for under in self._nemesis.faults],
            limits=limits,
            dead_letter_queues=DEAD,
            fifo=FIFO,
            sources={place.name: place.queue for place in PLACES},
            canaries={**SECRETS, "database password": PASSWORD, "body": CANARY, "receipt handle": HANDLE},
        )


def run(profile: Profile, seed: int, folder: Path) -> dict[str, object]:
    """One run; returns its report."""
    began = time.monotonic()
    with ExitStack() as ends:
        server = ends.enter_context(postgres())
        network = ends.enter_context(proxy(server.port, seed=seed))
        one = Run(profile, seed, folder, server, network)
        ends.callback(one.end)
        evidence = one.evidence()
        checking = time.monotonic()
        verdict = judge(evidence)
        one.seconds["check"] = round(time.monotonic() - checking, 3)
    one.seconds["all"] = round(time.monotonic() - began, 3)
    return report(evidence, verdict, profile=profile, seed=seed, seconds=one.seconds)


def sabotaged(name: str, profile: Profile, seed: int, folder: Path) -> dict[str, object]:
    """A run with a broken worker: its report, and whether the check that is meant to see it was red."""
    told = run(replace(profile, extra={"CHAOS_SABOTAGE": name}), seed, folder)
    expected, checks = SABOTAGES[name][1], told["checks"]
    assert isinstance(checks, dict)
    return {"sabotage": name, "expected": expected, "seen": checks[expected] > 0, **told}


def show(told: Mapping[str, object], path: Path | None) -> None:
    """The report on standard output and where else it is wanted."""
    text = json.dumps(told, indent=2)
    click.echo(text)
    if path is not None:
        path.write_text(text + "\n", encoding="utf-8")


def try_all(profile: Profile, seed: int, folder: Path) -> int:
    """Every sabotage in turn, a line for each; how many were not seen."""
    unseen = 0
    for name in SABOTAGES:
        place = folder / name
        place.mkdir()
        told = sabotaged(name, profile, seed, place)
        unseen += not told["seen"]
        click.echo(f"{name:<22} {told['expected']:<28} {'seen' if told['seen'] else 'NOT SEEN'}")
    return unseen


@click.command()
@click.option("--profile", "name", type=click.Choice(list(PROFILES)), default="smoke", show_default=True)
@click.option("--seed", type=int, default=None, help="The same seed plans the same faults; drawn if it is not given.")
@click.option("--report", "path", type=click.Path(path_type=Path), default=None, help="Write the report here as well.")
@click.option("--folder", type=click.Path(path_type=Path), default=None, help="Keep books, logs and databases here.")
@click.option(
    "--sabotage", type=click.Choice([*SABOTAGES, "all"]), default=None, help="Break the worker: must be seen."
)
def main(*, name: str, seed: int | None, path: Path | None, folder: Path | None, sabotage: str | None) -> None:
    """Several workers, three queues, everything that can go wrong, and every message accounted for."""
    seed = random.SystemRandom().randrange(1_000_000) if seed is None else seed
    profile = PROFILES["sabotage" if sabotage else name]
    with tempfile.TemporaryDirectory(prefix="chaos-") as temporary:
        place = (folder or Path(temporary)).resolve()
        place.mkdir(parents=True, exist_ok=True)
        if any(place.iterdir()):
            raise click.UsageError(f"{place} is not empty: books of two runs cannot be told apart")
        if sabotage == "all":
            sys.exit(int(try_all(profile, seed, place) > 0))
        told = sabotaged(sabotage, profile, seed, place) if sabotage else run(profile, seed, place)
    show(told, path)
    if sabotage:
        click.echo(f"{sabotage}: {'seen' if told['seen'] else 'NOT SEEN'}", err=True)
        sys.exit(int(not told["seen"]))
    click.echo(f"{told['verdict']}; replay: {told['replay']}", err=True)
    sys.exit(EXIT[str(told["verdict"])])


if __name__ == "__main__":
    main()
