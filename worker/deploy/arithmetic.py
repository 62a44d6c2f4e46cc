"""A plan in words and numbers: every step of the arithmetic, so that somebody can check it with a pencil."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from worker.deploy.quantities import DAY, rate, span

if TYPE_CHECKING:
    from collections.abc import Iterator

    from worker.deploy.scaling import Plan


def lines(plan: Plan) -> Iterator[str]:
    """The whole of it."""
    yield "what has to be done"
    yield from (f"  {line}" for line in _load(plan))
    yield "what one worker does"
    yield from (f"  {line}" for line in _worker(plan))
    yield "how many workers"
    yield from (f"  {line}" for line in _workers(plan))
    yield "when more of them"
    yield from (f"  {line}" for line in _target(plan))
    if plan.load.backlog:
        yield "when the backlog is gone"
        yield from (f"  {line}" for line in _drain(plan))


def _load(plan: Plan) -> Iterator[str]:
    load = plan.load
    if load.backlog and math.isfinite(load.deadline):
        meanwhile = load.incoming * load.deadline
        yield (
            f"{load.backlog:,} waiting + {load.incoming * DAY:,.0f} a day for {span(load.deadline)}"
            f" = {load.backlog + meanwhile:,.0f} messages in that time: {rate(load.needed)}"
        )
    elif load.backlog:
        yield f"{load.backlog:,} waiting, and no time by which they shall be gone (--deadline)"
    yield (
        f"{rate(load.incoming)} come in"
        if load.incoming
        else "what comes in is not given (--incoming): taken as nothing"
    )


def _worker(plan: Plan) -> Iterator[str]:
    worker = plan.worker
    yield f"{rate(worker.rate)}; planned with {worker.busy * 100:.0f} % of it: {rate(worker.planned)}"


def _workers(plan: Plan) -> Iterator[str]:
    load, wishes = plan.load, plan.wishes
    planned = plan.worker.planned * DAY
    yield f"to keep up: {load.incoming * DAY:,.0f} / {planned:,.0f} a day = {_quotient(load.incoming, plan)}"
    if load.backlog and math.isfinite(load.deadline):
        yield f"for the deadline: {load.needed * DAY:,.0f} / {planned:,.0f} a day = {_quotient(load.needed, plan)}"
    if load.peak:
        yield f"at the peak: {load.peak * DAY:,.0f} / {planned:,.0f} a day = {_quotient(load.peak, plan)}"
    low = "given" if wishes.minimum is not None else "keeps up, and at least 1"
    high = "given" if wishes.maximum is not None else "the most of the above"
    yield f"minimum {plan.minimum} ({low}), maximum {plan.maximum} ({high})"
    if plan.minimum == plan.maximum and wishes.maximum is None:
        yield "there is nothing to scale between them: --peak says what comes in at the worst time"
    if plan.maximum < plan.steady:
        yield f"TOO FEW: {plan.steady} workers are needed to keep up, so the queue grows for ever"


def _target(plan: Plan) -> Iterator[str]:
    worker, wishes = plan.worker, plan.wishes
    if wishes.target is None:
        product = f"{span(wishes.freshness)} x {worker.rate:.3g}/s = {plan.target:,} messages a worker"
        yield f"a message may wait {span(wishes.freshness)}: {product}"
    else:
        fresh = max(1, math.floor(worker.rate * wishes.freshness))
        late = span(plan.target_seconds)
        yield f"{plan.target:,} messages a worker were given: {late} of work, so messages may be that late"
        yield f"no later than {span(wishes.freshness)} would be {fresh:,} messages a worker"
    yield f"KEDA counts those in flight as well: {plan.target:,} + {worker.in_flight:,} = {plan.keda_target:,}"
    if not worker.in_flight:
        yield "what a worker holds is not given: measure it by --status or give --in-flight, or KEDA starts too many"
    yield f"the maximum is asked for from {plan.target:,} x {plan.maximum} = {plan.all_asked_for:,} messages on"


def _drain(plan: Plan) -> Iterator[str]:
    for workers in sorted({max(1, plan.minimum), plan.steady or 1, plan.maximum}):
        slow, quick = plan.seconds_to_empty(workers), plan.seconds_to_empty(workers, planned=False)
        spare = workers * plan.worker.planned - plan.load.incoming
        if math.isinf(quick):
            yield f"{workers:,} workers: never, they do not keep up"
        elif math.isinf(slow):
            yield f"{workers:,} workers: only if all goes well, in {span(quick)}"
        else:
            planned = f"{plan.load.backlog:,} / {spare:.3g}/s = {span(slow)}"
            yield f"{workers:,} workers: {planned}, or {span(quick)} at their full rate"


def _quotient(per_second: float, plan: Plan) -> str:
    exact = per_second / plan.worker.planned
    return f"{exact:.2f} → {math.ceil(exact - 1e-9)}"
