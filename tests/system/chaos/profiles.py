"""The sizes of a chaos run: how much, how long, how many of each fault. Values only."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from worker.loopback.rules import Rules

STALL_SECONDS_BEYOND = 0.5
STALL_LEASES = 2.5
"""How long stalls last, in turn. A short one ends this long after the last lease: others have just taken what the
sleeper held, and where its requests are not given up yet it hears answers that waited. After a long one none waits.
"""
STALLS_ENOUGH = 5
"""Half of them are short."""
RECEIVE_SLACK_SECONDS = 5
"""What the worker allows a receive beyond its long poll."""


@dataclass(frozen=True, slots=True)
class Profile:
    """One size. The first worker is never killed, so that its memory tells of the whole run."""

    name: str
    messages: int
    """On each of the two standard queues: one goes into SQLite, one into PostgreSQL."""
    groups: int
    """Of the FIFO queue."""
    rounds: int
    """Messages of each group."""
    workers: int
    visibility: int
    warm_up_seconds: float
    load_seconds: float
    kills: int
    terms: int
    stops: int
    crashes: int
    """Crash points: this many different ones, or each several times."""
    locks: int
    """A SQLite file is held by somebody else."""
    sqs: int
    """Windows of SQS trouble: this many kinds, or each several times."""
    quiesce_budget_seconds: float
    wait_seconds: int = 1
    """Of a long poll."""
    processes: int = 1
    """Of each worker, under one parent."""
    stalls: int = 0
    """SIGSTOP until others hold what the sleeper held, of workers that are killed as well."""
    rules: Rules = Rules.RECORDED
    """Whose word the loopback keeps."""
    message_ids: bool = False
    """Without a deduplication key in the body: messages are known by their ids."""
    idle_seconds: float = 0.0
    """At the end, when all is quiet, for what a burst needed to be given back."""
    restarts: int = 0
    """PostgreSQL ends, in order or not, and comes back."""
    commit_losses: int = 0
    """Windows in which PostgreSQL commits and the answer is lost on the way."""
    rss_budget_mib: int = 256
    fd_slack: int = 16
    fds: int = 420
    """64 receives and 64 other calls at a time for each of three queues; in practice it is half of this."""
    extra: dict[str, str] = field(default_factory=dict)
    """More settings of the workers."""

    @property
    def answers_wait(self) -> bool:
        """Whether some sleeper must wake to an answer: several of the short stalls end before a receive is given up."""
        given_up = self.wait_seconds + RECEIVE_SLACK_SECONDS
        return self.stalls >= STALLS_ENOUGH and self.visibility + STALL_SECONDS_BEYOND + 1 <= given_up


def cut(profile: Profile, *, name: str, load_seconds: float) -> Profile:
    """*profile* in less time: as many messages and faults a second, the same leases and workers."""
    share = load_seconds / profile.load_seconds

    def part(count: int) -> int:
        return max(1, round(count * share))

    return replace(
        profile, name=name, load_seconds=load_seconds, messages=part(profile.messages), rounds=part(profile.rounds),
        kills=part(profile.kills), terms=part(profile.terms), stops=part(profile.stops), crashes=part(profile.crashes),
        stalls=part(profile.stalls),
        locks=part(profile.locks), sqs=part(profile.sqs), restarts=part(profile.restarts),
        commit_losses=part(profile.commit_losses),
    )  # fmt: skip


SOAK = Profile(
    name="soak", messages=1_350_000, groups=3_000, rounds=100, workers=4, visibility=10,
    warm_up_seconds=10, load_seconds=4_200,
    kills=200, terms=150, stops=40, stalls=60, crashes=160, locks=40, sqs=150,
    restarts=30, commit_losses=40, quiesce_budget_seconds=300, idle_seconds=60,
)  # fmt: skip
PROFILES = {
    profile.name: profile
    for profile in (
        Profile(
            name="smoke", messages=3_500, groups=20, rounds=50, workers=3, visibility=3,
            warm_up_seconds=2, load_seconds=26,
            kills=5, terms=3, stops=1, crashes=3, locks=1, sqs=5,
            restarts=1, commit_losses=1, quiesce_budget_seconds=30,
        ),
        Profile(
            name="gate", messages=90_000, groups=1_000, rounds=20, workers=3, visibility=5,
            warm_up_seconds=10, load_seconds=400,
            kills=30, terms=20, stops=6, stalls=6, crashes=48, locks=6, sqs=33,
            restarts=6, commit_losses=8, quiesce_budget_seconds=90, idle_seconds=60, wait_seconds=2,
        ),
        Profile(  # leases long enough to be seen running out, sinks away for longer than them, and calm between
            name="sabotage", messages=5_000, groups=10, rounds=200, workers=3, visibility=6,
            warm_up_seconds=2, load_seconds=40,
            kills=2, terms=6, stops=1, crashes=2, locks=4, sqs=3,
            restarts=1, commit_losses=1, quiesce_budget_seconds=40,
        ),
        Profile(
            name="stalls", messages=6_000, groups=50, rounds=40, workers=4, visibility=3,
            warm_up_seconds=2, load_seconds=60,
            kills=2, terms=2, stops=2, stalls=9, crashes=2, locks=1, sqs=3,
            restarts=1, commit_losses=1, quiesce_budget_seconds=40,
        ),
        Profile(
            name="message-ids", messages=4_000, groups=20, rounds=50, workers=3, visibility=3,
            warm_up_seconds=2, load_seconds=40,
            kills=6, terms=3, stops=1, stalls=2, crashes=3, locks=1, sqs=6,
            restarts=1, commit_losses=2, quiesce_budget_seconds=40, message_ids=True,
        ),
        Profile(
            name="processes", messages=4_000, groups=20, rounds=50, workers=2, visibility=3,
            warm_up_seconds=2, load_seconds=50,
            kills=4, terms=2, stops=1, stalls=5, crashes=2, locks=1, sqs=5,
            restarts=1, commit_losses=1, quiesce_budget_seconds=40, processes=2,
        ),
        Profile(
            name="documented", messages=3_500, groups=20, rounds=50, workers=3, visibility=3,
            warm_up_seconds=2, load_seconds=30,
            kills=5, terms=3, stops=1, stalls=2, crashes=3, locks=1, sqs=5,
            restarts=1, commit_losses=1, quiesce_budget_seconds=30, rules=Rules.DOCUMENTED,
        ),
        SOAK,
        cut(SOAK, name="soak-cut", load_seconds=180),
    )
}  # fmt: skip
